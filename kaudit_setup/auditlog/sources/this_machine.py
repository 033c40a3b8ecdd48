"""The log of the API server on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from kaudit_setup.auditlog.files import STDIN, LogFile
from kaudit_setup.auditlog.find import find_logs, own_logs
from kaudit_setup.auditlog.sources.untrusted_files import ROOT
from kaudit_setup.errors import InputError

DEFAULT = "/var/log/kubernetes/audit/audit.log"
STDOUT = "/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver"
"""Where kubelet keeps what a server writes to standard output (`--audit-log-path=-`)."""
MANIFEST = Path("/etc/kubernetes/manifests/kube-apiserver.yaml")


def own_files() -> tuple[LogFile, ...]:
    """The log that the API server of this machine writes, with its rotated files. Raises InputError for none."""
    here = _own_log()
    if str(here) == STDIN:
        return find_logs([STDOUT], node="this machine").files
    if not here.exists():
        raise InputError(
            f"there is no audit log at {here} on this machine", hint="name it with --log PATH, or a node with --host"
        )
    return own_logs(find_logs([str(here.parent)], node="this machine").files, str(here))


def own_writers(files: Sequence[LogFile]) -> frozenset[int]:
    """The users that may write the log `files` of this machine: root, whoever asks, and the owner of its folder, who
    is the server's user where that is not root.
    """
    folders = {str(Path(file.path).parent) for file in files}
    return frozenset({ROOT, os.geteuid(), *(Path(folder).stat().st_uid for folder in folders)})


def _own_log() -> Path:
    try:
        found = re.search(r"--audit-log-path=([^\s\"']+)", MANIFEST.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return Path(found[1]) if found and (found[1].startswith("/") or found[1] == STDIN) else Path(DEFAULT)
