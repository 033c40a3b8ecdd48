"""Logs that evidently come from different clusters: what a cluster has only once has two UIDs in them.

Only what a client cannot choose counts: the UID of an authenticated service account, that of the object of an update
that succeeded (the server refuses another one: AS/pkg/registry/rest/update.go, a precondition), and that in the
server's own answer. The logs of one cluster's servers know the same service accounts and leases, and its rotated
files too. An account that was made again has two UIDs in turn, never at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.reader import Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally

_LOOK_BYTES: Final = 2 << 20
"""What is read of each file that is looked at: the beginning."""
_MOST_FILES: Final = 3
"""Files of one log that are looked at: the first, the last and one between them."""
_APART_ALIKE: Final = 2
"""So many things with two UIDs, and none with one, are no accounts that were made again."""
_KEPT: Final = 50
_ACCOUNT: Final = "system:serviceaccount:kube-system:"
_UNDELETABLE: Final = frozenset({"default", "kube-system", "kube-public"})
"""Namespaces that cannot be deleted (AS/pkg/admission/plugin/namespace/lifecycle/admission.go)."""
_LEASES: Final = frozenset({"kube-system", "kube-node-lease"})
_TELLING: Final = (_ACCOUNT.encode(), b'"resource":"leases"', b'"resource":"namespaces"')


class DifferentClusters(msgspec.Struct, frozen=True):
    """Two logs of different clusters, and what shows that: a sentence without a full stop."""

    one: LogFile
    other: LogFile
    why: str


class _User(msgspec.Struct, gc=False):
    username: str = ""
    uid: str = ""


class _Ref(msgspec.Struct, gc=False):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    subresource: str = ""


class _Status(msgspec.Struct, gc=False):
    code: int = 0


class _Line(msgspec.Struct, gc=False, rename="camel"):
    stage: str = ""
    verb: str = ""
    user: _User = msgspec.field(default_factory=_User)
    object_ref: _Ref = msgspec.field(default_factory=_Ref)
    response_status: _Status = msgspec.field(default_factory=_Status)
    stage_timestamp: str = ""
    response_object: msgspec.Raw = msgspec.Raw()


class _Meta(msgspec.Struct, gc=False):
    uid: str = ""


class _Object(msgspec.Struct, gc=False):
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class Seen(msgspec.Struct):
    """When a UID was first and last seen, as the log spells it."""

    first: str
    last: str


Uids = dict[str, dict[str, Seen]]
"""What a cluster has only once, in words → its UIDs, each with when it was seen."""
_LINE = msgspec.json.Decoder(_Line)
_OBJECT = msgspec.json.Decoder(_Object)


def find_different_clusters(files: Sequence[LogFile]) -> DifferentClusters | None:
    """The first two of the logs in `files` that evidently come from different clusters; None if none do.

    Reads the beginning of a few files of each log; nothing of what can be read only once.
    """
    logs: dict[tuple[str, str], list[LogFile]] = {}
    for file in files:
        if not file.once:
            logs.setdefault(file.log, []).append(file)
    if len(logs) < 2:
        return None
    seen = [(own[0], uids_in(own)) for own in logs.values()]
    for (one, first), (other, second) in combinations(seen, 2):
        if why := difference(first, second):
            return DifferentClusters(one, other, why)
    return None


def uids_in(files: Sequence[LogFile]) -> Uids:
    """What tells the cluster of some files of one log. Reads the beginning of a few of them."""
    found: Uids = {}
    for file in dict.fromkeys((files[0], files[len(files) // 2], files[-1])):
        for thing, uid, time in _facts(file):
            seen = found.setdefault(thing, {}).setdefault(uid, Seen(time, time))
            seen.first, seen.last = min(seen.first, time), max(seen.last, time)
    return found


def _facts(file: LogFile) -> Iterator[tuple[str, str, str]]:
    """What a file says about things that a cluster has only once: the thing, its UID, when."""
    block = next(blocks(Unit(0, file), Tally(), _LOOK_BYTES), None)
    for text in bytes(block.view).split(b"\n") if block is not None else ():
        if any(one in text for one in _TELLING):
            try:
                line = _LINE.decode(text)
            except (msgspec.MsgspecError, RecursionError):
                continue
            yield from ((thing, uid, line.stage_timestamp) for thing, uid in _of_line(line) if uid)


def _of_line(line: _Line) -> Iterable[tuple[str, str]]:
    user, ref = line.user, line.object_ref
    if user.username.startswith(_ACCOUNT):
        yield f"the service account {user.username}", user.uid
    if line.stage != "ResponseComplete" or line.response_status.code != 200 or ref.subresource:
        return
    if (line.verb, ref.resource) == ("update", "leases") and ref.namespace in _LEASES:
        yield _lease(ref.namespace, ref.name), ref.uid
    if ref.resource == "namespaces" and ref.name in _UNDELETABLE and line.verb in {"get", "patch", "update"}:
        yield _namespace(ref.name), _answered(line)


def _lease(namespace: str, name: str) -> str:
    return f"the lease {namespace}/{name}"


def _namespace(name: str) -> str:
    return f"the namespace {name}"


def _answered(line: _Line) -> str:
    """The UID in the server's answer; empty if that was not logged, or is not the object."""
    if not line.response_object:
        return ""
    try:
        answer = _OBJECT.decode(line.response_object)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return answer.metadata.uid if answer.kind == "Namespace" else ""


def few(uids: Uids) -> Uids:
    """Some of what tells a cluster, to be kept: of the leases of nodes there may be thousands."""
    likely = sorted(uids.items(), key=lambda one: one[0].startswith(_lease("kube-node-lease", "")))
    return dict(likely[:_KEPT])


def difference(one: Uids, other: Uids, *, at_any_time: bool = False) -> str:
    """What shows that two logs come from different clusters; empty if nothing does. `at_any_time`: months may lie
    between them, in which all that can be made again may have been.
    """
    shared = sorted(one.keys() & other.keys())
    if any(one[thing].keys() & other[thing].keys() for thing in shared):
        return ""
    undeletable = [thing for thing in shared if thing in set(map(_namespace, _UNDELETABLE))]
    at_once = [thing for thing in shared if _overlap(one[thing], other[thing])]
    many = len(shared) >= _APART_ALIKE and not at_any_time
    telling = undeletable or at_once or (shared if many else [])
    return f"{telling[0]} has another UID in each" if telling else ""


def _overlap(one: Mapping[str, Seen], other: Mapping[str, Seen]) -> bool:
    """Whether two UIDs were both in use at some time."""
    return any(a.first < b.last and b.first < a.last for a in one.values() for b in other.values())
