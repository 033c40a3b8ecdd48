"""Logs on several machines, asked through the command line; the machines are folders, the scripts the real ones."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from documentkit import items, only

from kaudit_setup.auditlog.decode import project
from kaudit_setup.auditlog.filters import make_filter
from kaudit_setup.auditlog.prefilter import patterns
from kaudit_setup.auditlog.query import events
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.cli import connect, main
from kaudit_setup.cli.connect import named_hosts
from kaudit_setup.errors import NodeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.runner import Ran

SCRIPT = script("lib") + script("logs")
LOGS = "/srv/logs"


def event(n: int, user: str = "alice", verb: str = "create", code: int = 201, **more: Any) -> dict[str, Any]:
    moment = f"2026-11-23T10:{n // 60 % 60:02}:{n % 60:02}.000000Z"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{n}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/pods?{n * 7919 % 104729}",
        "verb": verb,
        "user": {"username": user},
        "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "pods", "namespace": "shop", "name": f"web-{n}"},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": moment,
        "stageTimestamp": moment,
        **more,
    }


def line(n: int, **more: Any) -> bytes:
    return json.dumps(event(n, **more), separators=(",", ":")).encode() + b"\n"


class Box(LocalNode):
    """A machine that is a folder, under the name that the user gave it; `before` is called before each script."""

    def __init__(self, root: Path, name: str, before: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        super().__init__(root)
        self._label = name
        self._before = before
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return self._label

    def sh(self, script: str, args: Sequence[str] = (), **how: Any) -> Ran:
        self.asked.append(args[0])
        self._before(args)
        return super().sh(script, args, **how)


class Machines:
    """What `--host` leads to: a folder below `root` for each host and port."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.boxes: dict[str, Box] = {}
        self.before: Callable[[str, Sequence[str]], None] = lambda *_: None
        self._capture = capture

    def folder(self, host: str, logs: str = LOGS) -> Path:
        folder = self.root / host / logs.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def open(self, target: SshTarget, options: SshOptions, *, ahead: bool = False) -> Box:
        where = f"{target.host}_{target.port}" if target.port else target.host

        def before(args: Sequence[str]) -> None:
            if not (self.root / where).exists():
                raise NodeError(f"{where}: cannot connect: no answer")
            self.before(where, args)

        box = self.boxes[where] = Box(self.root / where, target.label or target.host, before)
        return box

    def run(self, *argv: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = main(list(argv))
        said = self._capture.readouterr()
        return code, said.out, said.err

    def lines(self, *argv: str) -> list[str]:
        code, out, err = self.run("events", "-o", "raw", *argv)
        assert code == 0, err
        return sorted(out.splitlines())


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Machines:
    made = Machines(tmp_path, capsys)
    monkeypatch.setattr(connect, "open_ssh", made.open)
    return made


def both_ports(machines: Machines) -> list[str]:
    machines.folder("127.0.0.1_2201").joinpath("audit.log").write_bytes(line(1) + line(2))
    machines.folder("127.0.0.1_2202").joinpath("audit.log").write_bytes(line(3) + line(4) + line(5))
    return ["--host", "127.0.0.1:2201", "--host", "127.0.0.1:2202", "--log", LOGS]


def test_two_ports_of_one_address_are_two_nodes(machines: Machines, tmp_path: Path) -> None:
    on = both_ports(machines)
    out = only(machines.run("top", "--by", "node", "-o", "json", *on)[1])
    assert {row["node"]: row["events"] for row in out["rows"]} == {"127.0.0.1:2201": 2, "127.0.0.1:2202": 3}
    nodes = items(machines.run("stats", "-o", "json", *on)[1])
    assert {node["node"]: node["events"] for node in nodes} == {"127.0.0.1:2201": 2, "127.0.0.1:2202": 3}
    rows = items(machines.run("events", "-o", "json", *on)[1])
    assert {row["source"]["node"] for row in rows} == {"127.0.0.1:2201", "127.0.0.1:2202"}
    code, out, err = machines.run("collect", "-d", str(tmp_path / "kept"), "-o", "json", *on)
    assert code == 0, err
    sizes = sorted(len(path.read_bytes().splitlines()) for path in (tmp_path / "kept").rglob("audit.log"))
    assert sizes == [2, 3]


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (["cp1", "cp2:22"], ["cp1", "cp2"]),
        (["cp1:1", "cp1:2"], ["cp1:1", "cp1:2"]),
        (["a@cp1", "b@cp1"], ["cp1 (a@cp1)", "cp1 (b@cp1)"]),
        (["cp1", "a@cp1"], ["cp1", "cp1 (a@cp1)"]),
    ],
)
def test_names_tell_hosts_apart(hosts: list[str], names: list[str]) -> None:
    assert [host.name for host in named_hosts(hosts, None, None)] == names


