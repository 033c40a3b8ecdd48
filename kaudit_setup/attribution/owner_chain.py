"""Why an object came to be: from itself, by way of the controllers that made it, to the first who is not one.

Bodies (ownerReferences, generated names, replica counts) make a link certain. At level Metadata the controllers'
naming, the order of their requests and their users make it inferred. The chain goes up only through objects that a
controller made: what a person made belongs to that person, whoever its ownerReferences name.
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child, Link, Story, sure
from kaudit_setup.attribution.controllers.adoption import changed_just_before, ended, owning_object
from kaudit_setup.attribution.controllers.autoscaler import to_autoscaler
from kaudit_setup.attribution.controllers.deployments import (
    AT_ONCE,
    NEAR,
    at_work,
    growth,
    made_again,
    set_back,
    unfulfilled,
    unlogged,
)
from kaudit_setup.attribution.controllers.others import aggregated, claim_of
from kaudit_setup.attribution.controllers.replacements import made_room, say_replaced
from kaudit_setup.attribution.creation import above, actor, announcement, birth_of, doing, first_mention, met
from kaudit_setup.attribution.evidence.actors import STATEFULSETS
from kaudit_setup.attribution.evidence.index import Book, begins, named, nameless_requests
from kaudit_setup.attribution.evidence.owner_names import guesses, is_generated
from kaudit_setup.attribution.evidence.requests import Deed, Object, changes, creates, deletes
from kaudit_setup.attribution.spec_changes import incomplete, of_another_life, proven, spec_deeds, wishes
from kaudit_setup.auditlog.kinds import KINDS

DEEP = 6
"""Links after which a chain is followed no further."""
_SCALED = frozenset({"replicasets", "replicationcontrollers"})


def story_of_creation(book: Book, obj: Object, before: float = float("inf")) -> Story:
    """Who made `obj` (its last life before `before`, Unix seconds), and who is behind that."""
    story = Story()
    birth = birth_of(book, obj, before)
    if birth.note:
        story.note(birth.note)
    made = birth.deed
    if made is None and not birth.why:
        return story
    story.links.append(Link(obj, made, birth.confidence, birth.why))
    if made is not None and not made.controller:
        story.root = made
        if made.node and obj.resource == "pods":
            story.note(
                f"{obj} is a static Pod: the kubelet of node {made.node} made it from a manifest file on that node,"
                " nobody made it through the API"
            )
        return story
    at = made.at if made else first_mention(book, obj, before) or before
    # the scheduler meets a Pod right after it is made
    fresh = any(deed.at == at and deed.subresource == "binding" for deed in book.on(obj))
    climb(book, story, Child(obj, at, made, birth.confidence == "certain", timeless=made is None and not fresh))
    return story


def climb(book: Book, story: Story, child: Child) -> None:
    """Add the owner of `child.object`, and what is above it, to `story`."""
    if len(story.links) >= DEEP:
        return
    found = owner_of(book, child)
    if found is None and (wrote := aggregated(book, child)) is not None:
        why = f"{actor(wrote)} {doing(wrote)} it {child.at - wrote.at:.3f} s before {child.object} followed"
        story.links.append(Link(wrote.object, wrote, "inferred", why))
        story.root = wrote
        return
    if found is None:
        if child.deed is not None:
            story.note(f"nothing in the log says for what {child.deed.controller} made {child.object}")
        return
    owner, surely, why = found
    if owner.resource in _SCALED:
        _through_replicas(book, story, child, owner, surely, why)
    elif owner.resource == "deployments":
        _to_deployment(book, story, child, owner, surely, why)
    elif owner.resource in {"statefulsets", "daemonsets"}:
        _to_set(book, story, child, owner, surely, why)
    else:
        _to_maker(book, story, child, owner, surely, why)


def owner_of(book: Book, child: Child) -> tuple[Object, bool, str] | None:
    """The owner of an object that a controller made, whether bodies prove it, and the reason."""
    obj, deed = child.object, child.deed
    if deed is not None and (owner := deed.facts.controller):
        owner_object = owning_object(book, owner, obj)
        book.look_up(named(owner_object))
        return owner_object, child.surely, "the ownerReferences in the logged body name it"
    if (claim := claim_of(book, child)) is not None:
        book.look_up(named(claim[0]))
        return claim
    told = announcement(book, obj)
    if told is not None and (kind := KINDS.get(told.facts.involved_kind.lower())):
        owner_object = Object(kind.group or "", kind.resource, obj.namespace, told.facts.involved_name)
        return owner_object, True, f"{told.controller} reported `{told.facts.message}` about it"
    fitting = [g for g in guesses(obj) if deed is None or g.controller == deed.controller]
    book.look_up(literal for guess in fitting for literal in (begins if guess.prefix else named)(guess.owner))
    for guess in fitting:
        if guess.prefix:
            full = _cut_alike(book, child, guess.owner)
            if full:
                others = f"; {len(full) - 1} more begin so, this one was changed last" if len(full) > 1 else ""
                return full[-1], False, f"the Pod's name is {guess.scheme}{others}"
        elif book.on(guess.owner):
            return guess.owner, False, f"the name of {obj} follows {guess.scheme}" + _by(deed)
    # nobody mentions the owner: only a controller's own request, or what is above, makes the name believable
    for guess in fitting:
        if not guess.prefix and (deed is not None or any(book.on(owner) for owner in above(guess.owner))):
            return guess.owner, False, f"the name of {obj} follows {guess.scheme}" + _by(deed)
    return None


def _cut_alike(book: Book, child: Child, beginning: Object) -> list[Object]:
    """The owners whose names begin like that, which were made before `child`; the one that was made or changed last
    comes last.
    """
    asked = {one: spec_deeds(book, one, child.at) for one in book.starting(beginning)}
    return sorted(
        (one for one, deeds in asked.items() if any(map(creates, deeds))), key=lambda one: asked[one][-1].at
    )


def _by(deed: Deed | None) -> str:
    return f" and {deed.controller} made it" if deed else ""


def _through_replicas(book: Book, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A ReplicaSet: a Pod follows its last change at once; one made later takes another's place."""
    deeds = spec_deeds(book, owner, child.at)
    maker = next((deed for deed in reversed(deeds) if creates(deed)), None)
    waiting, counted = ([], False) if child.timeless else unfulfilled(book, child, owner, deeds)
    cause = waiting[0] if waiting else None
    if len(waiting) > 1:
        last = waiting[-1]
        surely = False
        story.note(f"{actor(last)} changed the size of {owner} at {last.time}, before it had all the Pods asked for")
    above = deployment_of(book, owner, child.at, maker)
    asked = unlogged(book, child, owner, above, deeds) if above and not child.timeless else None
    cause = asked or cause
    gone = made_room(book, child, owner)
    if gone is not None and (cause is None or gone.at > cause.at) and (maker is None or gone.at >= maker.at):
        surely = surely and not counted
        say_replaced(book, story, owner, gone, "may have taken" if counted else "took")
        cause = cause if counted else None
    elif cause is None and not child.timeless:
        surely = surely and not _grew(story, child, owner, deeds)
    cause = cause or maker
    if cause is None:
        story.links.append(Link(owner, None, sure(surely), f"{why}; the log does not show who made {owner}"))
        climb(book, story, Child(owner, child.at, None, False, timeless=child.timeless))
        return
    if cause is asked:
        told = f"{why}; the log has none of deployment-controller's changes of it"
        story.links.append(Link(owner, None, "inferred", told))
        climb(book, story, Child(owner, child.at, maker, False))
        return
    by_hand = set_by_hand(book, story, above, deeds, cause)
    if by_hand is not None:
        cause, surely = by_hand, False
    surely = surely and not lacking(book, story, child, owner, [] if maker is None else [maker])
    story.links.append(Link(owner, cause, sure(surely), why))
    say_recreated(book, story, owner, cause)
    if not cause.controller:
        story.root = cause
        creator(book, story, owner, cause)
        return
    # owner references stand in the ReplicaSet's own create, whatever changed it later
    origin = maker or cause
    climb(book, story, Child(owner, cause.at, _with_owner(cause, origin), surely and _has_owner(cause, origin)))


