"""What the names of log files say: which log they belong to, when they were rotated, and of which node it is.

Rotation as kube-apiserver does it (vendor/gopkg.in/natefinch/lumberjack.v2/lumberjack.go:backupName): `audit.log`
becomes `audit-2026-11-23T16-20-54.099.log` (UTC, the time of the rotation, so no event in it is later), and
`.log.gz` a moment later if compression is on. Other names come from logrotate and from people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import msgspec

from kaudit_setup.auditlog.timestamps import stamp_or_nothing

_HERE = "this machine"
_ROTATED = r"(?P<stem>.+)-(?P<date>\d{4}-\d\d-\d\d)T(?P<clock>\d\d-\d\d-\d\d)(?P<part>\.\d{3})(?P<ext>\.[^.]*)?"
_EXTENSION = r"\.(?:log|jsonl|ndjson|json)"
_PACKED = r"\.(?:gz|zst|zstd|xz|bz2)\Z"
_LOG = rf".+{_EXTENSION}(?:[.-]\d+)*"
_NUMBERED = rf"(?P<stem>.+?{_EXTENSION})[.-](?P<number>\d+)"
_ARCHIVE = r"(?i)\.(?:tar(?:\.(?:gz|zst|zstd|xz|bz2))?|tgz|tzst|txz|tbz2?|zip)\Z"
_COPY = r"\A\.|~\Z|\.(?:swp|tmp|part|bak|orig|save|altered)(?:[.-]?\d+)?\Z"
_UNREAD = r"\.(?:lz4|Z|zip)\Z"
# folders whose names do not identify a node
_GENERIC = frozenset(
    {"", "/", "audit", "log", "logs", "var", "kubernetes", "kube-apiserver", "apiserver", "kube-audit"}
)
_MANY = 1000  # groups; among more, equal names are not looked for


# kubelet's folder of a container, and its files: by how often the container was started, rotated with the local time
# (pkg/kubelet/kuberuntime/helpers.go:buildContainerLogsPath, logs/container_log_manager.go:rotateLatestLog)
_POD_FOLDER = r"kube-system_kube-apiserver-(?P<node>.+)_[0-9a-f-]+"
_ANY_POD_FOLDER = r"[a-z0-9-]+_(?P<pod>[a-z0-9.-]+)_[0-9a-f-]{8,}"
_CONTAINER_LOG = r"(?P<start>\d+)\.log(?:\.(?P<date>\d{8})-(?P<clock>\d{6}))?"


class FileName(msgspec.Struct, frozen=True):
    """`stem`: what all files of one log have in common, as `audit.log`. `rotated`: the UTC moment of the rotation, in
    the log's spelling, else empty. `number`: of logrotate, the larger the older, 0 without one.
    """

    stem: str
    rotated: str = ""
    number: int = 0
    order: tuple[int, str] = (0, "")
    """Of the files that kubelet keeps of a container: which start of it, and when it was rotated."""

    @classmethod
    def of(cls, name: str, folder: str = "") -> FileName:
        """Parse `name`, of a file in `folder`."""
        plain = bare(name)
        if _of_pod(folder, _ANY_POD_FOLDER) and (found := re.fullmatch(_CONTAINER_LOG, plain)):
            # the file that is being written is the last one
            return cls("container.log", order=(int(found["start"]), (found["date"] or "~") + (found["clock"] or "")))
        if (found := re.fullmatch(_ROTATED, plain)) and (moment := _moment(found)):
            return cls(found["stem"] + (found["ext"] or ""), moment)
        if found := re.fullmatch(_NUMBERED, plain):
            number = int(found["number"])
            # logrotate's dateext counts up with time, its plain numbers count down
            return cls(found["stem"], number=-number if len(found["number"]) >= 8 else number)
        return cls(plain)


def _moment(rotated: re.Match[str]) -> str:
    text = f"{rotated['date']}T{rotated['clock'].replace('-', ':')}{rotated['part']}000Z"
    return stamp_or_nothing(text)


def pod_node(folder: str) -> str:
    """The node whose kube-apiserver writes to standard output in a folder of kubelet's; empty for other folders."""
    return _of_pod(folder, _POD_FOLDER)


def _of_pod(folder: str, pattern: str) -> str:
    """What `pattern` says of a folder of kubelet's."""
    return next((found[1] for part in PurePath(folder).parts if (found := re.fullmatch(pattern, part))), "")


def rotated_name(name: str, moment: str) -> str:
    """What a log file called `name` would be called if it had been rotated at `moment`, in the log's spelling."""
    log = PurePath(FileName.of(name).stem)
    packed = name.removeprefix(bare(name))
    return f"{log.stem}-{moment[:23].replace(':', '-')}{log.suffix}{packed}"


def bare(name: str) -> str:
    """`name` without the ending of a compression that is read here."""
    return re.sub(_PACKED, "", name)


def is_packed(name: str) -> bool:
    """Whether it has such an ending."""
    return bare(name) != name


def is_log(name: str) -> bool:
    """Whether a file of a folder is called like a log: also as logrotate and people call them."""
    return re.fullmatch(_LOG, bare(name)) is not None


def is_copy(name: str) -> bool:
    """Whether it is called like what editors, people and `collect` keep beside a file, or is hidden."""
    return re.search(_COPY, name) is not None


def is_archive_name(name: str) -> bool:
    """Whether it ends like that of an archive."""
    return re.search(_ARCHIVE, name) is not None


def is_packed_log(name: str) -> bool:
    """Whether it is called like a log in a compression that is not read here."""
    return not is_log(name) and is_log(re.sub(_UNREAD, "", name))


def is_audit_log(name: str) -> bool:
    """Whether the name alone says that it is kube-apiserver's."""
    return bool(FileName.of(name).rotated) or name.startswith("audit.log")


def node_names(groups: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The node of each group of files, by (folder, stem): the innermost folder name that is not a generic one, or the
    stem where several stems share a folder; both where two nodes would get one name.
    """
    stems = Counter(folder for folder, _ in groups)
    names = {
        (folder, stem): _short(stem) if stems[folder] > 1 else _identifying(folder) or _HERE
        for folder, stem in groups
    }
    # a changed manifest makes another Pod, with a folder of its own, on the same node
    times = Counter(name for (folder, _), name in names.items() if len(groups) < _MANY and not pod_node(folder))
    return {key: "/".join(key) if times[name] > 1 else name for key, name in names.items()}


def host_names(groups: Sequence[tuple[str, str]], host: str) -> dict[tuple[str, str], str]:
    """As `node_names`, for logs found on the machine `host`: a single log is its own; of several (copies of other
    nodes' logs), each is `host/NAME`.
    """
    names = node_names(groups)
    if len(groups) == 1 or all(pod_node(folder) for folder, _ in groups):
        return dict.fromkeys(groups, host)
    return {key: host if name in {_HERE, host} else f"{host}/{name.lstrip('/')}" for key, name in names.items()}


def _identifying(folder: str) -> str:
    parts = (re.sub(_ARCHIVE, "", part) for part in reversed(PurePath(folder).parts))
    pod = pod_node(folder) or _of_pod(folder, _ANY_POD_FOLDER)
    return pod or next((part for part in parts if part not in _GENERIC), "")


def _short(stem: str) -> str:
    short = re.sub(rf"{_EXTENSION}\Z", "", stem)
    return re.sub(r"(?:^audit[-_.]|[-_.]audit\Z)", "", short) or short
