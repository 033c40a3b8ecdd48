"""What every command prints on tests/data, recorded from one checkout and compared with another's.

    python tests/bench/outputs.py record CHECKOUT before.json [FIRST-WORD ...]
    python tests/bench/outputs.py compare before.json after.json

A change that is meant to change no behaviour is proved with it: recordings of four scenarios at three levels, the
two real logs, every oracle policy and preset, the sample manifests, a node's folder. Only the standard library is
used, and commands run in the process that records them, so that a whole run takes minutes.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
LEVELS = {
    "Metadata": {"requestObject", "responseObject"},
    "Request": {"responseObject"},
    "RequestResponse": set(),
}


def write_logs(place: Path) -> None:
    """Every recording at every level, in files named SCENARIO-LEVEL.log; the real logs as they are."""
    for recording in sorted((DATA / "scenarios").glob("*.jsonl.gz")):
        with gzip.open(recording) as stream:
            events = [json.loads(line) for line in stream]
        for level, dropped in LEVELS.items():
            kept = ({k: v for k, v in event.items() if k not in dropped} | {"level": level} for event in events)
            lines = (json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n" for event in kept)
            (place / f"{recording.name.removesuffix('.jsonl.gz')}-{level}.log").write_text("".join(lines))
    for real in ("audit-1.20.2.jsonl.gz", "audit-1.36.2.jsonl.gz"):
        shutil.copy(DATA / "logs" / real, place / real)
    shutil.copy(DATA / "logs/scenario-1.36.2-metadata/audit.log.gz", place / "scenario-1.36.2.log.gz")


def log_commands(place: Path) -> Iterator[list[str]]:
    """Questions to the logs: every truth of every scenario, and the commands that count."""
    for truth_file in sorted((DATA / "scenarios").glob("*.truth.jsonl")):
        scenario = truth_file.name.removesuffix(".truth.jsonl")
        truths = [json.loads(line) for line in truth_file.read_text().splitlines()]
        for level in LEVELS:
            log = ["--log", f"{scenario}-{level}.log"]
            for truth in truths:
                until = ["--until", truth["until"]] if truth.get("until") else []
                about = [truth["object"], "-n", truth["ns"] or "default", *until, *log]
                yield ["who", truth["verb"], *about]
                if level == "Metadata":
                    yield ["who", truth["verb"], *about, "-o", "json"]
                    yield ["who", "touched", *about]
                    yield ["who", "changed", *about]
            for user in sorted({truth["root"] for truth in truths}):
                yield ["who", "touched", "--user", user, *log]
    for log in sorted(place.iterdir()):
        given = ["--log", log.name]
        yield ["stats", *given]
        yield ["stats", *given, "-o", "json"]
        yield ["estimate", "metadata", "quiet", "forensics", *given]
        yield ["estimate", "writes", *given, "-o", "json"]
        for by in ("user,verb,resource", "namespace", "code,decision", "agent,ip", "node,level,stage"):
            yield ["top", "--by", by, *given]
            yield ["top", "--by", by, *given, "-o", "json", "--stage", "ResponseComplete"]
        for filters in (
            ["--verb", "delete"],
            ["--code", "4*"],
            ["--user", "!system:*", "--limit", "30"],
            ["--name", "web*"],
        ):
            for form in ("table", "json", "jsonl", "raw"):
                yield ["events", *filters, *given, "-o", form]
    for name in ("web", "db", "nope"):
        for verb in ("created", "deleted", "changed", "touched", "read"):
            yield ["who", verb, f"deploy/{name}", "-n", "shop", "--log", "scenario-1.36.2.log.gz"]


def policy_commands() -> Iterator[list[str]]:
    """Every policy of the oracle and every preset, asked in every way."""
    presets = sorted(p.stem for p in (DATA.parents[1] / "templates/policies").glob("*.yaml"))
    for policy in [*presets, *(str(p) for p in sorted((DATA / "oracle/policies").iterdir()))]:
        for command in ("validate", "lint", "answers"):
            yield ["policy", command, policy]
            yield ["policy", command, policy, "-o", "json"]
        yield ["policy", "validate", policy, "--kube-version", "1.20"]
        for request in (
            ["--url", "GET /api/v1/namespaces/shop/secrets/x"],
            ["--url", "POST /api/v1/namespaces/a/pods/b/exec"],
        ):
            yield ["policy", "explain", policy, *request, "--as", "alice"]
            yield ["policy", "explain", policy, *request, "--as", "alice", "-o", "json"]
    for one in presets:
        yield ["policy", "show", one]
        for other in presets:
            yield ["policy", "compare", one, other]
    yield ["policy", "list"]
    yield ["policy", "build", "--help"]


def node_commands() -> Iterator[list[str]]:
    """A node's folder: changed, looked at, put back; and the pure filters."""
    formats = ["kubeadm", "kind", "cluster-api", "k3s", "rke2", "kops", "talos", "minikube", "kubespray"]
    for form in formats:
        yield ["render", form, "--policy", "metadata"]
        yield ["render", form, "--policy", "quiet", "--log-maxage", "7"]
    for command in ("status", "check", "verify", "backups list"):
        yield [*command.split(), "--root", "node"]
    yield ["enable", "--policy", "metadata", "--root", "node", "--dry-run"]
    yield ["enable", "--policy", "metadata", "--root", "node", "--dry-run", "-o", "json"]
    yield ["enable", "--policy", "metadata", "--root", "node", "--yes"]
    for command in (
        "status",
        "status -o json",
        "check",
        "check -o json",
        "check -o junit",
        "backups list",
        "backups show first",
    ):
        yield [*command.split(), "--root", "node"]
    yield ["enable", "--policy", "metadata", "--root", "node", "--yes"]
    yield ["enable", "--policy", "quiet", "--root", "node", "--yes"]
    yield ["backups", "list", "--root", "node"]
    yield ["backups", "diff", "first", "--root", "node"]
    yield ["rollback", "--root", "node", "--dry-run"]
    yield ["rollback", "--root", "node", "--yes"]
    yield ["disable", "--root", "node", "--dry-run"]
    yield ["disable", "--root", "node", "--yes"]
    yield ["disable", "--root", "node", "--yes"]
    yield ["status", "--root", "node"]
    for name in [
        "enable",
        "disable",
        "rollback",
        "status",
        "verify",
        "check",
        "who",
        "events",
        "top",
        "estimate",
        "stats",
        "collect",
        "backups",
        "demo",
        "manifest",
        "policy",
    ]:
        yield [name, "--help"]