def deployment_of(book: Book, replicas: Object, at: float, maker: Deed | None) -> Object | None:
    """The Deployment of a ReplicaSet that `maker` made, as far as the log tells."""
    if maker is not None and not maker.controller:
        return None
    found = owner_of(book, Child(replicas, at, maker, False))
    return found[0] if found is not None and found[0].resource == "deployments" else None


def set_by_hand(
    book: Book, story: Story, above: Object | None, deeds: Sequence[Deed], cause: Deed | None
) -> Deed | None:
    """A person's change of a ReplicaSet that its Deployment `above` took back by `cause`; says so."""
    by_hand = set_back(book, above, deeds, cause) if above is not None and cause is not None else None
    if by_hand is not None and cause is not None:
        lag = cause.at - by_hand.at
        story.note(f"{cause.controller} set {cause.object} back {lag:.3f} s after {actor(by_hand)} had changed it")
    return by_hand


def _grew(story: Story, child: Child, owner: Object, deeds: Sequence[Deed]) -> bool:
    """Whether a ReplicaSet was made bigger after it was made, so that a later Pod may be of that; says so."""
    bigger = [d for i, d in enumerate(deeds) if not creates(d) and ((more := growth(deeds, i)) is None or more > 0)]
    if bigger:
        story.note(
            f"{actor(bigger[-1])} changed the size of {owner} at {bigger[-1].time}: {child.object} may be of that"
        )
    return bool(bigger)


