"""What is decided without a node: probes, evidence, backups to prune, diagnosis, state."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.change.backup import prune
from kaudit_setup.change.diagnose import meaning, phase_words, telling_lines
from kaudit_setup.change.expectation import Expectation
from kaudit_setup.change.plan import staging_name
from kaudit_setup.change.probe import Identity, Probe, choose
from kaudit_setup.change.verify import audit_lines, is_evidence, verify_script
from kaudit_setup.model import NEWEST
from kaudit_setup.node.shell import script
from kaudit_setup.policy import presets
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes, Decision
from kaudit_setup.policy.request import from_url

ADMIN = Identity("kubernetes-admin", ("system:masters", "system:authenticated"), "curl")


def policy(rules: str) -> bytes:
    return f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}".encode()


def chosen(text: bytes, who: Identity = ADMIN) -> Probe | None:
    loaded = load(text, NEWEST).policy
    assert loaded is not None
    return choose(loaded, who, "kaudit-probe-1", NEWEST)


@pytest.mark.parametrize("name", [n for n in presets.names() if n not in {"panic-only"}])
def test_every_preset_can_be_proved(name: str) -> None:
    probe = chosen(presets.read(name)[1])
    assert probe is not None
    assert probe.decision.level != "None"


@pytest.mark.parametrize("name", [n for n in presets.names() if n not in {"panic-only"}])
def test_the_request_on_the_wire_is_the_request_that_was_asked_about(name: str) -> None:
    probe = chosen(presets.read(name)[1])
    assert probe is not None
    got = from_url(probe.method, probe.path).attributes
    asked = probe.attributes
    assert (got.verb, got.api_group, got.resource, got.subresource, got.namespace, got.name, got.is_resource) == (
        asked.verb,
        asked.api_group,
        asked.resource,
        asked.subresource,
        asked.namespace,
        asked.name,
        asked.is_resource,
    )


@pytest.mark.parametrize(
    "rules",
    [
        "- level: Metadata\n  namespaces: [production]\n  resources: [{group: '', resources: [pods]}]\n",
        "- level: Metadata\n  verbs: [patch]\n  resources: [{group: apps, resources: [deployments/scale]}]\n",
        "- level: Metadata\n  nonResourceURLs: ['/healthz*']\n",
        "- level: Request\n  verbs: [create]\n  resources: [{group: batch}]\n",
        "- level: Metadata\n  userGroups: ['system:masters']\n  verbs: [update]\n",
    ],
)
def test_a_narrow_policy_is_asked_what_it_logs(rules: str) -> None:
    assert chosen(policy(rules)) is not None


def test_a_policy_that_logs_nothing_harmless_is_not_probed() -> None:
    assert chosen(policy("- level: Metadata\n  users: [alice]\n")) is None
    assert chosen(presets.read("panic-only")[1]) is None


def test_only_failed_logins_are_probed_by_failing_to_log_in() -> None:
    probe = chosen(policy("- level: Metadata\n  omitStages: [RequestReceived, ResponseComplete, Panic]\n"))
    assert probe is not None
    assert probe.anonymous


def test_no_probe_can_change_anything() -> None:
    wild = policy("- level: Metadata\n  verbs: [deletecollection]\n- level: Metadata\n  verbs: [delete, update]\n")
    probe = chosen(wild)
    assert probe is not None
    assert probe.method in {"DELETE", "PUT"}
    assert "dryRun=All" in probe.path
    assert "kaudit-probe-1" in probe.path


def want(log: str = "/var/log/audit.log", **other: Any) -> Expectation:
    probe = Probe("GET", "/api/v1/nodes/kaudit-x", "", Attributes("a"), Decision("Metadata", (), 0))
    made = Expectation(("--audit-log-path=/var/log/a b.log",), "10.0.0.1", 6443, log, "kaudit-x", ADMIN, probe)
    return replace(made, **other)


def event(**other: Any) -> bytes:
    base = {"kind": "Event", "level": "Metadata", "auditID": "kaudit-x", "stage": "ResponseComplete"}
    return json.dumps(base | other, separators=(",", ":")).encode()


def test_evidence_is_a_whole_event_of_this_request_at_this_level() -> None:
    assert is_evidence(event(), want())
    assert is_evidence(event(auditID="other", requestURI="/api/v1/nodes/kaudit-x"), want())
    assert is_evidence(b"2026-11-23T19:00:00Z stdout F " + event(), want())
    assert is_evidence(b'2026-11-23T19:00:00Z AUDIT: id="kaudit-x" stage="ResponseComplete"', want())
    assert not is_evidence(event(level="Request"), want())
    assert not is_evidence(event()[:-4], want())
    assert not is_evidence(event(auditID="other"), want())
    assert not is_evidence(b"", want())


@pytest.mark.parametrize("client", ["curl", "kubectl"])
def test_the_waiting_script_is_a_script(client: str) -> None:
    text = verify_script(want(log="/var/log/it's $(a) log.log", identity=replace(ADMIN, client=client)), 10)
    subprocess.run(["sh", "-n", "-c", text], check=True)


@pytest.mark.parametrize("name", ["observe", "change", "apply", "undo", "confirm", "watchdog", "verify", "prune"])
def test_scripts_parse_as_posix_sh(name: str) -> None:
    subprocess.run(["sh", "-n", "-c", script(name)], check=True)


def test_shellcheck_has_nothing_to_say() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: the scripts are only parsed")
    scripts = sorted(str(p) for p in files("kaudit_setup.node").joinpath("scripts").iterdir())
    # variables and functions are shared by files that are joined before they run; `ls` is for its sorting by time
    argv = ["shellcheck", "--shell=sh", "--severity=warning", "--exclude=SC2034,SC2010,SC2209", *scripts]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    assert said == ""


words = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.one_of(words, words.map(lambda w: "--audit-x=" + w)), max_size=6))
def test_python_and_shell_agree_on_the_audit_lines(argv: list[str]) -> None:
    """Whatever is in an argument, newlines too, both sides compare the same text."""
    piped = "\0".join([*argv, ""]).encode()
    shell = "export LC_ALL=C; tr '\\0' '\\n' | grep -e '^--audit' | sort"
    seen = subprocess.run(["sh", "-c", shell], input=piped, capture_output=True, check=False).stdout
    assert audit_lines(argv).rstrip("\n").encode() == seen.rstrip(b"\n")


@given(st.sets(st.integers(0, 99), min_size=1), st.integers(1, 30))
def test_pruning_keeps_the_first_and_the_newest(numbers: set[int], keep: int) -> None:
    names = sorted(f"{n:03}" for n in numbers)
    doomed = prune(names, keep)
    left = [n for n in names if n not in doomed]
    assert left[0] == names[0]
    assert names[-1] in left
    assert len(left) == min(len(names), max(keep, 2 if len(names) > 1 else 1))


def test_nothing_is_staged_in_the_static_pod_folder_unless_it_must_be() -> None:
    path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    folder = "/etc/kubernetes/manifests"
    assert staging_name(path, "r", 0, "new", manifest_dir=folder, same_device=True).startswith(
        "/etc/kubernetes/.kaudit"
    )
    own = staging_name(path, "r", 0, "new", manifest_dir=folder, same_device=False)
    assert Path(own).name.startswith(".")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Error: unknown flag: --audit-policy", "does not know the flag --audit-policy"),
        (
            'Error: loading audit policy file: failed to read file path "/x.yaml": open /x.yaml: no such file',
            "/x.yaml is not visible inside the container",
        ),
        ("E1123 1 run.go:72] bind: address already in use", "another server still holds the port"),
        ("E1123 19:50:20 1 errors.go:77] failed to store audit event", "cannot be written to the log"),
    ],
)
def test_what_a_dying_server_said_is_explained(line: str, said: str) -> None:
    assert said in meaning(f"2026-11-23T19:50:20.1Z stderr F {line}\n")


def test_a_stack_trace_is_not_shown_where_there_is_an_error_before_it() -> None:
    log = "2026-11-23T19:00:00Z stderr F E1123 19:00:00.1 1 x.go:1] it broke\n" + "".join(
        f"2026-11-23T19:00:01Z stderr F \t/usr/src/a.go:{n} +0x1f failed\n" for n in range(50)
    )
    assert telling_lines(log) == "E1123 19:00:00.1 1 x.go:1] it broke"


def test_no_secret_and_no_script_is_in_an_argv() -> None:
    from kaudit_setup.node.shell import Become, Exchange

    exchange = Exchange("echo SCRIPT", ["ARGUMENT"], b"INPUT", Become(password="hunter2"))
    for word in ("SCRIPT", "ARGUMENT", "INPUT", "hunter2"):
        assert word not in shlex.join(exchange.argv)
    assert "hunter2" not in repr(Become(password="hunter2"))


@pytest.mark.parametrize("phase", ["restart", "start", "ready"])
def test_nothing_is_called_new_or_restarted_where_the_server_stays(phase: str) -> None:
    assert re.search(r"\bnew\b|restart", phase_words(phase))
    assert not re.search(r"\bnew\b|restart", phase_words(phase, restarts=False))
