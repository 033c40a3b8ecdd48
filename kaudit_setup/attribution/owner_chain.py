"""Why an object came to be: from itself, by way of the controllers that made it, to the first who is not one.

Bodies (ownerReferences, generated names, replica counts) make a link certain. At level Metadata the controllers'
naming, the order of their requests and their users make it inferred. The chain goes up only through objects that a
controller made: what a person made belongs to that person, whoever its ownerReferences name.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child, Link, Story, certain_if
from kaudit_setup.attribution.controllers.adoption import changed_just_before, ended, owning_object
from kaudit_setup.attribution.controllers.autoscaler import to_autoscaler
from kaudit_setup.attribution.controllers.deployments import (
    at_work,
    growth,
    made_again,
    set_back,
    unfulfilled,
    unlogged,
)
from kaudit_setup.attribution.controllers.others import aggregated, claim_of
from kaudit_setup.attribution.controllers.replacements import made_room, say_replaced
from kaudit_setup.attribution.creation import above, announcement, creation_of, first_mention, met
from kaudit_setup.attribution.evidence.actors import STATEFULSETS
from kaudit_setup.attribution.evidence.index import EventIndex, begins, named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import (
    incomplete,
    of_another_lifetime,
    proven,
    requested_changes,
    spec_requests,
)
from kaudit_setup.attribution.timing import AT_ONCE, NEAR
from kaudit_setup.auditlog.kinds import KINDS

DEEP = 6
"""Links after which a chain is followed no further."""
_SCALED = frozenset({"replicasets", "replicationcontrollers"})


def story_of_creation(index: EventIndex, obj: Object, before: float = float("inf")) -> Story:
    """Who made `obj` (its last life before `before`, Unix seconds), and who is behind that."""
    story = Story()
    creation = creation_of(index, obj, before)
    if creation.note:
        story.note(creation.note)
    made = creation.request
    if made is None and not creation.why:
        return story
    story.links.append(Link(obj, made, creation.confidence, creation.why))
    if made is not None and not made.controller:
        story.root = made
        if made.node and obj.resource == "pods":
            story.note(
                f"{obj} is a static Pod: the kubelet of node {made.node} made it from a manifest file on that node,"
                " nobody made it through the API"
            )
        return story
    at = made.at if made else first_mention(index, obj, before) or before
    # the scheduler meets a Pod right after it is made
    fresh = any(request.at == at and request.subresource == "binding" for request in index.on(obj))
    climb(index, story, Child(obj, at, made, creation.confidence == "certain", timeless=made is None and not fresh))
    return story


def climb(index: EventIndex, story: Story, child: Child) -> None:
    """Add the owner of `child.object`, and what is above it, to `story`."""
    if len(story.links) >= DEEP:
        return
    found = owner_of(index, child)
    if found is None and (wrote := aggregated(index, child)) is not None:
        why = f"{actor(wrote)} {doing(wrote)} it {child.at - wrote.at:.3f} s before {child.object} followed"
        story.links.append(Link(wrote.object, wrote, "inferred", why))
        story.root = wrote
        return
    if found is None:
        if child.request is not None:
            story.note(f"nothing in the log says for what {child.request.controller} made {child.object}")
        return
    owner, surely, why = found
    if owner.resource in _SCALED:
        _through_replicas(index, story, child, owner, surely, why)
    elif owner.resource == "deployments":
        _to_deployment(index, story, child, owner, surely, why)
    elif owner.resource in {"statefulsets", "daemonsets"}:
        _to_set(index, story, child, owner, surely, why)
    else:
        _to_maker(index, story, child, owner, surely, why)


def owner_of(index: EventIndex, child: Child) -> tuple[Object, bool, str] | None:
    """The owner of an object that a controller made, whether bodies prove it, and the reason."""
    obj, request = child.object, child.request
    if request is not None and (owner := request.facts.controller):
        owner_object = owning_object(index, owner, obj)
        index.look_up(named(owner_object))
        return owner_object, child.surely, "the ownerReferences in the logged body name it"
    if (claim := claim_of(index, child)) is not None:
        index.look_up(named(claim[0]))
        return claim
    told = announcement(index, obj)
    if told is not None and (kind := KINDS.get(told.facts.involved_kind.lower())):
        owner_object = Object(kind.group or "", kind.resource, obj.namespace, told.facts.involved_name)
        return owner_object, True, f"{told.controller} reported `{told.facts.message}` about it"
    fitting = [g for g in guesses(obj) if request is None or g.controller == request.controller]
    index.look_up(literal for guess in fitting for literal in (begins if guess.prefix else named)(guess.owner))
    for guess in fitting:
        if guess.prefix:
            full = _cut_alike(index, child, guess.owner)
            if full:
                others = f"; {len(full) - 1} more begin so, this one was changed last" if len(full) > 1 else ""
                return full[-1], False, f"the Pod's name is {guess.scheme}{others}"
        elif index.on(guess.owner):
            return guess.owner, False, f"the name of {obj} follows {guess.scheme}" + _by(request)
    # nobody mentions the owner: only a controller's own request, or what is above, makes the name believable
    for guess in fitting:
        if not guess.prefix and (request is not None or any(index.on(owner) for owner in above(guess.owner))):
            return guess.owner, False, f"the name of {obj} follows {guess.scheme}" + _by(request)
    return None


def _cut_alike(index: EventIndex, child: Child, beginning: Object) -> list[Object]:
    """The owners whose names begin like that, which were made before `child`; the one that was made or changed last
    comes last.
    """
    asked = {one: spec_requests(index, one, child.at) for one in index.starting(beginning)}
    return sorted(
        (one for one, requests in asked.items() if any(map(creates, requests))), key=lambda one: asked[one][-1].at
    )


def _by(request: Request | None) -> str:
    return f" and {request.controller} made it" if request else ""


def _through_replicas(index: EventIndex, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A ReplicaSet: a Pod follows its last change at once; one made later takes another's place."""
    requests = spec_requests(index, owner, child.at)
    maker = next((request for request in reversed(requests) if creates(request)), None)
    waiting, counted = ([], False) if child.timeless else unfulfilled(index, child, owner, requests)
    cause = waiting[0] if waiting else None
    if len(waiting) > 1:
        last = waiting[-1]
        surely = False
        story.note(f"{actor(last)} changed the size of {owner} at {last.time}, before it had all the Pods asked for")
    above = deployment_of(index, owner, child.at, maker)
    asked = unlogged(index, child, owner, above, requests) if above and not child.timeless else None
    cause = asked or cause
    gone = made_room(index, child, owner)
    if gone is not None and (cause is None or gone.at > cause.at) and (maker is None or gone.at >= maker.at):
        surely = surely and not counted
        say_replaced(index, story, owner, gone, "may have taken" if counted else "took")
        cause = cause if counted else None
    elif cause is None and not child.timeless:
        surely = surely and not _grew(story, child, owner, requests)
    cause = cause or maker
    if cause is None:
        story.links.append(Link(owner, None, certain_if(surely), f"{why}; the log does not show who made {owner}"))
        climb(index, story, Child(owner, child.at, None, False, timeless=child.timeless))
        return
    if cause is asked:
        told = f"{why}; the log has none of deployment-controller's changes of it"
        story.links.append(Link(owner, None, "inferred", told))
        climb(index, story, Child(owner, child.at, maker, False))
        return
    by_hand = set_by_hand(index, story, above, requests, cause)
    if by_hand is not None:
        cause, surely = by_hand, False
    surely = surely and not lacking(index, story, child, owner, [] if maker is None else [maker])
    story.links.append(Link(owner, cause, certain_if(surely), why))
    say_recreated(index, story, owner, cause)
    if not cause.controller:
        story.root = cause
        creator(index, story, owner, cause)
        return
    # owner references stand in the ReplicaSet's own create, whatever changed it later
    origin = maker or cause
    climb(index, story, Child(owner, cause.at, _with_owner(cause, origin), surely and _has_owner(cause, origin)))