def say_recreated(book: Book, story: Story, obj: Object, made: Deed) -> None:
    """Say who deleted `obj` if it was made again at once by `made`."""
    deleted = [d for d in book.on(obj) if d.done and deletes(d) and 0 <= made.at - d.at <= NEAR]
    if creates(made) and deleted and not deleted[-1].by_kubernetes:
        story.note(f"{obj} was made again after {actor(deleted[-1])} deleted it at {deleted[-1].time}")


def lacking(book: Book, story: Story, child: Child, owner: Object, deeds: Sequence[Deed]) -> bool:
    """Whether the log surely has not all that `child` followed; says so. `deeds`: what is known to be behind it."""
    if of_another_life(child.deed, deeds):
        story.note(f"the {owner} that {child.object} belongs to was made by a request that is not in this log")
        return True
    if incomplete(book, owner, child.at):
        story.note(f"the log lacks a change of {owner} before {child.object} followed: whoever made it is not known")
        return True
    return False


def _has_owner(*deeds: Deed) -> bool:
    return any(deed.facts.controller for deed in deeds)


def _with_owner(cause: Deed, origin: Deed) -> Deed:
    return cause if cause.facts.controller or not origin.facts.controller else origin


def _to_deployment(book: Book, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Deployment: whoever made it or changed it last before its ReplicaSet followed."""
    book.look_up(named(owner))
    gone = None if surely or child.timeless else ended(book, owner, child.at)
    if gone is not None and not child.ended:
        _to_adopter(book, story, child, owner, gone)
        return
    deeds = wishes(book, owner, child.at)
    cause_below = story.links[-1].deed
    if cause_below is not None and creates(cause_below):
        scaled = [deed for deed in deeds if deed.subresource == "scale"]
        # a scale never makes a new ReplicaSet, a new template does
        deeds = [deed for deed in deeds if deed.subresource != "scale"] or deeds
        for deed in scaled:
            if deeds and deed.at > deeds[-1].at:
                story.note(f"{actor(deed)} scaled {owner} at {deed.time}, before {child.object} was made")
                # some of its Pods are there for the one, some for the other
                surely = surely and deed.user == deeds[-1].user
    if not deeds:
        _unmade(story, owner, surely, why)
        return
    _settle(book, story, child, owner, deeds, surely, why)


def _unmade(story: Story, owner: Object, surely: bool, why: str) -> None:
    """End the chain, as far as it is known, at an owner that nobody in the log made or changed."""
    story.links.append(Link(owner, None, sure(surely), f"{why}; the log does not show who made {owner}"))
    story.note(f"the log does not reach back to whoever made {owner}, or the policy did not log it")


def _to_adopter(book: Book, story: Story, child: Child, owner: Object, gone: Deed) -> None:
    """The Deployment that the name tells was no more: another one had taken its ReplicaSet over."""
    story.note(f"{actor(gone)} deleted {owner} at {gone.time} and left {child.object} to others")
    cause = changed_just_before(book, owner, child.at)
    if cause is None:
        story.note(f"whose {child.object} was after that is not in this log")
        return
    why = f"{actor(cause)} {doing(cause)} it {child.at - cause.at:.3f} s before {child.object} followed"
    story.links.append(Link(cause.object, cause, "inferred", why))
    story.root = cause
    creator(book, story, cause.object, cause)


def _settle(
    book: Book, story: Story, child: Child, owner: Object, deeds: Sequence[Deed], surely: bool, why: str
) -> None:
    """End the chain at the last of `deeds`, and name the creator too if that is somebody else."""
    if child.timeless:
        deeds = _without_time(book, story, child, owner, deeds)
    cause = deeds[-1]
    below = story.links[-1].deed
    shown = proven(book, owner, cause, renewed=below is not None and creates(below))
    surely = surely and not lacking(book, story, child, owner, deeds) and shown
    if not child.timeless and (len(deeds) > 1 or not creates(cause)):
        lag = child.at - cause.at
        why += f"; {actor(cause)} {doing(cause)} it {lag:.3f} s before, the last to do so"
    if book.tolerance and child.at < cause.at:
        story.note("the clocks of the nodes differ: a request seems to come before its cause")
    if not shown and cause.facts.body:
        why += "; whether that changed anything is not in the log"
    story.links.append(Link(owner, cause, sure(surely), why))
    if cause.controller:
        to_autoscaler(book, story, owner, cause, surely)
    else:
        story.root = cause
    creator(book, story, owner, cause)
    _others(story, owner, deeds)


def _others(story: Story, owner: Object, deeds: Sequence[Deed]) -> None:
    """Say who else changed `owner` before the last of `deeds`: a paused Deployment holds many hands' changes."""
    known = {deeds[-1].user, *(deed.user for deed in deeds if creates(deed))}
    for deed in reversed(deeds[:-1]):
        if deed.user not in known:
            known.add(deed.user)
            story.note(f"{actor(deed)} {doing(deed)} {owner} before that, at {deed.time}")


def _without_time(book: Book, story: Story, child: Child, owner: Object, deeds: Sequence[Deed]) -> Sequence[Deed]:
    """Whoever made `owner`, and a word about the others: when `child` was made, so after whom, is not known."""
    makers = [deed for deed in deeds if creates(deed)]
    for earlier in [d for d in book.on(owner) if d.done and creates(d) and makers and d.at < makers[-1].at][-3:]:
        story.note(f"{actor(earlier)} created {owner} before, at {earlier.time}: {child.object} may be of that one")
    for deed in deeds:
        if not creates(deed):
            story.note(f"{actor(deed)} {doing(deed)} {owner} at {deed.time}, maybe before {child.object} was made")
    return makers[-1:] or deeds


def _to_set(book: Book, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A StatefulSet or DaemonSet: the last change, unless the Pod only took the place of one that went otherwise."""
    book.look_up(named(owner))
    at = child.at
    if owner.resource == "statefulsets" and not child.ended:
        at, shown = _first_wanted(book, story, child, owner)
        surely = surely and shown
    deeds = wishes(book, owner, at)
    gone = made_room(book, child, owner) if not child.ended and not child.timeless else None
    if gone is not None:
        say_replaced(book, story, owner, gone)
    if owner.resource == "daemonsets" and len(deeds) > 1 and not at_work(book, child, owner, deeds[-1]):
        last = deeds[-1]
        deeds = [deed for deed in deeds if creates(deed)][-1:] or deeds
        if gone is None and deeds[-1] is not last:
            story.note(f"{actor(last)} {doing(last)} {owner} at {last.time}, before {child.object} was made")
            surely = False
    if not deeds:
        _unmade(story, owner, surely, why)
        return
    _settle(book, story, child, owner, deeds, surely, why)


def _first_wanted(book: Book, story: Story, child: Child, owner: Object) -> tuple[float, bool]:
    """When a StatefulSet's Pod of this name was made because of a change, not because the last one was deleted or had
    failed; and whether the log shows that.
    """
    at, shown = child.at, True
    life = [d for d in book.on(child.object) if d.done and (creates(d) or (deletes(d) and not d.node)) and d.at < at]
    while life:
        last = life.pop()
        if creates(last):
            at = last.at
        elif last.controller == STATEFULSETS:
            again = made_again(book, last, owner)
            if again == "no":
                break
            shown = shown and again == "surely"
            why = "as it does with one that failed or was evicted"
            story.note(f"{last.controller} deleted one of its name at {last.time} only to make it again, {why}")
    return at, shown


def _to_maker(book: Book, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Job, a CronJob, a custom owner, a namespace: whoever made it; who changed it later is said too."""
    book.look_up([*named(owner), *([nameless_requests(owner)] if is_generated(owner.name) else [])])
    changed = [d for d in wishes(book, owner, child.at) if not creates(d) and child.at - d.at < AT_ONCE]
    gone = (
        made_room(book, child, owner) if owner.resource == "jobs" and not child.ended and not child.timeless else None
    )
    if gone is not None:
        say_replaced(book, story, owner, gone)
    altered = child.deed is not None and changes(child.deed)
    if altered and owner.resource == "services":
        changed = [d for d in wishes(book, owner, child.at) if not creates(d) and child.at - d.at < NEAR]
        surely = False
    if (owner.resource == "jobs" or (altered and owner.resource == "services")) and changed and not child.timeless:
        # a Job's controller follows a change of parallelism, or of suspend, at once; that of Endpoints a new selector
        _settle(book, story, child, owner, wishes(book, owner, child.at), surely, why)
        return
    birth = birth_of(book, owner, child.at + book.tolerance, there=_there(book, child, owner))
    if birth.note:
        story.note(birth.note)
    if birth.deed is None:
        _unmade(story, owner, surely, why)
        climb(book, story, Child(owner, child.at, None, False, timeless=True))
        return
    surely = surely and birth.confidence == "certain" and not lacking(book, story, child, owner, [birth.deed])
    reason = why if birth.confidence == "certain" else f"{why}; {birth.why}"
    story.links.append(Link(owner, birth.deed, sure(surely), reason))
    for deed in spec_deeds(book, owner, child.at):
        if not creates(deed) and not deed.by_kubernetes:
            then = "was changed" if altered else "was made"
            story.note(f"{actor(deed)} {doing(deed)} {owner} at {deed.time}, before {child.object} {then}")
    if birth.deed.controller:
        climb(book, story, Child(owner, birth.deed.at, birth.deed, surely))
    else:
        story.root = birth.deed


def _there(book: Book, child: Child, owner: Object) -> float:
    """From when on `owner` was there, as `child` shows, or what the log says of it before that if the server made up
    its name: what was asked for later did not make it.
    """
    known = [deed.at for deed in book.on(owner) if deed.done]
    if is_generated(owner.name) and not any(creates(deed) for deed in book.on(owner)):
        known += [deed.at for deed in met(book, [owner])]
    return min((at for at in known if at <= child.at), default=child.at)


def creator(book: Book, story: Story, owner: Object, cause: Deed) -> None:
    """Name who made `owner`, where `cause` is a later change."""
    if creates(cause):
        return
    makers = [deed for deed in book.on(owner) if deed.done and creates(deed) and deed.at <= cause.at]
    if makers and makers[-1].controller:
        behind = story_of_creation(book, owner, cause.at)
        if behind.root is not None:
            last = behind.links[-1].object
            story.note(f"{owner} was made for {last} of {actor(behind.root)} ({behind.root.time})")
    elif makers:
        story.note(f"{owner} was created by {actor(makers[-1])} at {makers[-1].time}")
    else:
        story.note(f"who created {owner} is not in this log")