def test_a_folder_is_read_there_by_the_rules_of_here(machines: Machines, tmp_path: Path) -> None:
    folder = machines.folder("cp1")
    (folder / "audit.log").write_bytes(line(5))
    (folder / "audit.log.1").write_bytes(line(4))
    (folder / "audit.log.2.gz").write_bytes(gzip.compress(line(3)))
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.jsonl").write_bytes(line(2))
    (folder / "deep" / "tab\there.ndjson").write_bytes(line(1))
    (folder / "syslog.log").write_bytes(b"Nov 23 10:00:00 cp1 kernel: hello\n")
    (folder / "000000").write_bytes(line(6))
    (folder / "000001.gz").write_bytes(gzip.compress(line(7)))
    (folder / "000001.gz~").write_bytes(gzip.compress(line(8)))
    (folder / "notes.txt").write_bytes(b"of an event give the auditID\n")
    (folder / "audit-2026-11-23T09-00-00.000.log").symlink_to("audit.log")
    (folder / "gone.log").symlink_to("nowhere")
    here = machines.lines("--log", str(folder))
    assert len(here) == 7
    assert machines.lines("--host", "cp1", "--log", LOGS) == here
    there = items(machines.run("stats", "-o", "json", "--host", "cp1", "--log", LOGS)[1])
    assert sum(node["events"] for node in there) == 7


def test_the_own_log_is_found_with_what_logrotate_made_of_it(machines: Machines) -> None:
    folder = machines.folder("cp1", "/var/log/kubernetes/audit")
    (folder / "audit.log").write_bytes(line(2))
    (folder / "audit.log.1").write_bytes(line(1))
    (folder / "other.log").write_bytes(line(3))
    assert len(machines.lines("--host", "cp1")) == 2


@pytest.mark.parametrize("mounted", [True, False])
def test_the_running_servers_log_has_the_nodes_name_for_it(machines: Machines, mounted: bool) -> None:
    folder = machines.folder("cp1", "/var/log/kubernetes/audit" if mounted else "/srv/elsewhere")
    (folder / "audit.log").write_bytes(line(1))
    process = machines.folder("cp1", "/proc/7")
    (process / "cmdline").write_bytes(b"kube-apiserver\0--audit-log-path=/var/log/kubernetes/audit/audit.log\0")
    seen = process / "root/var/log/kubernetes"
    seen.mkdir(parents=True)
    (seen / "audit").symlink_to(folder)
    (row,) = items(machines.run("events", "-o", "json", "--host", "cp1")[1])
    # a process' own view is gone with it
    assert row["source"]["file"] == str((folder if mounted else seen / "audit") / "audit.log")


@pytest.mark.parametrize("mounted", [True, False])
def test_a_strangers_process_does_not_say_which_log_is_read(machines: Machines, mounted: bool) -> None:
    """A Pod on the network of the host may call its program kube-apiserver, and have a file at the same path."""
    folder = machines.folder("cp1", "/var/log/kubernetes/audit" if mounted else "/srv/elsewhere")
    (folder / "audit.log").write_bytes(line(1))
    for pid, place in (("4", machines.folder("cp1", "/srv/strangers")), ("7", folder)):
        process = machines.folder("cp1", f"/proc/{pid}")
        (process / "cmdline").write_bytes(b"kube-apiserver\0--audit-log-path=/var/log/kubernetes/audit/audit.log\0")
        seen = process / "root/var/log/kubernetes"
        seen.mkdir(parents=True)
        (seen / "audit").symlink_to(place)
    (machines.folder("cp1", "/srv/strangers") / "audit.log").write_bytes(line(2))
    code, said, errors = machines.run("events", "-o", "json", "--host", "cp1")
    if mounted:
        (row,) = items(said)
        assert row["source"]["file"] == str(folder / "audit.log")
    else:
        assert code == 1
        assert "several processes are called kube-apiserver" in said + errors


