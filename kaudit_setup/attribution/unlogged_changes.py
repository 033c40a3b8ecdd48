"""Changes of a Deployment, or of its ReplicaSet, that a log lacks, as the sizes and the times of the others tell."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Case, Child
from kaudit_setup.attribution.evidence.choose import latest
from kaudit_setup.attribution.evidence.requests import Object, Request, changes
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import requested_changes
from kaudit_setup.attribution.timing import NEAR


def unlike_size(child: Child, requests: Sequence[Request]) -> str:
    """That a ReplicaSet grew, or shrank, beyond what the last known change of its Deployment asked for; empty if
    bodies do not tell, or if it did not.
    """
    last, got = latest(requests), _size_given(child)
    if last is None or last.subresource != "scale" or min(got, last.facts.replicas) < 0:
        return ""
    asked = last.facts.replicas
    if not (got > asked if child.grown else got < asked):
        return ""
    why = "a change after that is not in this log, or a rollout was going on"
    return f"{actor(last)} scaled {last.object} to {asked} at {last.time}, but {child.object} was given {got}: {why}"


def _size_given(child: Child) -> int:
    """The size that a ReplicaSet was given by a change of it; -1 if bodies do not tell."""
    cause = child.cause
    return cause.facts.replicas if cause is not None and changes(cause) else -1


def grown_unlogged(case: Case, deployment: Object | None, requests: Sequence[Request]) -> str:
    """Why a ReplicaSet, on which `requests` are all that is known, may have grown by a change that the log lacks
    before its Pod was made; empty if nothing tells.
    """
    return _emptied(case, requests) or _changed_since(case, deployment, requests)


def _changed_since(case: Case, deployment: Object | None, requests: Sequence[Request]) -> str:
    """Who changed the Deployment of a ReplicaSet after `requests`, all that is known on that, and right before its
    Pod was made; empty if nobody did.
    """
    last, child = latest(requests), case.child
    if deployment is None or last is None:
        return ""
    cause = latest(requested_changes(case.index, deployment, child.at))
    if cause is None or cause.at <= last.at or child.at - cause.at > NEAR:
        return ""
    lacking = f"by a change of {case.owner} that is not in this log"
    return f"{actor(cause)} changed {deployment} at {cause.time}: {child.object} may be a result of that, {lacking}"


def _emptied(case: Case, requests: Sequence[Request]) -> str:
    """That a ReplicaSet was to have no Pod at all by the last of `requests`, all that is known on it, and made one;
    empty if bodies do not tell that.
    """
    last = latest(requests)
    if last is None or last.facts.replicas != 0:
        return ""
    lacking = "the change by which it was to have Pods again is not in this log"
    return f"{actor(last)} set the size of {case.owner} to 0 at {last.time}: {lacking}"
