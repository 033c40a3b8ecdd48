"""What some controllers followed that names and ownerReferences do not tell: tokens, claims, aggregated roles, owners
that never were.

Sources: pkg/controller/serviceaccount/tokens_controller.go (deletes the token Secrets of an account, which an
annotation names), pkg/controller/volume/persistentvolume (binds a volume to a claim: spec.claimRef),
pkg/controller/clusterroleaggregation (writes the rules of every ClusterRole that matches into another one),
pkg/controller/garbagecollector (deletes what has none but owners that do not exist, as soon as it learns of them).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child, Finding, KnownOwner, Link, ends_at
from kaudit_setup.attribution.controllers.adoption import Ownership, owning_object
from kaudit_setup.attribution.evidence.choose import by_somebody, last_that, latest, shortly_before, up_to, writes
from kaudit_setup.attribution.evidence.first_seen import mentions
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import named, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.timing import AT_ONCE, COLLECTED, RIGHT_AFTER

TOKENS = "tokens-controller"
BINDER = "persistent-volume-binder"
AGGREGATION = "clusterrole-aggregation-controller"


def account_of(index: EventIndex, secret: Object, end: Request) -> KnownOwner | None:
    """The ServiceAccount for which `end` deleted a token: its annotation names it, or it is the only one that was
    deleted just before.
    """
    if (secret.group, secret.resource) != ("", "secrets"):
        return None
    annotated = last_that(index.done(secret, end.at), lambda request: bool(request.facts.account))
    if annotated is not None:
        account = Object("", "serviceaccounts", secret.namespace, annotated.facts.account)
        return KnownOwner(account, "certain", "its annotation names the serviceaccount")
    where = b'"resource":"serviceaccounts","namespace":' + quoted(secret.namespace)
    gone = filter(deletes, index.sift([where], lambda request: _named_shortly_before(request, end.at)))
    return _only({request.object for request in gone}, "no other serviceaccount was deleted just before")


def claim_of(child: Child) -> KnownOwner | None:
    """The claim that a volume was bound to; without bodies the only one that was made just before."""
    request = child.request
    if child.object.resource != "persistentvolumes" or request is None or request.controller != BINDER:
        return None
    owner = _claim(child, request)
    if owner is not None:
        child.index.look_up(named(owner.object))
    return owner


def _claim(child: Child, request: Request) -> KnownOwner | None:
    kind = "persistentvolumeclaims"
    if request.facts.claim:
        namespace, _, name = request.facts.claim.partition("/")
        return KnownOwner(Object("", kind, namespace, name), "inferred", "its claimRef names it")
    where = b'"resource":' + quoted(kind)
    made = filter(creates, child.index.sift([where], lambda request: _named_shortly_before(request, child.at)))
    return _only({one.object for one in made}, "no other claim was made just before")


def _named_shortly_before(request: Request, at: float) -> bool:
    return request.done and bool(request.name) and shortly_before(request, at, AT_ONCE)


def _only(objects: set[Object], why: str) -> KnownOwner | None:
    """The one of some objects, if it is the only one."""
    return KnownOwner(next(iter(objects)), "inferred", why) if len(objects) == 1 else None


def aggregated_role(child: Child) -> Finding | None:
    """Whoever wrote another ClusterRole right before the aggregation controller took its rules into the child."""
    if child.request is None or child.request.controller != AGGREGATION:
        return None
    where = b'"resource":' + quoted(child.object.resource)
    found = child.index.sift([where], lambda r: _wrote_another(r, child) and shortly_before(r, child.at, AT_ONCE))
    if not found:
        return None
    last = found[-1]
    why = f"{actor(last)} {doing(last)} it {child.at - last.at:.3f} s before {child.object} followed"
    return ends_at(Link(last.object, last, "inferred", why))


def _wrote_another(request: Request, child: Child) -> bool:
    """Whether somebody wrote another object than the child; a new role without labels is in none."""
    if not by_somebody(request) or request.object == child.object:
        return False
    return request.facts.labels != () if creates(request) else changes(request) or deletes(request)


def absent_owner(index: EventIndex, obj: Object, end: Request, known: Ownership | None) -> Finding | None:
    """Whoever wrote, right before the garbage collector deleted `obj` by `end`, that it belongs to what the log never
    shows. Without bodies: who wrote it at all, unless that was a program, which writes all the time.
    """
    written = list(filter(writes, index.done(obj, end.at)))
    if known is not None:
        return _named_nobody(index, obj, end, known, written)
    last = latest(written[-1:])
    if last is None or last.user.startswith("system:") or not shortly_before(last, end.at, RIGHT_AFTER):
        return None
    unsure = "nothing else fits: it may have named an owner that did not exist"
    why = f"{actor(last)} wrote it {end.at - last.at:.3f} s before it was collected; {unsure}"
    return ends_at(Link(obj, last, "inferred", why))


def _named_nobody(
    index: EventIndex, obj: Object, end: Request, known: Ownership, written: Sequence[Request]
) -> Finding | None:
    """Whoever wrote the owners that are `known` into `obj`, if the log never shows them."""
    writer = next((request for request in written if request.facts.owners == known.owners), None)
    owners = [owning_object(index, owner, obj) for owner in known.owners]
    if writer is None or writer.by_kubernetes or not shortly_before(writer, end.at, COLLECTED):
        return None
    if up_to(mentions(index, owners), end.at):
        return None
    names = ", ".join(map(str, owners))
    why = f"{actor(writer)} wrote that it belongs to {names}, which this log never shows"
    return ends_at(Link(obj, writer, "inferred", why))