def test_the_node_is_the_host_and_the_file_is_the_nodes(machines: Machines) -> None:
    for number, host in enumerate(("cp1", "cp2")):
        machines.folder(host, "/srv/f1").joinpath("audit.log").write_bytes(line(number) + b"garbage\n")
    machines.folder("cp1", "/srv/f2").joinpath("audit.log").write_bytes(line(3) + line(4))
    on = ["--host", "cp1", "--host", "cp2", "--log", "/srv/f1", "--log", "/srv/f2"]
    rows = only(machines.run("top", "--by", "node", "-o", "json", *on)[1])["rows"]
    assert {row["node"]: row["events"] for row in rows} == {"cp1/f1": 1, "cp1/f2": 2, "cp2": 1}
    rows = items(machines.run("events", "-o", "json", *on)[1])
    assert sorted(row["source"]["node"] for row in rows) == ["cp1/f1", "cp1/f2", "cp1/f2", "cp2"]
    nodes = items(machines.run("stats", "-o", "json", *on)[1])
    damaged = {node["node"]: [one["file"] for one in node["damagedLines"]] for node in nodes}
    assert damaged == {
        "cp1/f1": [str(machines.folder("cp1", "/srv/f1") / "audit.log")],
        "cp1/f2": [],
        "cp2": [str(machines.folder("cp2", "/srv/f1") / "audit.log")],
    }


def test_very_many_files_take_few_scripts(machines: Machines) -> None:
    folder = machines.folder("cp1")
    for n in range(600):
        name = f"audit-2026-11-23T10-{n // 60:02}-{n % 60:02}.000.log"
        text = line(n, user="bob" if n % 100 == 50 else "alice")
        if n < 60:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text))
        else:
            (folder / name).write_bytes(text)
    (folder / "audit.log").write_bytes(line(600) + line(601, user="bob"))
    on = ["--host", "cp1", "--log", LOGS]
    for asked in ([], ["--user", "bob"]):
        code, out, _ = machines.run("events", "-o", "json", *asked, *on)
        assert code == 0
        there = [(row["auditID"], row["source"]["line"]) for row in items(out)]
        code, out, _ = machines.run("events", "-o", "json", *asked, "--log", str(folder))
        assert there == [(row["auditID"], row["source"]["line"]) for row in items(out)]
        assert len(there) == (7 if asked else 602)
    (node,) = items(machines.run("stats", "-o", "json", *on)[1])
    assert (node["events"], node["files"]) == (602, 601)
    assert len(machines.boxes["cp1"].asked) < 10


@pytest.mark.parametrize("command", ["events", "stats"])
def test_a_rotation_meanwhile_doubles_nothing(machines: Machines, command: str) -> None:
    folder = machines.folder("cp1")
    (folder / "audit.log").write_bytes(b"".join(map(line, range(40))))

    def rotate(_: str, args: Sequence[str]) -> None:
        if args[0] != "list" and not (folder / "audit-2026-11-23T11-00-00.000.log").exists():
            (folder / "audit.log").rename(folder / "audit-2026-11-23T11-00-00.000.log")
            (folder / "audit.log").write_bytes(line(41))

    machines.before = rotate
    if command == "events":
        code, out, err = machines.run("events", "-o", "raw", "--host", "cp1", "--log", LOGS)
        assert (code, len(out.splitlines())) == (0, 40)
        assert "audit.log was rotated while the log was read and is now" in err
    else:
        (node,) = items(machines.run("stats", "-o", "json", "--host", "cp1", "--log", LOGS)[1])
        assert node["events"] == 40