def plain(text: str, place: Path) -> str:
    """`text` without what differs from run to run: folders, backup IDs, times of now, seconds that passed."""
    text = text.replace(str(place), "HERE")
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "BACKUP", text)
    text = re.sub(r"taken \S+Z", "taken TIME", text)
    text = re.sub(r'"(disk_free|run|at|taken|time)": \S+', r'"\1": SOME', text)
    return re.sub(r"\b\d+\.\d s\b", "N s", text)


def record(checkout: Path, out: Path, words: list[str]) -> None:
    """Run every command (or those that begin with one of `words`) with the code of `checkout`; write the output."""
    sys.path.insert(0, str(checkout))
    os.environ.update(COLUMNS="100", NO_COLOR="1", TZ="UTC", HOME="/nonexistent")
    from kaudit_setup.cli import main

    place = Path(tempfile.mkdtemp()) / "work"
    place.mkdir()
    os.chdir(place)
    write_logs(place)
    manifests = place / "node/etc/kubernetes/manifests"
    found: dict[str, list[object]] = {}
    start = time.monotonic()
    commands = [*log_commands(place), *policy_commands()]
    manifests.mkdir(parents=True)
    shutil.copy(DATA / "samples/kube-apiserver-1.36.2.yaml", manifests / "kube-apiserver.yaml")
    for number, argv in enumerate([*commands, *node_commands()]):
        if words and argv[0] not in words:
            continue
        stdout, stderr = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        try:
            with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                code: object = main(list(argv))
        except BaseException as error:
            code = repr(error)
        texts = []
        for stream in (stdout, stderr):
            stream.flush()
            texts.append(plain(stream.buffer.getvalue().decode(), place))
        key = " ".join(argv).replace(str(DATA), "DATA")
        found[f"{number} {key}"] = [code, *texts]
    shutil.rmtree(place.parent)
    out.write_text(json.dumps(found, indent=1))
    print(f"{len(found)} commands in {time.monotonic() - start:.0f} s")


def compare(before: Path, after: Path) -> int:
    """Say how many commands printed the same, and show the others as a difference."""
    old, new = json.loads(before.read_text()), json.loads(after.read_text())
    differ = [key for key in old if old[key] != new.get(key)]
    for key in differ:
        print(f"\n### {key}")
        for name, one, other in zip(("code", "stdout", "stderr"), old[key], new.get(key, ["", "", ""]), strict=True):
            if one != other:
                with tempfile.NamedTemporaryFile("w") as a, tempfile.NamedTemporaryFile("w") as b:
                    a.write(str(one) + "\n"), b.write(str(other) + "\n")
                    a.flush(), b.flush()
                    ran = subprocess.run(["diff", "-U0", a.name, b.name], capture_output=True, text=True, check=False)
                    print(f"{name}:", *ran.stdout.splitlines()[2:], sep="\n")
    print(
        f"\n{len(old) - len(differ)} of {len(old)} the same, {len(differ)} differ, {len(new.keys() - old.keys())} new"
    )
    return 1 if differ else 0


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve(), sys.argv[4:])
    else:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])))
