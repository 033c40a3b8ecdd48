"""One name that was created twice: a cluster allows that only if the first object was deleted in between.

The server refuses to create what exists (409: AS/pkg/registry/generic/registry/store.go:Create). So where two creates
succeeded and the logs show no deletion, either that is not in them (the policy leaves out deletions by kubelets, the
garbage collector or the controller of a TTL; an API server's log is missing; etcd was restored), or the logs are of
two clusters. Within one server's log it can only be the former.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kaudit_setup.attribution.chain import Finding, note
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.values import replace

ITS_CLUSTER: Final = "its log may be of another cluster"
"""Why a link is in doubt where two logs may be of two clusters."""


def of_two_clusters(index: EventIndex, obj: Object, finding: Finding) -> Finding:
    """A finding about what was done to `obj` after it was created, in doubt where the logs may know two of them, of
    which nobody can tell which one is meant.
    """
    made = _made_before(index, obj, finding.request)
    if len(made) < 2:
        return finding
    said = created_elsewhere(not_ended(index, made[:-1], made[-1]), made[-1])
    if not said:
        return finding
    first, *others = finding.links
    return replace(finding, links=(first.doubted(ITS_CLUSTER), *others)) + replace(note(said), proviso=said)


def _made_before(index: EventIndex, obj: Object, request: Request | None) -> list[Request]:
    """The creates of `obj` before a request that is none itself, in order of time."""
    if request is None or creates(request):
        return []
    return list(filter(creates, index.done(obj, request.at)))


def not_ended(index: EventIndex, earlier: Sequence[Request], later: Request) -> list[Request]:
    """Those of `earlier`, creates in order of time, whose object nothing in the logs ended before `later` created it
    again: a deletion of it, of its whole collection, of its namespace, or of an owner that its name allows.
    """
    obj, until = later.object, later.at + index.tolerance
    known = [obj, replace(obj, name=""), *(guess.owner for guess in guesses(obj))]
    end = _last_end((request for one in known for request in index.on(one)), until)
    left = _made_after(end + index.tolerance, earlier)
    if not left or not obj.namespace:
        return left
    space = Object("", "namespaces", "", obj.namespace)
    wider = {space, replace(obj, name="")}
    # a pass of its own over the log, which only a name without its deletion costs
    found = index.sift([nameless_requests(obj), *named(space)], lambda one: one.object in wider and deletes(one))
    return _made_after(_last_end(found, until) + index.tolerance, left)


def _last_end(requests: Iterable[Request], until: float) -> float:
    """When the last deletion in `requests` came up to `until`, also one of unknown outcome; -inf if there is none."""
    times = (one.at for one in filter(deletes, requests) if one.outcome in {"done", "open"})
    return max(filter(lambda at: at <= until, times), default=float("-inf"))


def _made_after(time: float, requests: Iterable[Request]) -> list[Request]:
    return [request for request in requests if request.at > time]


def created_elsewhere(earlier: Sequence[Request], later: Request) -> str:
    """That the last of `earlier` in the log of another server, with no deletion since, may have created an object of
    another cluster than `later`; empty if all are of one cluster: in one server's log, in logs that are known to be
    of one cluster, or for one owner.
    """
    marks = _marks(later)
    apart = [one for one in earlier if marks.isdisjoint(_marks(one))]
    if not apart or later.source.one_cluster:
        return ""
    other, there = apart[-1], f"the log of {later.source.node}"
    return (
        f"{actor(other)} created {later.object} too, at {other.time} in the log of {other.source.node}, and no"
        f" deletion in between is in these logs: either it is missing, or {there} is of another cluster (then give"
        " each cluster its name: --cluster NAME=PATH)"
    )


def _marks(request: Request) -> set[str]:
    """What two clusters do not share: the server's log, and the UID of the owner that the object was made for."""
    owner = request.facts.controller
    return {request.source.node, owner.uid if owner is not None else ""} - {""}
