"""Method and URL as RequestInfoFactory reads them; the rows are its answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.policy.request import from_url

DATA = Path(__file__).resolve().parents[2] / "data" / "oracle"


@pytest.mark.parametrize("name", ["requests.jsonl", "requests-more.jsonl"])
def test_reads_urls_as_kubernetes_does(name: str) -> None:
    rows = [json.loads(line) for line in (DATA / name).read_text().splitlines()]
    assert rows
    for row in rows:
        info = from_url(row["method"], row["url"], "alice", ("g",))
        a = info.attributes
        assert {
            "apiGroup": a.api_group,
            "apiVersion": info.api_version,
            "isResource": a.is_resource,
            "name": a.name,
            "namespace": a.namespace,
            "path": a.path,
            "resource": a.resource,
            "subresource": a.subresource,
            "verb": a.verb,
        } == row["attributes"], row
        assert info.long_running == row["longRunning"], row
        assert bool(info.error) == ("error" in row), row
        assert (a.user, a.groups) == ("alice", ("g",))


def test_takes_a_whole_url() -> None:
    assert from_url("GET", "https://10.0.0.1:6443/api/v1/pods?watch").attributes.verb == "watch"
    assert from_url("GET", "https://10.0.0.1:6443").attributes.path == "/"


@pytest.mark.parametrize("url", ["", "pods", "/a%zz", "/a\nb", "api/v1/pods"])
def test_refuses_what_is_no_url(url: str) -> None:
    with pytest.raises(InputError):
        from_url("GET", url)
