"""Words of a question that are nowhere in the log: what was meant is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from eventkit import NOISE, event, write

from kaudit_setup.auditlog.reports import absent_values
from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(
        tmp_path / "cp1" / "audit.log",
        NOISE[0],
        event("10:00:00.000000", "bob", "create", "pods", "web-1", ns="shop", code=201),
        event("10:10:00.000000", "Carol@corp.com", "delete", "configmaps", "settings", ns="shop"),
        event(
            "10:11:00.000000",
            "system:serviceaccount:ci:robot",
            "create",
            "clusterrolebindings",
            "boss",
            ns="",
            group=RBAC,
        ),
        NOISE[1],
    )


ASKED = [
    ("who touched --user BOB", "did you mean bob?"),
    ("who touched --user carol@corp.com", "did you mean Carol@corp.com?"),
    ("who created pod/WEB-1 -n shop", "did you mean web-1?"),
    ("who created pod/web-1 -n SHOP", "did you mean shop?"),
    ("who deleted pods -n Shop", "did you mean shop?"),
    ("events --user BOB", "did you mean bob?"),
    ("events -n SHOP", "did you mean shop?"),
    ("events --name WEB-1", "did you mean web-1?"),
    ("top --by user --user Bob", "did you mean bob?"),
]


@pytest.mark.parametrize("most", [1 << 30, 0])
def test_a_word_in_another_case_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log: Path, most: int
) -> None:
    monkeypatch.setattr(absent_values, "_READ_BELOW_BYTES", most)
    for line, meant in ASKED:
        main([*line.split(), "--log", str(log)])
        assert meant in "".join(capfd.readouterr()).replace("\n", " "), line


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("who created pod/web-1 -n shpo", "did you mean shop?"),
        ("who deleted configmap/setings -n shop", "did you mean settings?"),
        ("events --verb creat", "did you mean create?"),
        ("events --user robot", "did you mean system:serviceaccount:ci:robot?"),
        ("events -n 3", "-n is the namespace, not a number of rows"),
        ("top --by user -n 3", "-n is the namespace, not a number of rows"),
        ("who deleted pods -n 3", "-n is the namespace, not a number of rows"),
    ],
)
def test_a_slip_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log: Path, line: str, meant: str
) -> None:
    """Also of a log that is too large to read all its values: words that begin alike are looked for."""
    # that its own name is the end of a service account's is only told by all values
    for most in (1 << 30,) if line.endswith("robot") else (1 << 30, 0):
        monkeypatch.setattr(absent_values, "_READ_BELOW_BYTES", most)
        main([*line.split(), "--log", str(log)])
        assert meant in "".join(capfd.readouterr()).replace("\n", " "), most


def test_values_of_a_large_compressed_log_are_not_all_read(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    packed = log.with_name("audit.log.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    monkeypatch.setattr(absent_values, "_READ_BELOW_BYTES", packed.stat().st_size)
    main(["events", "-n", "hsop", "--log", str(packed)])
    assert "no event has the namespace 'hsop'\n" in capfd.readouterr().err
    main(["events", "-n", "shpo", "--log", str(packed)])
    assert "did you mean shop?" in capfd.readouterr().err
    main(["events", "-n", "SHOP", "--log", str(packed)])
    assert "did you mean shop?" in capfd.readouterr().err


def test_a_word_in_another_case_is_told_of_nodes(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], log: Path, tmp_path: Path
) -> None:
    (tmp_path / "cp1/var/log/kubernetes/audit/audit.log").write_bytes(log.read_bytes())
    for line, meant in (
        ("who touched --user BOB", "bob"),
        ("who created pod/web1 -n shop", "web-1"),
        ("who created pod/web-1 -n shpo", "shop"),
        ("who deleted pods -n shpo", "shop"),
        ("who touched --user system:serviceaccount:ci:robt", "system:serviceaccount:ci:robot"),
    ):
        main([*line.split(), "--host", "cp1", "--no-live"])
        said = "".join(capfd.readouterr()).replace("\n", " ")
        assert f"did you mean {meant}?" in said, line


def test_words_that_are_there_are_not_told(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    for line in (
        "events --user bob --verb delete",
        "who deleted pods -n shop",
        "who touched --user bob -n kube-system",
    ):
        main([*line.split(), "--log", str(log)])
        said = "".join(capfd.readouterr())
        assert "did you mean" not in said, line
        assert "no event has the user" not in said, line


def test_what_people_call_bindings_is_understood(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    for target in ("crb/boss", "clusterrolebinding/boss", "ClusterRoleBinding boss"):
        assert main(["who", "created", *target.split(), "--log", str(log)]) in {0, 1}
        assert "custom resource" not in capfd.readouterr().out
    assert main(["who", "created", "crb/boss", "--log", str(log)]) == 0
    assert main(["who", "created", "pods.v1./web-1", "-n", "shop", "--log", str(log)]) == 0
    assert main(["who", "created", "all", "-n", "shop", "--log", str(log)]) == 0
    assert "web-1" in capfd.readouterr().out
