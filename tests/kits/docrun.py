"""Runs the command lines of the documentation as they stand, with fixtures for a reader's hosts and files."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import shapekit
from dockit import PROGRAM, ROOT, Call, Line
from logkit import SCENARIO

from kaudit_setup.cli import main

SAMPLE = ROOT / "tests/data/samples/kube-apiserver-1.36.2.yaml"
POLICIES = ("policy", "my", "mine", "my-policy", "old", "new", "audit-policy", "policies/audit")
"""A reader's own policies."""
QUESTIONS = ("who", "events", "top", "stats", "estimate", "report", "collect", "pack", "suggest")

UNTIL_STOPPED = "runs until Ctrl-C: tests/flow/test_flow_follow.py, tests/flow/test_flow_demo.py"
AT_A_TERMINAL = "asks a person at a terminal: tests/unit/node/test_node_prompts.py, tests/flow/test_flow_fleet.py"
NOT_RUN = {
    "--watch": UNTIL_STOPPED,
    "-f": UNTIL_STOPPED,
    "demo": UNTIL_STOPPED,
    "--canary": AT_A_TERMINAL,
    "--ask-become-pass": AT_A_TERMINAL,
    "--install-completion": "writes into the files of the reader's shell",
}
"""Words of this program's command lines that no test here runs, and why."""
OTHERS = {
    "make": "the test would run itself",
    "pipx": "contrib/packaging/release.sh installs the wheel; tests/unit/project/test_packaging.py the checkout",
    "ansible-galaxy": "tests/unit/project/test_ansible.py",
    "ansible-playbook": "tests/flow/test_flow_ansible.py",
    "ansible-doc": "tests/unit/project/test_ansible.py",
    "kubeadm": "needs a real cluster: tests/e2e/test_e2e_machine.py",
    "scp": "copies between real hosts",
    "git": "shows what contrib/urls.py changed",
    ".venv/bin/python": "rewrites the checkout: tests/unit/project/test_docs.py asks what it would do",
    "jq": "reads what was printed",
}
"""Programs of others, and why no test here runs them."""


def why_not(line: Line) -> str:
    """Why this line is not run; "" if it is."""
    reasons = [OTHERS.get(line.programs[0], ""), *(NOT_RUN.get(word, "") for word in line.calls[0].words)]
    return next(filter(None, reasons), "")


