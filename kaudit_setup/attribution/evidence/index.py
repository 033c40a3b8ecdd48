"""What the log says about the objects that were looked up: searched by literals, decoded, merged, indexed.

Each literal is searched once; several are searched in one pass (in two where more is found than is kept). What merely
mentions an object (a kubelet's reports, reads) is kept as its first and last mention only, so that a busy object
costs no more than a quiet one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from kaudit_setup.attribution.evidence.requests import (
    Deed,
    Object,
    Seen,
    changes,
    creates,
    deed_of,
    deletes,
    executes,
    stage_rank,
    through_kubelet,
)
from kaudit_setup.auditlog.search import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window

LIMIT = 60_000
"""Deeds that are kept, about 1 KB each, before they are thinned out."""
_REPEATED, _CROWD, _WEIGHTY = range(3)
_AROUND = 300.0
"""Seconds around the first and the last mention of the object asked about in which nothing else is thinned out."""
_APART = 5.0
# What components write all the time: only what an event says matters.
_ROUTINE = frozenset({("", "events"), ("coordination.k8s.io", "leases")})


class Log(Protocol):
    """Where events are searched: local files, nodes over SSH, a list in a test."""

    def find(self, literals: Sequence[bytes], focus: bytes = b"") -> Iterable[Seen]:
        """The events on lines that hold any of `literals`; lines without `focus` may be left out if they did nothing
        (were only asked for, read, reported a status).
        """
        ...


def quoted(text: str) -> bytes:
    """`text` as a whole JSON string."""
    return b'"' + spelled(text) + b'"'


def pod_ending(name: str) -> bytes:
    """A Pod's name as a string's end: alone, or at the end of a controller's `Created pod: <name>`."""
    return spelled(name) + b'"'


def named(obj: Object) -> tuple[bytes, ...]:
    """Where kube-apiserver writes `obj` as an objectRef: its fields come in this order (audit/v1 ObjectReference)."""
    name = b'"name":' + quoted(obj.name)
    if obj.resource == "namespaces":
        # a request for one namespace carries it as its namespace too, a create does not
        return (b'"resource":"namespaces",' + name, b'"namespace":' + quoted(obj.name) + b"," + name)
    if not obj.namespace:
        return (b'"resource":' + quoted(obj.resource) + b"," + name,)
    return (b'"namespace":' + quoted(obj.namespace) + b"," + name,)


def kubelet_path(pod: Object) -> bytes:
    """How a request through a node's proxy names a Pod in its URI (see `through_kubelet`)."""
    return f"/{pod.namespace}/{pod.name}".encode()


def with_a_port(obj: Object) -> tuple[bytes, ...]:
    """How a request for the proxy of `obj` names it with a scheme or a port (see `proxied`)."""
    return tuple(
        literal
        for scheme in ("", ":", "http:", "https:")
        for literal in begins(replace(obj, name=f"{scheme}{obj.name}:"))
    )


def begins(obj: Object) -> tuple[bytes, ...]:
    """As `named`, of an object of which only the beginning of the name is known."""
    return tuple(literal[:-1] for literal in named(obj))


def sisters(obj: Object) -> tuple[bytes, ...]:
    """The other objects of `obj`'s kind that the same owner made: `<owner>-` and something else."""
    above = obj.name.rpartition("-")[0]
    kind = b'"resource":' + quoted(obj.resource) + b","
    return tuple(kind + literal for literal in begins(replace(obj, name=f"{above}-"))) if above else ()


def nameless_requests(obj: Object) -> bytes:
    """Every request on the collection that `obj` is in: creates whose name the server makes up, lists, deletions."""
    where = b',"namespace":' + quoted(obj.namespace) if obj.namespace else b""
    return b'"resource":' + quoted(obj.resource) + where + b',"api'