@pytest.mark.parametrize(
    "command", [["events", "--limit", "1"], ["events"], ["top", "--by", "node"], ["stats"], ["estimate", "metadata"]]
)
def test_a_lost_node_is_said_and_the_others_answer(machines: Machines, command: list[str]) -> None:
    machines.folder("cp1").joinpath("audit.log").write_bytes(line(1) + line(2))
    code, out, err = machines.run(*command, "--host", "cp1", "--host", "gone", "--log", LOGS)
    assert code == 1, err
    assert "The log of gone is missing from this answer: gone: cannot connect: no answer." in err
    assert out.strip()
    code, out, err = machines.run(*command, "--host", "gone", "--log", LOGS)
    assert (code, out) == (1, "")
    assert "gone: cannot connect: no answer" in err


@pytest.mark.parametrize("command", [["events"], ["stats"], ["top", "--by", "verb"]])
def test_a_node_without_a_log_is_said_and_only_such_nodes_are_no_answer(
    machines: Machines, command: list[str]
) -> None:
    machines.folder("cp1").joinpath("audit.log").write_bytes(line(1) + line(2))
    machines.folder("cp2")
    code, _, err = machines.run(*command, "--host", "cp1", "--host", "cp2", "--log", LOGS)
    assert code == 0
    assert "note: cp2: no audit log was found here" in err
    code, _, err = machines.run(*command, "--host", "cp2", "--log", LOGS)
    assert code == 1
    assert "cp2: no audit log was found" in err


def test_standard_input_is_not_on_a_node(machines: Machines) -> None:
    code, _, err = machines.run("events", "--host", "cp1", "--log", "-")
    assert code == 2
    assert "--log - excludes --host" in err


def test_what_is_no_damage_here_is_none_there(machines: Machines) -> None:
    machines.folder("cp1").joinpath("audit.log").write_bytes(b"\xef\xbb\xbf" + line(1) + b"\r\n \n" + line(2))
    code, _, err = machines.run("events", "--host", "cp1", "--log", LOGS)
    assert code == 0
    assert "damaged" not in err


@pytest.mark.parametrize("asked", [["events"], ["events", "--name", "web-2"], ["events", "-o", "raw"]])
def test_a_line_with_a_hole_in_it_is_damage_wherever_it_is(machines: Machines, asked: list[str]) -> None:
    folder = machines.folder("cp1")
    (folder / "audit.log").write_bytes(
        line(1) + line(2)[:90] + b"\0" * 700 + line(2) + line(3) + b"\0" * 20 + line(4)
    )
    for where in (["--log", str(folder)], ["--log", LOGS, "--host", "cp1"]):
        code, _, err = machines.run(*asked, *where)
        assert code == 0
        assert "2 damaged" in err


def test_what_has_a_gzips_name_and_nothing_in_it_was_cut(machines: Machines) -> None:
    folder = machines.folder("cp1")
    (folder / "audit.log").write_bytes(line(400))
    (folder / "audit-2026-11-23T11-00-00.000.log.gz").write_bytes(b"")
    for where in (["--log", str(folder)], ["--log", LOGS, "--host", "cp1"]):
        code, _, err = machines.run("events", *where)
        assert code == 0
        assert err.count("could not be read (a compressed file that is cut short)") == 1
        assert err.count("cut short") == 1


def test_events_of_an_older_version_are_said(machines: Machines) -> None:
    folder = machines.folder("cp1")
    old = line(2, apiVersion="audit.k8s.io/v1beta1")
    (folder / "audit.log").write_bytes(line(1) + old)
    for where in (["--log", str(folder)], ["--log", LOGS, "--host", "cp1"]):
        code, _, err = machines.run("events", *where)
        assert code == 0
        assert "it holds events of audit.k8s.io/v1beta1, which are read as those of audit.k8s.io/v1" in err
        (node,) = items(machines.run("stats", *where, "-o", "json")[1])
        assert node["apiVersions"] == {"audit.k8s.io/v1": 1, "audit.k8s.io/v1beta1": 1}
        assert "versions  audit.k8s.io/v1 1, audit.k8s.io/v1beta1 1" in machines.run("stats", *where)[1]


ODD = {"html": "q<b>&", "letters": "Jörg Ünal 😀", "path": "https://issuer.example/#alice"}


