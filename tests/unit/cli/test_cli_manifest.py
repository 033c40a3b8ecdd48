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
        (PLAIN, ["patch", "--policy", __file__], "would not start with the policy"),
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


SERVER = PLAIN.decode()
VOLUME = "  - hostPath:\n      path: /etc/ssl/certs\n"
MOUNT = "    - mountPath: /etc/ssl/certs\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            MOUNT,
            f"    - mountPath: /etc/kubernetes/enc\n      name: enc\n{MOUNT}",
            "'enc' has no volume of that name",
        ),
        (VOLUME, f"  - emptyDir: {{}}\n    name: ca-certs\n{VOLUME}", "two volumes are called 'ca-certs'"),
        (VOLUME, f"  - emptyDir: {{}}\n{VOLUME}", "a volume has no name"),
        (
            MOUNT,
            f"    - mountPath: /etc/ssl/certs\n      name: k8s-certs\n{MOUNT}",
            "/etc/ssl/certs is mounted twice",
        ),
        (MOUNT, f"    - name: ca-certs\n{MOUNT}", "'ca-certs' has no mountPath"),
        (MOUNT, f"    - mountPath: /x\n{MOUNT}", "a volumeMount has no name"),
        ("      path: /etc/ssl/certs\n", "", "has no path"),
        ("      path: /etc/ssl/certs\n", "      path: /etc/../etc/ssl/certs\n", "has .. in it"),
        ("      type: DirectoryOrCreate\n", "      type: directory\n", "unknown type 'directory'"),
        (VOLUME, f"  - emptyDir: {{}}\n{VOLUME.replace('-', ' ', 1)}", "has 2 sources"),
        (
            "    - --allow-privileged=true\n",
            "    - --allow-privileged=true\n    - --v\n    - 3\n",
            "command is not a text",
        ),
        ("apiVersion: v1\n", "", "apiVersion is missing"),
        ("  name: kube-apiserver\n  namespace", "  name: Kube_Apiserver\n  namespace", "only a-z, 0-9 and -"),
    ],
)
def test_what_kubelet_refuses_is_refused_with_its_line(run: Filter, old: str, new: str, said: str) -> None:
    assert old in SERVER
    code, out, error = run(SERVER.replace(old, new, 1).encode(), "patch", "--policy", "metadata")
    assert (code, out) == (2, b"")
    assert said in error
    assert "not a Pod that kubelet could run" in error


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    - --allow-privileged=true\n", "    - --allow-privileged=true\t# behind the balancer\n"),
        ("    - --allow-privileged=true\n", "    - --allow-privileged=true\t\n"),
        ("  hostNetwork: true\n", "  hostNetwork:\ttrue\n"),
    ],
)
def test_a_tab_between_words_is_kept_as_kubelet_reads_it(run: Filter, old: str, new: str) -> None:
    assert old in SERVER
    before = SERVER.replace(old, new, 1).encode()
    code, patched, said = run(before, "patch", "--policy", "metadata")
    assert (code, said) == (0, "")
    assert new.encode() in patched
    assert run(patched, "unpatch") == (0, before, "")


@pytest.mark.parametrize(
    "line",
    [
        r'x: "\ud800"',
        r'x: "\uZZZZ"',
        r'x: "\x"',
        ": x",
        "x: .inf",
        "x: 'open",
        "x: y: z",
        "\tx: 1",
        "x:\n-\ty",
        "x: *none",
    ],
)
def test_yaml_that_go_refuses_is_refused(run: Filter, line: str) -> None:
    code, out, said = run(SERVER.encode() + line.encode() + b"\n", "patch", "--policy", "metadata")
    assert (code, out) == (2, b"")
    assert "of the manifest" in said


def test_json_that_go_refuses_is_refused(run: Filter) -> None:
    code, out, _ = run(b'{"apiVersion": "v1", "kind": "Pod", "x": 1e400}', "patch", "--policy", "metadata")
    assert (code, out) == (2, b"")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("--audit-policy-file=/etc/p.yaml --audit-log-path=/var/a.log", "holds --audit-log-path besides"),
        ("--audit-log-maxage=30 --audit-log-maxbackup=10", "holds --audit-log-maxbackup besides"),
        ("--etcd-servers=https://127.0.0.1:2379  --secure-port=6443", "holds --secure-port besides"),
        ("|-\n      --audit-log-maxage=30\n      --audit-log-maxbackup=1", "holds --audit-log-maxbackup besides"),
        ("--audit-log-path /var/log/audit.log", "write a = between the flag and its value"),
        ("-audit-log-path=/var/log/a/audit.log", "begins with one dash"),
        ('"\u2013audit-policy-file=/etc/p.yaml"', "begins with U+2013 (EN DASH)"),
        ("\u2014audit-policy-file=/etc/p.yaml", "begins with U+2014 (EM DASH)"),
        ("-\u2010audit-log-path=/a", "begins with U+2010 (HYPHEN)"),
        ("\u00a0--audit-log-maxage=3", "begins with U+00A0 (NO-BREAK SPACE)"),
        ("--audit\u2010log-maxage=3", "U+2010 (HYPHEN) is in its name"),
        ("---audit-log-maxage=3", "U+002D (HYPHEN-MINUS) is in its name"),
        ("audit-log-maxage=3", "belongs to no flag"),
        ("'--audit-policy-file=\"/etc/p.yaml\"'", "the quotes are part of it"),
    ],
)
@pytest.mark.parametrize("command", ["patch", "unpatch"])
def test_items_with_which_no_server_starts(run: Filter, command: str, item: str, said: str) -> None:
    if command == "unpatch" and "quotes" in said:
        return
    text = SERVER.replace("    - --allow-privileged=true\n", f"    - --allow-privileged=true\n    - {item}\n")
    options = ("--policy", "metadata") if command == "patch" else ()
    code, out, error = run(text.encode(), command, *options)
    assert (code, out) == (2, b"")
    assert said in error


@pytest.mark.parametrize("item", ["-v=2", "-v2", "--v=2", "--v\n    - '2'", "-v\n    - '2'", "''", "--x=a - b"])
def test_items_that_look_odd_and_are_fine(run: Filter, item: str) -> None:
    text = SERVER.replace("    - --allow-privileged=true\n", f"    - --allow-privileged=true\n    - {item}\n")
    code, patched, said = run(text.encode(), "patch", "--policy", "metadata")
    assert (code, said) == (0, "")
    assert run(patched, "unpatch") == (0, text.encode(), "")


def test_an_option_repairs_a_quoted_path(run: Filter) -> None:
    item = "    - '--audit-policy-file=\"/etc/p.yaml\"'\n"
    text = SERVER.replace("    - --allow-privileged=true\n", f"    - --allow-privileged=true\n{item}")
    code, patched, _ = run(text.encode(), "patch", "--policy", "metadata", "--policy-path", "/etc/p.yaml")
    assert code == 0
    assert b"--audit-policy-file=/etc/p.yaml'" in patched
