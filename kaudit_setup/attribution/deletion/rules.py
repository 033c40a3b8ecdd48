"""Why a controller deleted an object, by the controller: what it followed, and who is behind that.

Sources: pkg/controller/garbagecollector (deletes what has no owner left), pkg/controller/namespace/deletion (one
deletecollection for each kind), pkg/controller/ttlafterfinished.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kaudit_setup.attribution.chain import (
    DEEP,
    NOTHING,
    DeletionCase,
    Finding,
    KnownOwner,
    Link,
    Rule,
    ends_at,
    first_found,
    note,
)
from kaudit_setup.attribution.controllers.deleted_owner import deleted_with
from kaudit_setup.attribution.controllers.garbage_collector import garbage_collected
from kaudit_setup.attribution.controllers.scale_down import scaled_down
from kaudit_setup.attribution.controllers.special_controllers import TOKENS, account_of
from kaudit_setup.attribution.evictions import evicted_from_node, node_gone, node_of_daemon_pod_changed, preempted
from kaudit_setup.attribution.evidence.actors import GARBAGE, NAMESPACES, NODES, SCHEDULER, SIZERS, TAINTS
from kaudit_setup.attribution.evidence.choose import without
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, creates, singular
from kaudit_setup.attribution.owner_chain import creation_chain
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import requested_changes


def _namespace_deleted(case: DeletionCase) -> Finding | None:
    namespace = Object("", "namespaces", "", case.object.namespace)
    return deleted_with(case, namespace, case.confidence, "its whole namespace was deleted")


def _finished(case: DeletionCase) -> Finding:
    """A Job that had its time after it ended: behind that is whoever made it, unless somebody changed it later."""
    index, obj, end = case.index, case.object, case.request
    made = creation_chain(index, obj, end.at)
    said = note(f"it had finished, and its ttlSecondsAfterFinished was over at {end.time}")
    later = [r for r in without(requested_changes(index, obj, end.at), creates) if not r.by_kubernetes]
    if later:
        last = later[-1]
        why = f"{actor(last)} changed it last (its ttlSecondsAfterFinished, for instance)"
        return said + ends_at(Link(obj, last, "inferred", why))
    if made.root is None:
        return said
    links = made.links[1:] or (Link(obj, made.root, "inferred", "whoever made it set how long it is kept"),)
    return said + Finding(links, made.root)


def _kept_for_another(case: DeletionCase) -> Finding | None:
    """A controller deletes what it keeps for something (a token Secret, Endpoints) once that is gone."""
    obj = case.object
    account = account_of(case.index, obj, case.request) if case.request.controller == TOKENS else None
    kept_for = [account] if account is not None else []
    kept_for += [
        KnownOwner(guess.owner, "inferred", f"its controller deletes it with its {singular(guess.owner.resource)}")
        for guess in guesses(obj)
    ]
    if obj.namespace:
        namespace = Object("", "namespaces", "", obj.namespace)
        kept_for.append(KnownOwner(namespace, "inferred", "its whole namespace was deleted"))
    found = (deleted_with(case, one.object, one.confidence, one.why) for one in kept_for)
    return next(filter(None, found), None)


def _not_known(case: DeletionCase) -> Finding:
    return note(f"what {case.request.controller} followed when it deleted {case.object} is not in this log")


CONTROLLER_RULES: Final[Mapping[str, tuple[Rule[DeletionCase], ...]]] = {
    # deletes all that is in a namespace that was deleted
    NAMESPACES: (_namespace_deleted,),
    # deletes what has no owner left
    GARBAGE: (garbage_collected,),
    # delete their own when fewer, or newer ones, are wanted
    **dict.fromkeys(SIZERS, (node_of_daemon_pod_changed, scaled_down)),
    # evict Pods from a node that was tainted or does not answer
    NODES: (evicted_from_node,),
    TAINTS: (evicted_from_node,),
    "device-taint-eviction-controller": (evicted_from_node,),
    # deletes Pods whose node is gone
    "pod-garbage-collector": (node_gone,),
    # deletes Jobs that ended some time ago
    "ttl-after-finished-controller": (_finished,),
    # deletes Pods to make room for others
    SCHEDULER: (preempted,),
}
"""Who is behind a controller's deletion, by the controller; `OTHERS` for all that are not here."""

OTHERS: Final[tuple[Rule[DeletionCase], ...]] = (
    # it kept the object for another one, which is gone
    _kept_for_another,
    _not_known,
)


def behind(case: DeletionCase) -> Finding:
    """Who is behind the deletion by a controller."""
    if case.depth >= DEEP:
        return NOTHING
    return first_found(CONTROLLER_RULES.get(case.request.controller, OTHERS), case) or NOTHING
