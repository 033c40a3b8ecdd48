"""One of each kind of store for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import storekit


@pytest.fixture(scope="module")
def module_environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["folder", "s3", "clickhouse-18.16", "clickhouse-today"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, module_environment: pytest.MonkeyPatch
) -> Iterator[str]:
    """An address to which a name can be appended: `store + "x"` is a place of its own."""
    pytest.importorskip("chdb")
    folder: Path = tmp_path_factory.mktemp("store")
    if request.param == "folder":
        yield f"{folder}/"
    elif request.param == "s3":
        with storekit.s3(module_environment, folder / "home"):
            yield "s3://audit/some/prefix-"
    elif request.param == "clickhouse-today":
        with storekit.engine_of_today() as port:
            yield f"clickhouse+http://127.0.0.1:{port}/default.audit_"
    elif not storekit.has_clickhouse():
        pytest.skip("clickhouse-server is not installed (apt-get install clickhouse-server)")
    else:
        module_environment.setenv("CLICKHOUSE_USER", "auditor")
        module_environment.setenv("CLICKHOUSE_PASSWORD", storekit.PASSWORD)
        with storekit.clickhouse(folder / "server") as port:
            yield f"clickhouse+http://127.0.0.1:{port}/default.audit_"
