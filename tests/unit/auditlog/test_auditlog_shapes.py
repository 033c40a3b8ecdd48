"""What lines that are not audit events look like, told by their bytes."""

from __future__ import annotations

import bz2
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from documents import document, only
from logkit import answer, event, write

from kaudit_setup.auditlog.shapes import classify
from kaudit_setup.cli import main

EVENT: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", **event(1)}
TEXT = json.dumps(EVENT, separators=(",", ":"))


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def record(key: str, value: object) -> bytes:
    one = json.dumps({"@timestamp": "2026-05-01T10:00:00Z", "host": {"name": "cp1"}, key: value})
    return lines(one, one)


SHAPES: dict[str, tuple[bytes, str, str]] = {
    "jq": (json.dumps([EVENT, EVENT], indent=2)[1:-1].encode(), "pretty-printed JSON", "jq -c ."),
    "array": (lines("[", f"{TEXT},", TEXT, "]"), "a JSON array", "jq -c '.[]'"),
    "array in one line": (f"[{TEXT},{TEXT}]".encode(), "a JSON array", "jq -c '.[]'"),
    "pretty array": (json.dumps([EVENT, EVENT], indent=4).encode(), "a JSON array", "jq -c '.[]'"),
    "EventList": (
        lines(f'{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{TEXT},{TEXT}]}}'),
        "an EventList",
        "jq -c '.items[]'",
    ),
    "CRI": (lines(*[f"2026-05-01T10:00:00.1Z stdout F {TEXT}"] * 2), "a CRI container log", "awk"),
    "CRI in parts": (
        lines(f"2026-05-01T10:00:00.1Z stdout P {TEXT[:99]}", f"2026-05-01T10:00:00.1Z stdout F {TEXT[99:]}"),
        "a CRI container log",
        "awk",
    ),
    "docker": (
        lines(json.dumps({"log": f"{TEXT}\n", "stream": "stdout", "time": "2026-05-01T10:00:00.1Z"})),
        "a container log of Docker",
        "jq -j .log",
    ),
    "syslog": (lines(f"May  1 10:00:00 cp1 kube-apiserver[1]: {TEXT}"), "lines with a syslog prefix", "sed"),
    "RFC 5424": (lines(f"<134>1 2026-05-01T10:00:00Z cp1 api - - - {TEXT}"), "lines with a syslog prefix", "sed"),
    "aws logs tail": (lines(f"2026-05-01T10:00:00.1Z kube-audit-1 {TEXT}"), "lines with a time or a name", "sed"),
    "shipper, string": (record("message", TEXT), "under the key `message`", "jq -r '.[\"message\"]'"),
    "shipper, object": (record("log", EVENT), "under the key `log`", "jq -c '.[\"log\"]'"),
    "auditd": (
        lines("type=SYSCALL msg=audit(1777629600.123:42): arch=c000003e syscall=59 success=yes"),
        "the log of auditd",
        "--audit-log-path",
    ),
    "klog": (
        lines("I0501 10:00:00.123456       1 server.go:42] Starting"),
        "a component's own log",
        "--audit-log-path",
    ),
    "legacy": (
        lines('2026-05-01T10:00:00.1Z AUDIT: id="e1" stage="ResponseComplete" ip="10.0.0.1" method="get"'),
        "the format `legacy`",
        "--audit-log-format=json",
    ),
    "journald's JSON": (
        lines(json.dumps({"__CURSOR": "s=1", "MESSAGE": TEXT})),
        "journald's JSON",
        "jq -r .MESSAGE",
    ),
    "journald export": (lines("__CURSOR=s=1", f"MESSAGE={TEXT}"), "a journald export", "sed"),
    "AKS": (
        lines(json.dumps({"category": "kube-audit", "properties": {"log": TEXT}})),
        "diagnostic records of Azure",
        "jq -r .properties.log",
    ),
    "GKE": (
        lines(json.dumps({"protoPayload": {"methodName": "io.k8s.core.v1.pods.create"}, "insertId": "x"})),
        "Google Cloud audit log entries",
        "cannot be read",
    ),
    "EKS": (
        json.dumps({"events": [{"logStreamName": "kube-apiserver-audit-1", "message": TEXT}]}).encode() + b"\n",
        "the output of `aws logs`",
        "jq -r '.events[].message'",
    ),
    "binary": (bytes(range(256)) * 40 + b"\n", "binary data", "kube-apiserver"),
    "xz": (lzma.compress(lines(TEXT) * 200) + b"\n", "compressed with xz", "xz -dc"),
    "bzip2": (bz2.compress(lines(TEXT) * 200) + b"\n", "compressed with bzip2", "bzip2 -dc"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x58\x41\n", "compressed with zstd", "zstd -dc"),
}


@pytest.mark.parametrize(("data", "name", "fix"), SHAPES.values(), ids=SHAPES)
def test_each_shape_has_its_name_and_its_fix(data: bytes, name: str, fix: str) -> None:
    shape = classify(data.split(b"\n")[:16])
    assert shape is not None
    assert name in shape.name
    assert fix in shape.fix("/var/log/a b.log")
    assert not shape.fix("-").endswith(" -")
    assert ("'/var/log/a b.log'" in shape.fix("/var/log/a b.log")) is bool(shape.convert)


@pytest.mark.parametrize("line", [TEXT[:200], "an application says hello", "", '{"not": "an event"}'])
def test_a_damaged_event_and_other_text_have_no_shape(line: str) -> None:
    assert classify([line.encode()]) is None


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_who_says_first_what_could_not_be_read(capfd: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    data, name, fix = SHAPES[kind]
    path = tmp_path / "audit.log"
    path.write_bytes(data)
    for asked in (["created", "pod/web", "-n", "shop"], ["touched", "--user", "mallory"]):
        assert main(["who", *asked, "--log", str(path)]) == 1
        first = capfd.readouterr().out.splitlines()[0]
        assert f"of {path} could not be read as audit events" in first
        assert name in first
        assert fix in first
        assert main(["who", *asked, "--log", str(path), "-o", "json"]) == 1
        found = only(capfd.readouterr().out)
        assert name in found["notes"][0]
        (one,) = found["coverage"][0]["unreadable"]
        assert (one["file"], name in one["shape"], fix in one["fix"]) == (str(path), True, True)


@pytest.mark.parametrize("command", [["top", "--by", "user"], ["estimate", "metadata"], ["events"], ["stats"]])
def test_over_nothing_readable_every_question_fails_and_says_why(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    data, name, _ = SHAPES["CRI"]
    path = tmp_path / "audit.log"
    path.write_bytes(data)
    sentence = f"2 of 2 lines of {path} could not be read as audit events (they look like {name}): "
    assert main([*command, "--log", str(path)]) == 1
    out, err = capfd.readouterr()
    assert sentence in (out if command == ["stats"] else err.splitlines()[0])
    assert main([*command, "--log", str(path), "-o", "json"]) == 1
    document(capfd.readouterr().out)


def test_what_could_be_read_is_told_after_what_could_not(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2))
    path.write_bytes(path.read_bytes() + SHAPES["syslog"][0])
    assert main(["who", "created", "pod/nope", "-n", "shop", "--log", str(path)]) == 1
    out = capfd.readouterr().out
    assert out.startswith(
        f"1 of 3 lines of {path} could not be read as audit events (it looks like lines with a syslog"
    )
    assert "In what could be read: No successful create of pod shop/nope" in out
    got = answer(capfd, "top", "--by", "user", "--log", path, "-o", "json")
    assert (got["total"]["events"], got["coverage"][0]["unreadable"][0]["unread"]) == (2, 1)


def test_a_log_that_is_whole_has_nothing_unreadable(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(1), event(2))
    path.write_bytes(path.read_bytes() + b"\n\0\0\0\n" + TEXT[:100].encode())  # a crash, and a line half written
    assert main(["who", "created", "pod/nope", "-n", "shop", "--log", str(path)]) == 1
    assert capfd.readouterr().out.startswith("No successful create of pod shop/nope found")
    assert answer(capfd, "top", "--by", "user", "--log", path, "-o", "json")["coverage"][0]["unreadable"] == []
