"""Files beside a log that somebody else may have put there, or may have written to: owner and mode tell, and of a
container's log its path.

kube-apiserver makes its log and the rotated files with mode 0600 for its own user
(vendor/gopkg.in/natefinch/lumberjack.v2/lumberjack.go:openNew). What a stranger puts beside them is his.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.shapes.origins import advice, whose_path

ROOT: Final = 0
# kubelet gives a static Pod a hash for its UID (pkg/kubelet/config/common.go:applyDefaults), the API server gives any
# other one a UUID, whatever it asks for (apiserver/pkg/registry/rest/meta.go:FillObjectMetaSystemFields)
_IN_KUBE_SYSTEM: Final = re.compile(r"/pods/kube-system_[a-z0-9.-]+_([0-9a-f-]{32,36})/")
_MADE: Final = "a Pod that somebody made, where kube-apiserver is a static Pod of kubelet"


class Trusted(msgspec.Struct, frozen=True):
    """The files that are read, and a sentence for each that is not, or is read with doubt."""

    files: tuple[LogFile, ...]
    notes: tuple[str, ...] = ()


def trusted_files(files: Sequence[LogFile], writers: frozenset[int] | None = None) -> Trusted:
    """Those of `files`, log by log, that are of the log's own writer, and that nobody else can write to.

    `writers`: the users that may write the logs, where that is known (an API server's own log on its node): root
    and the server's. Elsewhere it is whoever owns the file that is being written: copies are anybody's.
    """
    own = _of_containers(files)
    kept: list[LogFile] = []
    notes = list(own.notes)
    for _, group in groupby(own.files, key=lambda file: file.log):
        log = list(group)
        doubts = {file: _doubt(file, log, writers) for file in log}
        kept += [file for file in log if not doubts[file]]
        notes += [f"{file.path} is not believed and left out: {why}" for file, why in doubts.items() if why]
        if _is_open(log):
            notes.append(f"{log[-1].path} can be written by others than its owner: what stands in it proves little")
    return Trusted(tuple(kept), tuple(notes))


def _of_containers(files: Sequence[LogFile]) -> Trusted:
    """Without what other containers have written to their standard output."""
    uids = {file: _pod_uid(file.path) for file in files}
    static = any(uid and "-" not in uid for uid in uids.values())
    others = {file: whose_path(file.path) or (_MADE if static and "-" in uids[file] else "") for file in files}
    said = [
        f"{file.path} is left out: not kube-apiserver's log, but of {whose}" + _hint(whose)
        for file, whose in others.items()
        if whose
    ]
    return Trusted(tuple(file for file in files if not others[file]), tuple(said))


def _pod_uid(path: str) -> str:
    """The UID of the Pod in kube-system whose log this is; empty if the path does not say it."""
    found = _IN_KUBE_SYSTEM.search(path)
    return found[1] if found else ""


def _hint(whose: str) -> str:
    fix = advice([whose])
    return f"; {fix}" if fix else ""


def _is_open(log: Sequence[LogFile]) -> bool:
    """Whether all files of a log can be written by others."""
    return all(file.loose for file in log)


def _doubt(file: LogFile, log: Sequence[LogFile], writers: frozenset[int] | None) -> str:
    """Why a file of a log may hold made-up events; empty if it does not look so."""
    owners = writers or {ROOT, log[-1].owner}
    if file.owner not in {*owners, -1}:
        return f"it belongs to user {file.owner}, who does not write this log"
    return "others than its owner can write to it" if file.loose and not _is_open(log) else ""
