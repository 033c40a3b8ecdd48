"""What some controllers followed that names and ownerReferences do not tell: tokens, claims, aggregated roles, owners
that never were.

Sources: pkg/controller/serviceaccount/tokens_controller.go (deletes the token Secrets of an account, which an
annotation names), pkg/controller/volume/persistentvolume (binds a volume to a claim: spec.claimRef),
pkg/controller/clusterroleaggregation (writes the rules of every ClusterRole that matches into another one),
pkg/controller/garbagecollector (deletes what has none but owners that do not exist, as soon as it learns of them).
"""

from __future__ import annotations

from kaudit_setup.attribution.chain import Child
from kaudit_setup.attribution.controllers.adoption import Ownership, owning_object
from kaudit_setup.attribution.creation import met
from kaudit_setup.attribution.evidence.index import EventIndex, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import AT_ONCE, COLLECTED, RIGHT_AFTER

TOKENS = "tokens-controller"
BINDER = "persistent-volume-binder"
AGGREGATION = "clusterrole-aggregation-controller"


def account_of(index: EventIndex, secret: Object, end: Request) -> tuple[Object, bool, str] | None:
    """The ServiceAccount for which `end` deleted a token: its annotation names it, or it is the only one that was
    deleted just before; whether that is proven, and the reason.
    """
    if (secret.group, secret.resource) != ("", "secrets"):
        return None
    said = [
        request.facts.account
        for request in index.on(secret)
        if request.done and request.at <= end.at and request.facts.account
    ]
    if said:
        owner = Object("", "serviceaccounts", secret.namespace, said[-1])
        return owner, True, "its annotation names the serviceaccount"
    where = b'"resource":"serviceaccounts","namespace":' + quoted(secret.namespace)
    gone = index.sift([where], lambda d: d.done and deletes(d) and bool(d.name) and 0 <= end.at - d.at < AT_ONCE)
    names = {request.object for request in gone}
    return (names.pop(), False, "no other serviceaccount was deleted just before") if len(names) == 1 else None


def claim_of(index: EventIndex, child: Child) -> tuple[Object, bool, str] | None:
    """The claim that a volume was bound to by `child.request`; without bodies the only one made just before."""
    request, kind = child.request, "persistentvolumeclaims"
    if child.object.resource != "persistentvolumes" or request is None or request.controller != BINDER:
        return None
    if request.facts.claim:
        space, _, name = request.facts.claim.partition("/")
        return Object("", kind, space, name), False, "its claimRef names it"
    where = b'"resource":' + quoted(kind)
    made = index.sift([where], lambda d: d.done and creates(d) and bool(d.name) and 0 <= child.at - d.at < AT_ONCE)
    claims = {one.object for one in made}
    return (claims.pop(), False, "no other claim was made just before") if len(claims) == 1 else None


def aggregated(index: EventIndex, child: Child) -> Request | None:
    """Who wrote another ClusterRole right before the aggregation controller took its rules into `child.object`."""
    if child.request is None or child.request.controller != AGGREGATION:
        return None

    def wrote(request: Request) -> bool:
        return (
            request.done
            and (creates(request) or changes(request) or deletes(request))
            and not request.by_kubernetes
            and request.object != child.object
            and 0 <= child.at - request.at < AT_ONCE
            # a role without labels is in none
            and not (creates(request) and request.facts.labels == ())
        )

    found = index.sift([b'"resource":' + quoted(child.object.resource)], wrote)
    return found[-1] if found else None


def dangling(index: EventIndex, obj: Object, end: Request, known: Ownership | None) -> tuple[Request, str] | None:
    """Who wrote, right before the garbage collector deleted `obj` by `end`, that it belongs to what the log never
    shows; and the reason. Without bodies: who wrote it at all, unless that was a program, which writes all the time.
    """
    wrote = [d for d in index.on(obj) if d.done and d.at <= end.at and (creates(d) or changes(d))]
    if known is not None:
        writer = next((d for d in wrote if d.facts.owners == known.owners), None)
        owners = [owning_object(index, owner, obj) for owner in known.owners]
        if writer is None or writer.by_kubernetes or end.at - writer.at >= COLLECTED:
            return None
        if any(request.at <= end.at for request in met(index, owners)):
            return None
        names = ", ".join(map(str, owners))
        return writer, f"{actor(writer)} wrote that it belongs to {names}, which this log never shows"
    if not wrote or wrote[-1].user.startswith("system:") or end.at - wrote[-1].at >= RIGHT_AFTER:
        return None
    said = "nothing else fits: it may have named an owner that there was not"
    return wrote[-1], f"{actor(wrote[-1])} wrote it {end.at - wrote[-1].at:.3f} s before it was collected; {said}"