def asks_nodes(line: Line) -> bool:
    """Whether a node, or what stores logs, has to be there."""
    words = line.calls[0].words
    files = {"policy", "render", "manifest", "schema", "config", *QUESTIONS}
    local = words[1] in files and not {"--host", "-i", "--inventory"} & set(words)
    stores = any(word.startswith(("s3://", "/srv/audit-archive")) for word in words)
    return not local or stores or bool(line.calls[0].environment)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a line ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Reader:
    """Somebody who copies lines into a shell, in a folder with the files that the pages speak of.

    `places`: what stands for a word of theirs (a host, a bucket); `options`: what is added where nodes are asked.
    """

    folder: Path
    places: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.folder.joinpath("home").mkdir(parents=True)
        for name in POLICIES:
            path = self.folder / f"{name}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text((ROOT / "templates/policies/forensics.yaml").read_text())
        for name in ("in", "kube-apiserver"):
            shutil.copy(SAMPLE, self.folder / f"{name}.yaml")
        image = self.folder / "image/etc/kubernetes/manifests/kube-apiserver.yaml"
        image.parent.mkdir(parents=True)
        shutil.copy(SAMPLE, image)
        log = b"".join(gzip.decompress(SCENARIO.read_bytes()).splitlines(keepends=True)[:1000])
        for name in ("audit.log", "audit/audit.log", "evidence/audit.log"):
            self.folder.joinpath(name).parent.mkdir(exist_ok=True)
            self.folder.joinpath(name).write_bytes(log)
        lines = log.splitlines()
        self.folder.joinpath("eks.json").write_bytes(shapekit.aws_events(lines))
        self.folder.joinpath("gke.json").write_bytes(shapekit.gcloud(lines))
        self.folder.joinpath("shipped.json").write_bytes(shapekit.hosted(lines, "clusters-blue"))
        with zipfile.ZipFile(self.folder / "download.zip", "w") as download:
            download.write(self.folder / "eks.json", "eks.json")
        with tarfile.open(self.folder / "must-gather.tar.gz", "w:gz") as gathered:
            gathered.add(self.folder / "audit.log", "mg/audit_logs/kube-apiserver/cp1-audit.log")
        self.folder.joinpath("requests.jsonl").write_text('{"user": "alice", "verb": "get", "resource": "pods"}\n')
        config = self.folder / "home/.config/kaudit-setup/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text("[profiles.production]\nutc = true\n")
        (self.folder / "textfile").mkdir()
        (self.folder / "sink.kubeconfig").write_text(
            "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://192.0.2.1/'}}]\n"
            "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
        )

    def words(self, call: Call) -> list[str]:
        """What the program is given in the place of what the page shows."""
        here = {
            "/mnt/image": "image",
            "/srv/audit-archive": "archive",
            "/var/log/kubernetes/audit": "audit",
            "/var/lib/node_exporter/kaudit.prom": "textfile/kaudit.prom",
            "/var/lib/node_exporter/kaudit-setup.prom": "textfile/kaudit-setup.prom",
            "*.yaml": "old.yaml",
            **self.places,
        }
        words = [here.get(word, word) for word in call.words[1:]]
        from_nodes = {"--host", "-i", "--inventory", "--root"} & set(words) or call.environment
        if set(QUESTIONS) & set(words[:2]) and "--log" not in words and not from_nodes:
            words += ["--log", "audit"]
        elif words[0] in CHANGES and not from_nodes:
            words += ["--host", "cp1"]  # as if on that node
        if "--webhook-config" in words:
            words += ["--dry-run"]  # nobody listens there
        if words[0] in ASKING and not {"--yes", "-y", "--dry-run", "--check"} & set(words):
            words += ["--yes"]
        return words + (list(self.options) if from_nodes or "--host" in words else [])

    def run(self, line: Line) -> Ended:
        """All calls of the line; the last one's end."""
        ended = Ended(0, "", "")
        for call in line.calls:
            if call.words[0] != PROGRAM:
                break
            text = (self.folder / call.reads).read_text() if call.reads else ended.out
            ended = self._run(self.words(call), text, call)
            if call.writes:
                (self.folder / call.writes).write_text(ended.out)
        return ended

    def prepare(self, *words: str) -> None:
        """Bring the nodes of `clusters.yaml` into the state that a line expects."""
        call = Call((PROGRAM, *words, "-i", "clusters.yaml"))
        ended = self._run(self.words(call), "", call)
        assert ended.code == 0, ended

    def failure(self, line: Line) -> str:
        """How the line ended other than it may; "" if it did not."""
        ended = self.run(line)
        fine = ended.code in expected(line) and "this is a bug" not in ended.err
        return "" if fine else f"{line.page}: {line.text}: {ended.code}\n{ended.out[-2000:]}{ended.err}"

    def _run(self, words: list[str], text: str, call: Call) -> Ended:
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LC_ALL") or "AWS_" in name},
            "HOME": str(self.folder / "home"),
            **{name: ",".join(self.places.get(v, v) for v in value.split(",")) for name, value in call.environment},
        }
        given, out, err = (
            io.TextIOWrapper(io.BytesIO(data), "utf-8", write_through=True) for data in (text.encode(), b"", b"")
        )
        before = Path.cwd()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.multiple(sys, stdin=given, stdout=out, stderr=err),
        ):
            os.chdir(self.folder)
            try:
                code = main(words)
            finally:
                os.chdir(before)
        return Ended(code, _text(out), _text(err))


CHANGES = ("enable", "disable", "rollback", "recover", "purge", "status", "verify", "check", "backups")
ASKING = ("enable", "apply", "disable", "rollback", "recover", "purge")
"""Commands that ask before they change something."""


def expected(line: Line) -> set[int]:
    """The exit codes that may follow: 3 where a change is only shown; 1 where a node or a log answers "no"."""
    words = set(line.calls[-1].words if line.programs[-1] == PROGRAM else line.calls[0].words)
    if {"--dry-run", "--check", "--webhook-config", "diff"} & words:
        return {0, 3}
    return {0, 1} if {"who", "status", "check"} & words else {0}


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