@pytest.mark.parametrize("user", ODD.values(), ids=ODD)
@pytest.mark.parametrize("writer", ["go", "plain", "ascii", "upper", "slashed"])
def test_a_name_is_found_whoever_spelt_it(machines: Machines, user: str, writer: str) -> None:
    folder = machines.folder("cp1")
    texts = [
        json.dumps(event(n, user), separators=(",", ":"), ensure_ascii=writer in {"ascii", "upper"}) for n in (1, 2)
    ]
    if writer == "go":
        texts = [text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"}) for text in texts]
    if writer == "upper":
        texts = [re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), text) for text in texts]
    if writer == "slashed":
        texts = [text.replace("/", "\\/") for text in texts]
    (folder / "audit.log").write_text("\n".join([*texts, line(3).decode().strip()]) + "\n")
    for where in (["--log", str(folder)], ["--log", LOGS, "--host", "cp1"]):
        for asked in (user, f"{user[:5]}*"):
            assert machines.lines("--user", asked, *where) == sorted(texts)
        code, out, _ = machines.run("who", "touched", "--user", user, *where)
        assert (code, "sent 2 requests" in out) == (0, True), out


def test_a_line_without_an_end_counts_once(machines: Machines) -> None:
    machines.folder("cp1").joinpath("audit.log").write_bytes(line(1) + b"y" * (17 << 20) + b"\n" + line(2))
    code, out, err = machines.run("events", "-o", "raw", "--host", "cp1", "--log", LOGS)
    assert (code, len(out.splitlines())) == (0, 2)
    assert err.count("a line longer than 16 MiB") == 1


FILTERS: list[dict[str, list[str]]] = [
    {"code": ["403"], "verb": ["get"], "namespace": ["shop"]},
    {"code": ["4*"]},
    {"user": ["mal*", "bob"]},
    {"user": ["!alice"], "verb": ["get"]},
    {"resource": ["po"], "name": ["web-7?"]},
    {"resource": ["pods/exec", "secrets"]},
    {"agent": ["kubectl"], "level": ["Metadata"], "stage": ["ResponseComplete"]},
]


