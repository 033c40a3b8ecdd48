"""`kaudit-setup manifest patch|unpatch` as a filter between pipes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from kaudit_setup.cli import main
from kaudit_setup.manifest import pod
from kaudit_setup.model import POLICY_ANNOTATION, WEBHOOK_ANNOTATION

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
PLAIN = (SAMPLES / "kube-apiserver-1.36.2.yaml").read_bytes()
Filter = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Filter:
    def filter(data: bytes, *args: str) -> tuple[int, bytes, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = main(["manifest", *args])
        out = capfdbinary.readouterr()
        return code, out.out, out.err.decode()

    return filter


def test_there_and_back_again(run: Filter) -> None:
    code, patched, said = run(PLAIN, "patch", "--policy", "metadata")
    assert (code, said) == (0, "")
    again = run(patched, "patch")
    assert again == (0, patched, "")
    assert run(patched, "unpatch") == (0, PLAIN, "")
    assert run(PLAIN, "unpatch") == (0, PLAIN, "")


def test_carries_the_hashes_of_the_files(run: Filter, tmp_path: Path) -> None:
    policy, hook = tmp_path / "my policy.yaml", tmp_path / "hook.conf"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    hook.write_text("kind: Config\n")
    code, patched, _ = run(PLAIN, "patch", "--policy", str(policy), "--webhook-config", str(hook), "--log-path", "")
    assert code == 0
    now = pod.read(patched.decode())
    assert now.annotations[POLICY_ANNOTATION] == hashlib.sha256(policy.read_bytes()).hexdigest()
    assert now.annotations[WEBHOOK_ANNOTATION] == hashlib.sha256(hook.read_bytes()).hexdigest()
    assert now.flags == {
        "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
        "audit-webhook-config-file": "/etc/kubernetes/audit-webhook.kubeconfig",
    }


def test_every_option_reaches_its_flag(run: Filter) -> None:
    code, patched, said = run(
        PLAIN,
        *("patch", "--policy", "metadata", "--policy-path", "/etc/a b/p.yaml", "--log-path", "/data/$(x)/a.log"),
        *(
            "--log-maxage",
            "1",
            "--log-maxbackup",
            "2",
            "--log-maxsize",
            "3",
            "--log-compress",
            "--log-format",
            "json",
        ),
        *("--log-mode", "batch", "--set", "audit-log-batch-max-size=100", "--kube-version", "1.20"),
    )
    assert (code, said) == (0, "")
    assert pod.read(patched.decode()).flags == {
        "audit-policy-file": "/etc/a b/p.yaml",
        "audit-log-path": "/data/$(x)/a.log",
        "audit-log-maxage": "1",
        "audit-log-maxbackup": "2",
        "audit-log-maxsize": "3",
        "audit-log-compress": "true",
        "audit-log-format": "json",
        "audit-log-mode": "batch",
        "audit-log-batch-max-size": "100",
    }


@pytest.mark.parametrize(
    ("data", "args", "words"),
    [
        (b"", ["unpatch"], "it is empty"),
        (b"\x00\xff\xfe", ["patch"], "not UTF-8"),
        ("kind: Pod".encode("utf-16"), ["patch"], "not UTF-8"),
        (b"\xc3\xa9" * (3 << 20), ["patch"], "larger than 1 MiB"),
        (PLAIN, ["patch", "--policy", "no-such-preset"], "unknown policy preset"),
        (PLAIN, ["patch", "--policy", __file__], "kube-apiserver would refuse"),
        (PLAIN, ["patch", "--set", "audit-log-mode=maybe"], "--audit-log-mode=maybe"),
        (PLAIN, ["patch", "--set", "nonsense"], "--set nonsense"),
        (PLAIN, ["patch", "--log-maxage", "1", "--set", "audit-log-maxage=2"], "contradicts"),
        (PLAIN, ["patch", "--log-maxage=-1"], "must not be negative"),
        (PLAIN, ["patch", "--kube-version", "new"], "--kube-version"),
        (PLAIN, ["patch", "--webhook-config", "/no/such/file"], "cannot be read"),
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(run: Filter, data: bytes, args: list[str], words: str) -> None:
    code, out, said = run(data, *args)
    assert (code, out) == (2, b"")
    assert words in said
    assert "Traceback" not in said
