"""Fuzzing of every shape that logs are kept in: damaged, cut, mixed, compressed, hostile."""

from __future__ import annotations

import atexit
import gzip
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from exportkit import EXPORTS
from fuzzer import Target, mutated
from logkit import SCENARIO
from shapekit import PACKED, SAME, Lines, gcloud, gke, legacy

from kaudit_setup.auditlog import search
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.reports.stats import stats
from kaudit_setup.auditlog.search import candidates, numbered
from kaudit_setup.auditlog.sources.local import LocalLogs

_RECORDED: Lines = gzip.decompress(SCENARIO.read_bytes()).splitlines()[600:612]
_LITERALS = (b'"namespace":"default","name":"my-suspicious-pod"', b"admin")
_FOLDER = Path(tempfile.mkdtemp(prefix="kaudit-fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

_TEXTS = tuple(writer(_RECORDED) for writer in (*SAME.values(), *EXPORTS.values(), gke, gcloud, legacy))
SEEDS = (*_TEXTS, *(pack(_TEXTS[at]) for at, pack in enumerate(PACKED.values())))
WORDS = (
    b" stdout P ",
    b" stderr F ",
    b'{"log":"',
    b'\\n","stream":"stdout"',
    b"MESSAGE\n",
    b"__CURSOR=",
    b'"items":[',
    b'"protoPayload":{',
    b"},\n{",
    b"AUDIT: id=",
    b'\\"',
    b"[[[[",
    b"\x1b[2J",
    b"\x28\xb5\x2f\xfd",
)


def shape(data: bytes) -> None:
    """A file of any shape: told, counted, and searched in both ways."""
    path = _FOLDER / "audit.log"
    path.write_bytes(data)
    files = find_logs([str(path)]).files
    logs = LocalLogs(files)
    stats(logs)
    logs.coverage()
    # every line is looked at in one, only those that may hold a literal in the other
    for below in (1 << 30, -1):
        _searched(files, below)


def _searched(files: Sequence[LogFile], below: int) -> set[bytes]:
    with mock.patch.object(search, "CHECK_BELOW_BYTES", below):
        return {hit.text for hit in numbered(list(candidates(files, _LITERALS)))}


def mixed(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Altered, cut, put together with another shape, or compressed afterwards."""
    made = mutated(rng, data, words)
    if rng.random() < 0.2:
        other = rng.choice(_TEXTS)
        made = made[: rng.randrange(len(made) + 1)] + other[rng.randrange(len(other)) :]
    return rng.choice(list(PACKED.values()))(made) if rng.random() < 0.2 else made


TARGET = Target("shapes", shape, SEEDS, WORDS, mixed)