def log() -> list[dict[str, Any]]:
    made = [event(n) for n in range(300)]
    made += [event(70, "mallory", "get", 403), event(71, "bob", "get", 404), event(72, "mallory", "delete", 403)]
    ref = {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-7"}
    made += [event(73, objectRef=ref), event(74, verb="get", code=403, userAgent="kubectl/v1.36 (linux)")]
    return [*made, event(75, "mallory/x", impersonatedUser={"username": "bob"}, userAgent="kubectl")]


def in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(events, key=lambda e: str(e["stageTimestamp"]))


@pytest.mark.parametrize("respaced", [False, True])
@pytest.mark.parametrize("wanted", FILTERS)
def test_the_pattern_of_a_filter_fits_whatever_the_filter_fits(wanted: dict[str, list[str]], respaced: bool) -> None:
    made = make_filter(wanted, Window.of("2026-11-23T10:01:05Z", "2026-11-23T10:02:00Z"))
    fits, decode = made.test(), project(made.fields()).decode
    tests = [re.compile(one.replace("[[:space:]]", r"\s")) for one in patterns(made)]
    texts = [json.dumps(e, sort_keys=respaced, separators=None if respaced else (",", ":")) for e in log()]
    through = [text for text in texts if all(test.search(text) for test in tests)]
    fitting = [text for text in texts if fits(decode(text.encode()))]
    assert fitting
    assert set(fitting) <= set(through)
    assert len(through) <= 70


@pytest.mark.parametrize("respaced", [False, True])
@pytest.mark.parametrize("wanted", FILTERS)
def test_a_filter_finds_there_what_it_finds_here(
    machines: Machines, wanted: dict[str, list[str]], respaced: bool
) -> None:
    texts = [json.dumps(e, sort_keys=respaced, separators=None if respaced else (",", ":")) for e in in_order(log())]
    folder = machines.folder("cp1")
    (folder / "audit.log").write_text("\n".join(texts) + "\n")
    asked = [word for name, values in wanted.items() for value in values for word in (f"--{name}", value)]
    asked += ["--since", "2026-11-23T10:00:30Z"]
    here = machines.lines(*asked, "--log", str(folder))
    assert here
    assert machines.lines(*asked, "--host", "cp1", "--log", LOGS) == here
    counted = ["top", "--by", "user,verb,resource", *asked, "-o", "json", "--log"]
    top, far = (only(machines.run(*counted, *where)[1]) for where in ([str(folder)], [LOGS, "--host", "cp1"]))
    assert top["total"]["events"] >= len(here)
    assert (top["total"], top["rows"]) == (far["total"], far["rows"])
    # of a log that others wrote, its beginning is looked at
    assert set(machines.boxes["cp1"].asked) == {"list", "search", *(["fetch"] if respaced else [])}


@pytest.mark.parametrize("window", [["--since", "2026-11-23T10:00:30Z"], ["--until", "2026-11-23T10:02:00Z"]])
def test_an_estimate_of_a_while_leaves_the_rest_where_it_is(machines: Machines, window: list[str]) -> None:
    folder = machines.folder("cp1")
    (folder / "audit.log").write_bytes(b"".join(line(n) for n in range(150)))
    (folder / "audit-2026-11-23T10-05-00.000.log").write_bytes(b"".join(line(n) for n in range(150, 300)))
    asked = ["estimate", "metadata", "writes", *window, "-o", "json", "--log"]
    here = only(machines.run(*asked, str(folder))[1])
    there = only(machines.run(*asked, LOGS, "--host", "cp1")[1])
    assert here["logged"]["events"] > 100
    assert {**here, "coverage": []} == {**there, "coverage": []}
    assert set(machines.boxes["cp1"].asked) == {"list", "search"}


def test_what_is_counted_of_a_part_of_a_log_is_not_counted(machines: Machines) -> None:
    for host in ("cp1", "cp2"):
        machines.folder(host).joinpath("audit.log").write_bytes(line(1) + line(2) + b'{"broken"}\n' + line(3)[:-9])

    def before(host: str, args: Sequence[str]) -> None:
        if host == "cp2" and args[0] == "search":
            raise NodeError("cp2: the connection was lost")

    asked = ["top", "--by", "node", "--verb", "create", "--host", "cp1", "--host", "cp2", "--log", LOGS, "-o", "json"]
    whole = only(machines.run(*asked)[1])
    assert [(row["node"], row["events"]) for row in whole["rows"]] == [("cp1", 2), ("cp2", 2)]
    assert [one["damaged"] for one in whole["coverage"]] == [1, 1]
    machines.before = before
    code, out, err = machines.run(*asked)
    assert code == 1
    assert [row["node"] for row in only(out)["rows"]] == ["cp1"]
    assert [one["node"] for one in only(out)["coverage"]] == ["cp1"]
    assert "The log of cp2 is missing from this answer: cp2: the connection was lost." in err


def test_what_a_filter_leaves_out_stays_where_it_is(machines: Machines) -> None:
    text = b"".join(line(n, code=403 if n % 2 else 201, verb="get" if n % 50 else "list") for n in range(3000))
    machines.folder("cp1").joinpath("audit.log").write_bytes(text)
    box = Box(machines.root / "cp1", "cp1")
    for wanted in (
        make_filter({"code": ["403"], "verb": ["list"], "namespace": ["shop"]}, Window()),
        make_filter({}, Window.of("2026-11-23T10:20:00Z", "2026-11-23T10:20:20Z")),
    ):
        logs = RemoteLogs([box], SCRIPT, [LOGS])
        size = sum(len(row.body) + 1 for row in events(logs, wanted, raw=True))
        assert logs.moved <= 2 * size + 600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_copy_of_a_log(tmp_path: Path, number: signal.Signals) -> None:
    # whoever runs the tests under nohup ignores SIGHUP, and so would the process
    argv = ["env", "--default-signal", sys.executable, "-m", "kaudit_setup"]
    argv += ["who", "created", "pod/web", "--log", "-"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdin
        deadline = time.monotonic() + 30
        while not any(tmp_path.glob("kaudit-setup-*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(30) == -number
    assert not any(tmp_path.glob("kaudit-setup-*"))