def deployment_of(index: EventIndex, replicas: Object, at: float, maker: Request | None) -> Object | None:
    """The Deployment of a ReplicaSet that `maker` made, as far as the log tells."""
    if maker is not None and not maker.controller:
        return None
    found = owner_of(index, Child(replicas, at, maker, False))
    return found[0] if found is not None and found[0].resource == "deployments" else None


def set_by_hand(
    index: EventIndex, story: Story, above: Object | None, requests: Sequence[Request], cause: Request | None
) -> Request | None:
    """A person's change of a ReplicaSet that its Deployment `above` took back by `cause`; says so."""
    by_hand = set_back(index, above, requests, cause) if above is not None and cause is not None else None
    if by_hand is not None and cause is not None:
        lag = cause.at - by_hand.at
        story.note(f"{cause.controller} set {cause.object} back {lag:.3f} s after {actor(by_hand)} had changed it")
    return by_hand


def _grew(story: Story, child: Child, owner: Object, requests: Sequence[Request]) -> bool:
    """Whether a ReplicaSet was made bigger after it was made, so that a later Pod may be of that; says so."""
    bigger = [
        d for i, d in enumerate(requests) if not creates(d) and ((more := growth(requests, i)) is None or more > 0)
    ]
    if bigger:
        story.note(
            f"{actor(bigger[-1])} changed the size of {owner} at {bigger[-1].time}: {child.object} may be of that"
        )
    return bool(bigger)