class Book:
    """The deeds found so far, by object; no more than `LIMIT` of them.

    `nodes` are the sources they came from.
    `left_out` counts the requests that were too many to keep.
    """

    def __init__(
        self,
        log: Log,
        keep: Callable[[Deed], bool] = lambda _: False,
        focus: bytes = b"",
        about: Object | None = None,
        window: Window = ALWAYS,
    ) -> None:
        """`keep`: which mere mentions are wanted all the same (a timeline's reads). `focus`: see `Log.find`.

        `about` and `window`: the object and the time asked about, which are the last to be thinned out.
        """
        self._focus = focus
        self._about = about
        self._window = window
        self._log = log
        self._keep = keep
        self._searched: set[bytes] = set()
        self._deeds: dict[tuple[str, ...], Deed] = {}
        self._index: dict[Object, list[Deed]] = {}
        self._stale = False
        self._known: tuple[float, ...] = ()
        self._lost: list[tuple[float, float]] = []
        self.nodes: set[str] = set()
        self.left_out = 0

    def look_up(self, literals: Iterable[bytes]) -> None:
        """Search what was not searched yet, in one pass."""
        # whatever holds a literal also holds each part of it
        new = [one for one in dict.fromkeys(literals) if not any(old in one for old in self._searched)]
        new = [one for one in new if not any(other in one for other in new if other != one)]
        if not new:
            return
        self._searched.update(new)
        mentions: dict[tuple[str, ...], list[Deed]] = {}
        for seen in self._log.find(new, self._focus):
            deed = deed_of(seen, self._about)
            self.nodes.add(deed.source.node)
            if deed.done and self._own(deed):
                self._known = (min((deed.at, *self._known)), max((deed.at, *self._known)))
            if _lasting(deed) or self._keep(deed):
                self._add(deed)
            elif deed.done:
                self._mention(deed, mentions)
        for pair in mentions.values():
            for deed in pair:
                self._add(deed)
        if any(begin - _AROUND < at < end + _AROUND for begin, end in self._lost for at in self._known):
            self._look_around(new)
        self._lost = []
        self._stale = True

    def _look_around(self, literals: Sequence[bytes]) -> None:
        """Read once more what was thinned out before the log showed when the object was there."""
        for seen in self._log.find(literals, self._focus):
            deed = deed_of(seen, self._about)
            if self._weight(deed) == _CROWD and self._distance(deed) < _AROUND and deed.key not in self._deeds:
                self.left_out -= 1
                self._add(deed)

    def sift(self, literals: Sequence[bytes], wanted: Callable[[Deed], bool], focus: bytes = b"") -> list[Deed]:
        """The deeds on lines that hold one of `literals`, of whatever kind, that are `wanted`; in order of time.

        `focus`: see `Log.find`.

        A pass of its own over the log, without the thinning of `look_up`: for questions that are rarely asked.
        """
        found: dict[tuple[str, ...], Deed] = {}
        for deed in self.every(literals, focus):
            if wanted(deed):
                old = found.get(deed.key)
                found[deed.key] = deed if old is None else better(old, deed)
        return in_order(found.values())

    def every(self, literals: Sequence[bytes], focus: bytes = b"") -> Iterator[Deed]:
        """What is on each line that holds one of `literals`, as it is read: a pass of its own, nothing is kept."""
        return map(deed_of, self._log.find(literals, focus))

    def on(self, obj: Object) -> list[Deed]:
        """Everything known about `obj`, in order of time."""
        return self._read().get(obj, [])

    def nameless(self, obj: Object) -> list[Deed]:
        """What is known about the collection that `obj` is in: creates without a name, deletions of it all, lists."""
        return self._read().get(replace(obj, name=""), [])

    def starting(self, obj: Object) -> list[Object]:
        """The objects known that are of `obj`'s kind and place and whose names begin with its name."""
        place = (obj.group, obj.resource, obj.namespace)
        return [
            one
            for one in self._read()
            if one.name.startswith(obj.name) and (one.group, one.resource, one.namespace) == place
        ]

    def all(self) -> Iterator[Deed]:
        """Every deed known, in no order."""
        return iter(self._deeds.values())

    @property
    def tolerance(self) -> float:
        """Seconds by which the clocks of the sources may differ."""
        return _APART if len(self.nodes) > 1 else 0.0

    def _add(self, deed: Deed) -> None:
        old = self._deeds.get(deed.key)
        self._deeds[deed.key] = deed if old is None else better(old, deed)
        if len(self._deeds) >= LIMIT:
            self._prune()

    def _prune(self) -> None:
        """Leave out a half of what matters least, until there is room for some more.

        First of what was done again and again (leader elections, heartbeats, reads), then of the objects that are not
        asked about but like it, at last of everything: what lies outside of the time asked for, or earlier.
        """
        for weight in (_REPEATED, _CROWD, _WEIGHTY):
            if len(self._deeds) <= LIMIT * 3 // 4:
                return
            deeds = [deed for deed in self._deeds.values() if self._weight(deed) == weight]
            if weight == _CROWD and self._known:
                deeds.sort(key=self._distance, reverse=True)
            else:
                deeds.sort(key=lambda deed: (self._window.holds(deed.time), deed.at))
            spare = deeds[: len(deeds) // 2]
            for deed in spare:
                del self._deeds[deed.key]
            self.left_out += len(spare)
            if weight == _CROWD:
                for begin, end in pairwise((float("-inf"), *self._known, float("inf"))):
                    times = [deed.at for deed in spare if begin <= deed.at <= end]
                    self._lost += [(min(times), max(times))] if times else []

    def _weight(self, deed: Deed) -> int:
        """How much is lost with a deed."""
        if not (creates(deed) or deletes(deed) or executes(deed)):
            return _WEIGHTY if self._own(deed) and not (_lasting(deed) or self._keep(deed)) else _REPEATED
        return _CROWD if self._alike(deed) or (creates(deed) and not deed.name) else _WEIGHTY

    def _own(self, deed: Deed) -> bool:
        about = self._about
        return about is not None and deed.name == about.name and deed.namespace in {about.namespace, ""}

    def _alike(self, deed: Deed) -> bool:
        about = self._about
        return about is not None and deed.resource == about.resource and deed.name not in {about.name, ""}

    def _distance(self, deed: Deed) -> float:
        """Seconds between a deed and the first or the last mention of the object asked about."""
        return min((abs(deed.at - at) for at in self._known), default=0.0)

    def _mention(self, deed: Deed, mentions: dict[tuple[str, ...], list[Deed]]) -> None:
        # a controller's report tells which of its owner's wishes it knew
        wish = str(deed.facts.generation)
        key = (deed.group, deed.resource, deed.namespace, deed.name, deed.subresource, deed.node, wish)
        pair = mentions.get(key)
        if pair is None and len(mentions) > LIMIT // 2 and not self._own(deed):
            self.left_out += 1
        elif pair is None:
            mentions[key] = [deed, deed]
        elif deed.at < pair[0].at:
            pair[0] = deed
        elif deed.at >= pair[1].at:
            pair[1] = deed

    def _read(self) -> dict[Object, list[Deed]]:
        if self._stale:
            self._index = {}
            for deed in in_order(self._deeds.values()):
                self._index.setdefault(deed.object, []).append(deed)
                if (inside := through_kubelet(deed)) is not None:
                    self._index.setdefault(inside.object, []).append(inside)
            self._stale = False
        return self._index


def in_order(deeds: Iterable[Deed]) -> list[Deed]:
    """`deeds` in order of time, each once.

    kube-apiserver and the server of an aggregated API both log what the one passes on to the other, each with its own
    time, under one Audit-ID. kube-apiserver does not read the body then, so it does not know the name in a create.
    """
    found: dict[tuple[str, ...], Deed] = {}
    for deed in sorted(deeds, key=_when):
        key = (deed.audit_id, deed.verb, deed.uri, deed.impersonator or deed.user)
        old = found.setdefault(key, deed)
        if old is deed:
            continue
        # somebody may choose one Audit-ID for many requests: only those of two servers can be the same
        apart = old.source.node == deed.source.node or deed.at - old.at > _APART
        if apart or (old.name and deed.name and old.name != deed.name):
            found[*key, *deed.key] = deed
        elif (deed.done, bool(deed.name)) > (old.done, bool(old.name)):
            found[key] = deed
    return sorted(found.values(), key=_when)


def _when(deed: Deed) -> tuple[float, float]:
    return deed.at, deed.end


def better(old: Deed, new: Deed) -> Deed:
    """Of two stages of one request the one that tells more; of two copies of one stage the first by file and line."""
    first, second = stage_rank(old.stage), stage_rank(new.stage)
    if first != second:
        return old if first > second else new
    here, there = old.source, new.source
    return new if (there.node, there.file, there.line) < (here.node, here.file, here.line) else old


def _lasting(deed: Deed) -> bool:
    """Whether a deed matters by itself: it made, altered, ended or entered something, or tried to."""
    if (deed.group, deed.resource) in _ROUTINE:
        return bool(deed.facts.message)
    if deed.stage == "RequestReceived" and deed.verb in {"get", "list", "watch"}:
        return False
    return creates(deed) or changes(deed) or deletes(deed) or executes(deed)