def say_recreated(index: EventIndex, story: Story, obj: Object, made: Request) -> None:
    """Say who deleted `obj` if it was made again at once by `made`."""
    deleted = [d for d in index.on(obj) if d.done and deletes(d) and 0 <= made.at - d.at <= NEAR]
    if creates(made) and deleted and not deleted[-1].by_kubernetes:
        story.note(f"{obj} was made again after {actor(deleted[-1])} deleted it at {deleted[-1].time}")


def lacking(index: EventIndex, story: Story, child: Child, owner: Object, requests: Sequence[Request]) -> bool:
    """Whether the log surely has not all that `child` followed; says so. `requests`: what is known behind it."""
    if of_another_lifetime(child.request, requests):
        story.note(f"the {owner} that {child.object} belongs to was made by a request that is not in this log")
        return True
    if incomplete(index, owner, child.at):
        story.note(f"the log lacks a change of {owner} before {child.object} followed: whoever made it is not known")
        return True
    return False


def _has_owner(*requests: Request) -> bool:
    return any(request.facts.controller for request in requests)


def _with_owner(cause: Request, origin: Request) -> Request:
    return cause if cause.facts.controller or not origin.facts.controller else origin


def _to_deployment(index: EventIndex, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Deployment: whoever made it or changed it last before its ReplicaSet followed."""
    index.look_up(named(owner))
    gone = None if surely or child.timeless else ended(index, owner, child.at)
    if gone is not None and not child.ended:
        _to_adopter(index, story, child, owner, gone)
        return
    requests = requested_changes(index, owner, child.at)
    cause_below = story.links[-1].request
    if cause_below is not None and creates(cause_below):
        scaled = [request for request in requests if request.subresource == "scale"]
        # a scale never makes a new ReplicaSet, a new template does
        requests = [request for request in requests if request.subresource != "scale"] or requests
        for request in scaled:
            if requests and request.at > requests[-1].at:
                story.note(f"{actor(request)} scaled {owner} at {request.time}, before {child.object} was made")
                # some of its Pods are there for the one, some for the other
                surely = surely and request.user == requests[-1].user
    if not requests:
        _unmade(story, owner, surely, why)
        return
    _settle(index, story, child, owner, requests, surely, why)


def _unmade(story: Story, owner: Object, surely: bool, why: str) -> None:
    """End the chain, as far as it is known, at an owner that nobody in the log made or changed."""
    story.links.append(Link(owner, None, certain_if(surely), f"{why}; the log does not show who made {owner}"))
    story.note(f"the log does not reach back to whoever made {owner}, or the policy did not log it")


def _to_adopter(index: EventIndex, story: Story, child: Child, owner: Object, gone: Request) -> None:
    """The Deployment that the name tells was no more: another one had taken its ReplicaSet over."""
    story.note(f"{actor(gone)} deleted {owner} at {gone.time} and left {child.object} to others")
    cause = changed_just_before(index, owner, child.at)
    if cause is None:
        story.note(f"whose {child.object} was after that is not in this log")
        return
    why = f"{actor(cause)} {doing(cause)} it {child.at - cause.at:.3f} s before {child.object} followed"
    story.links.append(Link(cause.object, cause, "inferred", why))
    story.root = cause
    creator(index, story, cause.object, cause)


def _settle(
    index: EventIndex, story: Story, child: Child, owner: Object, requests: Sequence[Request], surely: bool, why: str
) -> None:
    """End the chain at the last of `requests`, and name the creator too if that is somebody else."""
    if child.timeless:
        requests = _without_time(index, story, child, owner, requests)
    cause = requests[-1]
    below = story.links[-1].request
    shown = proven(index, owner, cause, renewed=below is not None and creates(below))
    surely = surely and not lacking(index, story, child, owner, requests) and shown
    if not child.timeless and (len(requests) > 1 or not creates(cause)):
        lag = child.at - cause.at
        why += f"; {actor(cause)} {doing(cause)} it {lag:.3f} s before, the last to do so"
    if index.tolerance and child.at < cause.at:
        story.note("the clocks of the nodes differ: a request seems to come before its cause")
    if not shown and cause.facts.body:
        why += "; whether that changed anything is not in the log"
    story.links.append(Link(owner, cause, certain_if(surely), why))
    if cause.controller:
        to_autoscaler(index, story, owner, cause, surely)
    else:
        story.root = cause
    creator(index, story, owner, cause)
    _others(story, owner, requests)


def _others(story: Story, owner: Object, requests: Sequence[Request]) -> None:
    """Say who else changed `owner` before the last of `requests`: a paused Deployment holds many hands' changes."""
    known = {requests[-1].user, *(request.user for request in requests if creates(request))}
    for request in reversed(requests[:-1]):
        if request.user not in known:
            known.add(request.user)
            story.note(f"{actor(request)} {doing(request)} {owner} before that, at {request.time}")


def _without_time(
    index: EventIndex, story: Story, child: Child, owner: Object, requests: Sequence[Request]
) -> Sequence[Request]:
    """Whoever made `owner`, and a word about the others: when `child` was made, so after whom, is not known."""
    makers = [request for request in requests if creates(request)]
    for earlier in [d for d in index.on(owner) if d.done and creates(d) and makers and d.at < makers[-1].at][-3:]:
        story.note(f"{actor(earlier)} created {owner} before, at {earlier.time}: {child.object} may be of that one")
    for request in requests:
        if not creates(request):
            story.note(
                f"{actor(request)} {doing(request)} {owner} at {request.time}, maybe before {child.object} was made"
            )
    return makers[-1:] or requests


def _to_set(index: EventIndex, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A StatefulSet or DaemonSet: the last change, unless the Pod only took the place of one that went otherwise."""
    index.look_up(named(owner))
    at = child.at
    if owner.resource == "statefulsets" and not child.ended:
        at, shown = _first_wanted(index, story, child, owner)
        surely = surely and shown
    requests = requested_changes(index, owner, at)
    gone = made_room(index, child, owner) if not child.ended and not child.timeless else None
    if gone is not None:
        say_replaced(index, story, owner, gone)
    if owner.resource == "daemonsets" and len(requests) > 1 and not at_work(index, child, owner, requests[-1]):
        last = requests[-1]
        requests = [request for request in requests if creates(request)][-1:] or requests
        if gone is None and requests[-1] is not last:
            story.note(f"{actor(last)} {doing(last)} {owner} at {last.time}, before {child.object} was made")
            surely = False
    if not requests:
        _unmade(story, owner, surely, why)
        return
    _settle(index, story, child, owner, requests, surely, why)


def _first_wanted(index: EventIndex, story: Story, child: Child, owner: Object) -> tuple[float, bool]:
    """When a StatefulSet's Pod of this name was made because of a change, not because the last one was deleted or had
    failed; and whether the log shows that.
    """
    at, shown = child.at, True
    lifetime = [
        d for d in index.on(child.object) if d.done and (creates(d) or (deletes(d) and not d.node)) and d.at < at
    ]
    while lifetime:
        last = lifetime.pop()
        if creates(last):
            at = last.at
        elif last.controller == STATEFULSETS:
            again = made_again(index, last, owner)
            if again == "no":
                break
            shown = shown and again == "surely"
            why = "as it does with one that failed or was evicted"
            story.note(f"{last.controller} deleted one of its name at {last.time} only to make it again, {why}")
    return at, shown


def _to_maker(index: EventIndex, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Job, a CronJob, a custom owner, a namespace: whoever made it; who changed it later is said too."""
    index.look_up([*named(owner), *([nameless_requests(owner)] if is_generated(owner.name) else [])])
    changed = [d for d in requested_changes(index, owner, child.at) if not creates(d) and child.at - d.at < AT_ONCE]
    gone = (
        made_room(index, child, owner)
        if owner.resource == "jobs" and not child.ended and not child.timeless
        else None
    )
    if gone is not None:
        say_replaced(index, story, owner, gone)
    altered = child.request is not None and changes(child.request)
    if altered and owner.resource == "services":
        changed = [d for d in requested_changes(index, owner, child.at) if not creates(d) and child.at - d.at < NEAR]
        surely = False
    if (owner.resource == "jobs" or (altered and owner.resource == "services")) and changed and not child.timeless:
        # a Job's controller follows a change of parallelism, or of suspend, at once; that of Endpoints a new selector
        _settle(index, story, child, owner, requested_changes(index, owner, child.at), surely, why)
        return
    creation = creation_of(index, owner, child.at + index.tolerance, seen_at=_there(index, child, owner))
    if creation.note:
        story.note(creation.note)
    if creation.request is None:
        _unmade(story, owner, surely, why)
        climb(index, story, Child(owner, child.at, None, False, timeless=True))
        return
    surely = (
        surely and creation.confidence == "certain" and not lacking(index, story, child, owner, [creation.request])
    )
    reason = why if creation.confidence == "certain" else f"{why}; {creation.why}"
    story.links.append(Link(owner, creation.request, certain_if(surely), reason))
    for request in spec_requests(index, owner, child.at):
        if not creates(request) and not request.by_kubernetes:
            then = "was changed" if altered else "was made"
            story.note(f"{actor(request)} {doing(request)} {owner} at {request.time}, before {child.object} {then}")
    if creation.request.controller:
        climb(index, story, Child(owner, creation.request.at, creation.request, surely))
    else:
        story.root = creation.request


def _there(index: EventIndex, child: Child, owner: Object) -> float:
    """From when on `owner` was there, as `child` shows, or what the log says of it before that if the server made up
    its name: what was asked for later did not make it.
    """
    known = [request.at for request in index.on(owner) if request.done]
    if is_generated(owner.name) and not any(creates(request) for request in index.on(owner)):
        known += [request.at for request in met(index, [owner])]
    return min((at for at in known if at <= child.at), default=child.at)


def creator(index: EventIndex, story: Story, owner: Object, cause: Request) -> None:
    """Name who made `owner`, where `cause` is a later change."""
    if creates(cause):
        return
    makers = [request for request in index.on(owner) if request.done and creates(request) and request.at <= cause.at]
    if makers and makers[-1].controller:
        behind = story_of_creation(index, owner, cause.at)
        if behind.root is not None:
            last = behind.links[-1].object
            story.note(f"{owner} was made for {last} of {actor(behind.root)} ({behind.root.time})")
    elif makers:
        story.note(f"{owner} was created by {actor(makers[-1])} at {makers[-1].time}")
    else:
        story.note(f"who created {owner} is not in this log")
