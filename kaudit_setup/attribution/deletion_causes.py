"""Why an object is gone: who deleted it, its owner, its namespace, or the node under it.

Sources: pkg/controller/garbagecollector (deletes what has no owner left), pkg/controller/namespace/deletion (one
deletecollection for each kind), pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that
was already going), AS/pkg/registry/core/pod/storage/eviction.go (an eviction is a create that deletes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kaudit_setup.attribution.chain import Child, Confidence, Link, Story, certain_if
from kaudit_setup.attribution.controllers.adoption import deleted_just_before, orphaned, ownership, owning_object
from kaudit_setup.attribution.controllers.deployments import made_again, shrink, stepping
from kaudit_setup.attribution.controllers.others import TOKENS, account_of, dangling
from kaudit_setup.attribution.controllers.selected_pods import made_to_match, newly_made, taken_itself, taken_over
from kaudit_setup.attribution.creation import above, creation_of, met
from kaudit_setup.attribution.deletion import End, end_of
from kaudit_setup.attribution.evictions import disturbance, disturbed, node_gone, node_on_the_way, preempted
from kaudit_setup.attribution.evidence.actors import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    GARBAGE,
    JOBS,
    NAMESPACES,
    NODES,
    REPLICASETS,
    REPLICATIONS,
    SCHEDULER,
    STATEFULSETS,
    TAINTS,
)
from kaudit_setup.attribution.evidence.index import EventIndex, named, nameless_requests
from kaudit_setup.attribution.evidence.lifetimes import kept_up, shown_since
from kaudit_setup.attribution.evidence.owner_names import guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, changes, creates, deletes, singular, target
from kaudit_setup.attribution.owner_chain import (
    DEEP,
    climb,
    deployment_of,
    lacking,
    owner_of,
    set_by_hand,
    story_of_creation,
)
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.spec_changes import requested_changes, spec_requests
from kaudit_setup.attribution.timing import AT_ONCE, NEAR, NODE_CHANGE, RIGHT_AFTER
from kaudit_setup.auditlog.kinds import is_custom

_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
_SIZERS = frozenset({REPLICASETS, REPLICATIONS, STATEFULSETS, DAEMONSETS, DEPLOYMENTS, JOBS, CRONJOBS})


def story_of_deletion(index: EventIndex, obj: Object, before: float = float("inf")) -> Story:
    """Who made `obj` go (its last life that ended before `before`), and who is behind that."""
    story = Story()
    end = end_of(index, obj, before, story)
    if (end is None or end.doubtful) and _with_its_owner(index, story, obj, before):
        return story
    if end is not None and end.doubtful and _kept(index, obj):
        # one of many that a controller keeps: it deletes and replaces them itself, too
        what = f"{actor(end.request)} deleted {target(end.request)} at {end.request.time}"
        story.note(f"{what}, but nothing shows that {obj} was one of them")
        return story
    if end is not None:
        _follow(index, story, obj, end, before)
    return story


def _kept(index: EventIndex, obj: Object) -> bool:
    """Whether the log knows an owner that `obj`'s name tells, or what is above that."""
    owners = [guess.owner for guess in guesses(obj)]
    return any(index.on(one) for owner in owners for one in (owner, *above(owner)))


def _with_its_owner(index: EventIndex, story: Story, obj: Object, before: float) -> bool:
    """No request to delete `obj` is in the log, but what it went with was deleted: its owner, the definition of its
    kind (AX/pkg/controller/finalizer/crd_finalizer.go: not by way of the API), its namespace.
    """
    requests = [request for request in index.on(obj) if request.done]
    alive = max((request.at for request in requests if not deletes(request) and not request.node), default=0.0)
    gone = max((request.at for request in requests if deletes(request) and request.node), default=before)
    owners = _collected_with(index, obj, before)
    whole = [Object("", "namespaces", "", obj.namespace)] if obj.namespace else []
    if is_custom(obj.group, obj.resource):
        whole.insert(0, Object(*_DEFINITIONS, "", f"{obj.resource}.{obj.group}"))
    index.look_up(literal for owner in [*owners, *whole] for literal in named(owner))
    for number, owner in enumerate([*owners, *whole]):
        told = Story()
        end = end_of(index, owner, before, told) if index.on(owner) else None
        if told.instead:
            story.note(told.instead)
        if end is None or not alive <= end.request.at <= gone + index.tolerance:
            continue
        if end.doubtful and kept_up(end.request, met(index, [owner])):
            continue
        spared = _spared(index, [obj, *owners[:number]], end.request) if owner in owners else ""
        if spared:
            story.note(f"{actor(end.request)} deleted {owner} at {end.request.time}, but {spared}")
            continue
        story.links.append(Link(obj, None, "inferred", f"its own deletion is not in this log, that of {owner} is"))
        story.notes += told.notes
        _follow(index, story, owner, End(end.request, "inferred", f"{obj} went with it"), before)
        return True
    return False


def _collected_with(index: EventIndex, obj: Object, before: float) -> list[Object]:
    """The owner of `obj`, and what is above it: those that bodies name, else those that its name tells.

    What somebody made by name has none, unless a controller adopted it.
    """
    creation = creation_of(index, obj, before).request
    said = ownership(index, obj, before, creation)
    if said is not None:
        owners = [owning_object(index, owner, obj) for owner in said.owners]
    elif creation is not None and creation.name and not creation.by_kubernetes:
        adopters = [d for d in index.on(obj) if d.done and changes(d) and d.controller in _SIZERS and d.at <= before]
        owners = [guess.owner for guess in guesses(obj) if adopters]
    else:
        owners = [guess.owner for guess in guesses(obj)]
    owners = [owner for owner in owners if owner.resource != "namespaces"]
    return owners + [one for owner in owners for one in above(owner)]


def _spared(index: EventIndex, below: Sequence[Object], end: Request) -> str:
    """Why the first of `below` did not go when `end` deleted what is above them all; empty if it may have gone."""
    if end.facts.orphan:
        return "what it owned was to stay"
    left = next((one for one in below if orphaned(index, one, float("inf")) is not None), None)
    if left is not None:
        return f"the garbage collector left {left} to others"
    obj = below[0]
    if any(request.node and deletes(request) for request in index.on(obj)):
        # it went, though the log lacks the request that set it going
        return ""
    takers = {GARBAGE, *(guess.controller for guess in guesses(obj))} - _SIZERS
    taken = index.sift(
        [b'"verb":"delete"'], lambda d: d.controller in takers and d.resource == obj.resource and d.done
    )
    others = sorted({request.controller for request in taken})
    return f"no request of the {others[0]} took {obj}, and this log has such requests" if others else ""


def _follow(index: EventIndex, story: Story, obj: Object, end: End, before: float) -> None:
    """Add the end of `obj`, and whoever caused that, to `story`."""
    request = end.request
    story.links.append(Link(obj, request, end.confidence, end.why))
    if not request.controller:
        story.root = request
        if request.node:
            what = "is a static Pod:" if end.confidence == "certain" else "may be a static Pod: then"
            story.note(f"{obj} {what} its manifest file on node {request.node} was taken away or changed")
        return
    if len(story.links) >= DEEP:
        return
    surely = end.confidence == "certain"
    if request.controller == NAMESPACES:
        _up(
            index,
            story,
            Object("", "namespaces", "", obj.namespace),
            request,
            surely,
            "its whole namespace was deleted",
        )
    elif request.controller == GARBAGE:
        _collected(index, story, obj, request, before)
    elif request.controller in _SIZERS:
        _resized(index, story, obj, request, before)
    elif request.controller in {NODES, TAINTS, "device-taint-eviction-controller"}:
        disturbed(index, story, obj, request)
    elif request.controller == "pod-garbage-collector":
        node_gone(index, story, obj, request, _up)
    elif request.controller == "ttl-after-finished-controller":
        story.note(f"it had finished, and its ttlSecondsAfterFinished was over at {request.time}")
        _behind_creation(index, story, obj, request)
    elif request.controller == SCHEDULER:
        preempted(index, story, obj, request)
    else:
        _served(index, story, obj, request)


def _up(index: EventIndex, story: Story, owner: Object, below: Request, surely: bool, why: str) -> bool:
    """Add the deletion of `owner`, if it came before `below`; False if the log does not have it."""
    index.look_up([*named(owner), nameless_requests(owner)])
    told = Story()
    end = end_of(index, owner, below.at, told)
    if end is None and index.tolerance:
        end = end_of(index, owner, below.at + index.tolerance, told)
    if end is None or _unborn(index, story.links[-1].object, end.request, below):
        return False
    for sentence in told.notes:
        story.note(sentence)
    certain = surely and end.confidence == "certain"
    reason = why if end.confidence == "certain" else f"{why}; {end.why}"
    _follow(index, story, owner, End(end.request, "certain" if certain else "inferred", reason), below.at)
    return True


def _unborn(index: EventIndex, obj: Object, end: Request, below: Request) -> bool:
    """Whether what `end` took away was gone before `obj`, which `below` ended, was made: then that was for another.

    A controller may go on for a moment, unless its owner was made again.
    """
    since = shown_since(index.on(obj), below.at)
    if end.at >= since - index.tolerance:
        return False
    again = any(
        creates(request) and request.done and end.at < request.at <= since for request in index.on(end.object)
    )
    return again or since - end.at > AT_ONCE


def _collected(index: EventIndex, story: Story, obj: Object, request: Request, before: float) -> None:
    """The garbage collector deletes what its owners left behind."""
    owners = _owners_at(index, obj, request, before)
    likely = [owner for owner, _, _ in owners[:1]]
    likely += [guess.owner for owner in likely for guess in guesses(owner)]
    index.look_up(literal for owner in likely for literal in (*named(owner), nameless_requests(owner)))
    for owner, surely, why in owners:
        if _up(index, story, owner, request, surely, f"its owner was deleted; {why}"):
            return
    if owners and orphaned(index, owners[0][0], request.at) is not None:
        owners = []
    # in the foreground, or when the owner was never logged: what is above may have been deleted all the same
    for owner, _, _ in owners:
        for guess in guesses(owner):
            if _up(index, story, guess.owner, request, False, f"the owner of {owner} was deleted"):
                return
    space = Object("", "namespaces", "", obj.namespace)
    if obj.namespace and _up(index, story, space, request, False, "its whole namespace was deleted"):
        return
    known = ownership(index, obj, request.at, creation_of(index, obj, before).request)
    wrote = dangling(index, obj, request, known) if known is not None and known.owners else None
    if wrote is not None:
        _by_writer(story, obj, *wrote)
        return
    if known is not None and known.owners:
        names = ", ".join(str(owning_object(index, owner, obj)) for owner in known.owners)
        story.note(
            f"the garbage collector deleted {obj} because {names} was gone; who deleted that is not in this log"
        )
        return
    _gone_just_before(index, story, obj, request, unsaid=known is None)


def _by_writer(story: Story, obj: Object, writer: Request, why: str) -> None:
    """End the chain at whoever gave `obj` an owner that there was not."""
    story.links.append(Link(obj, writer, "inferred", why))
    story.root = writer


def _served(index: EventIndex, story: Story, obj: Object, request: Request) -> None:
    """A controller takes away what it keeps for something (a token Secret, Endpoints) once that is gone."""
    kept_for = [
        (guess.owner, f"its controller deletes it with its {singular(guess.owner.resource)}")
        for guess in guesses(obj)
    ]
    kept_for += (
        [(Object("", "namespaces", "", obj.namespace), "its whole namespace was deleted")] if obj.namespace else []
    )
    token = account_of(index, obj, request) if request.controller == TOKENS else None
    if token is not None:
        account, surely, why = token
        if _up(index, story, account, request, surely, why):
            return
    for owner, why in kept_for:
        if _up(index, story, owner, request, False, why):
            return
    story.note(f"what {request.controller} followed when it deleted {obj} is not in this log")


def _owners_at(index: EventIndex, obj: Object, request: Request, before: float) -> list[tuple[Object, bool, str]]:
    """The owners that `obj` may have had when `request` ended it, whether bodies prove it, and the reason.

    None that its name tells if its first owner had left it to others.
    """
    creation = creation_of(index, obj, before)
    by_name = [(guess.owner, False, f"the name of {obj} follows {guess.scheme}") for guess in guesses(obj)]
    said = ownership(index, obj, request.at, creation.request)
    if said is not None:
        surely = said.request is not creation.request or creation.confidence == "certain"
        return _last_gone_first(index, [owning_object(index, owner, obj) for owner in said.owners], request, surely)
    if orphaned(index, obj, request.at) is not None:
        return []
    child = Child(
        obj,
        creation.request.at if creation.request else request.at,
        creation.request,
        creation.confidence == "certain",
    )
    found = owner_of(index, child)
    return [found, *by_name] if found else by_name


def _last_gone_first(
    index: EventIndex, owners: Sequence[Object], request: Request, surely: bool
) -> list[tuple[Object, bool, str]]:
    """The owners that a body names, as `_owners_at` returns them: the garbage collector waits for the last of them
    (pkg/controller/garbagecollector/garbagecollector.go:attemptToDeleteItem), so all their ends must be known.
    """
    index.look_up(literal for owner in owners for literal in (*named(owner), nameless_requests(owner)))
    ends = {owner: end_of(index, owner, request.at + index.tolerance, Story()) for owner in owners}
    gone = {owner: end.request.at for owner, end in ends.items() if end is not None}
    missing = [owner for owner in ends if owner not in gone]
    why = "the ownerReferences in the logged body name it"
    if len(ends) > 1:
        why += f", the last of {len(ends)} to go"
    if gone and missing:
        why += f" that this log shows (not the end of {', '.join(map(str, missing))})"
    last_first = [*sorted(gone, key=lambda owner: -gone[owner]), *missing]
    return [(owner, surely and not missing, why) for owner in last_first]


def _gone_just_before(index: EventIndex, story: Story, obj: Object, request: Request, *, unsaid: bool) -> None:
    """The log does not tell the owner; if only one thing was deleted right before, that was it. If nothing was, and
    bodies are `unsaid`, somebody may have just named one that there was not.
    """
    since = shown_since(index.on(obj), request.at)
    gone = [one for one in deleted_just_before(index, obj, request.at) if one.at >= since - index.tolerance]
    like = {guess.owner.resource for guess in guesses(obj)}
    likely = [d for d in gone if d.resource in like] or gone
    likely = [d for d in likely if request.at - d.at < RIGHT_AFTER] or likely
    if len(likely) == 1:
        lag = request.at - likely[0].at
        why = f"{actor(likely[0])} deleted it {lag:.3f} s before {obj} was collected; nothing else fits"
        story.links.append(Link(likely[0].object, likely[0], "inferred", why))
        story.root = likely[0]
        return
    wrote = dangling(index, obj, request, None) if unsaid and not likely else None
    if wrote is not None:
        _by_writer(story, obj, *wrote)
        return
    story.note(f"the garbage collector deleted {obj} because its owner was gone; who deleted that is not in this log")
    for other in likely[-3:]:
        story.note(f"{actor(other)} deleted {other.object} before that, at {other.time}")


def _resized(index: EventIndex, story: Story, obj: Object, request: Request, before: float) -> None:
    """A controller deletes its own when fewer, or newer ones, are wanted: whoever changed what it controls."""
    node = node_on_the_way(index, obj, request)
    if node is not None:
        disturbance(index, story, obj, node, request)
        return
    creation = creation_of(index, obj, before)
    said = ownership(index, obj, request.at, creation.request)
    made, surely = request, False
    if said is not None and said.controller is not None:
        made, surely = said.request, creation.confidence == "certain" or said.request is not creation.request
    child = Child(obj, request.at, made, surely, ended=True)
    found = owner_of(index, child)
    if found is None and (adopted := taken_itself(index, request)) is not None:
        _one_too_many(index, story, request.controller, adopted, False)
        return
    if found is None:
        story.note(f"what {request.controller} followed when it deleted {obj} is not in this log")
        return
    owner, _, why = found
    if request.controller in {JOBS, CRONJOBS}:
        _own_rules(index, story, child, owner, surely, why)
        return
    if owner.resource in {"replicasets", "replicationcontrollers"}:
        _shrunk(index, story, child, request, owner, surely, why)
        return
    if owner.resource in {"statefulsets", "daemonsets"}:
        _by_set(index, story, child, request, owner)
        return
    climb(index, story, child)


def _by_set(index: EventIndex, story: Story, child: Child, end: Request, owner: Object) -> None:
    """A StatefulSet or DaemonSet deletes a Pod for its last change, or one that failed."""
    wanted = requested_changes(index, owner, child.at)
    asked = [request for request in wanted if not creates(request)]
    if made_again(index, end, owner) != "no":
        again = f"{end.controller} deleted {child.object} only to make it again, as it does with a Pod that failed"
        story.note(f"no request in this log set it going: {again} or was evicted")
        return
    if wanted and not asked:
        story.note(f"no request in this log set it going: nobody changed {owner} since it was made")
        return
    surely = child.surely and bool(asked) and stepping(index, end, owner, asked[-1])
    climb(index, story, replace(child, surely=surely))


def _shrunk(
    index: EventIndex, story: Story, child: Child, end: Request, owner: Object, surely: bool, why: str
) -> None:
    """A ReplicaSet that had a Pod too many: it was to get smaller, or took one over that was there already."""
    requests = spec_requests(index, owner, child.at)
    cause, busy = shrink(index, requests, end, owner)
    adopted = taken_over(index, owner, end, thorough=not busy)
    if adopted is not None and (cause is None or cause.at < adopted.at):
        made = next((request for request in reversed(requests) if creates(request)), None)
        if made is not None and newly_made(index, made, adopted):
            _for_a_new_one(index, story, made, adopted)
            return
        _one_too_many(index, story, str(owner), adopted, surely and not busy)
        return
    made = creation_of(index, owner, child.at).request
    made = made if made and made.controller else None
    surely = surely and busy and not lacking(index, story, child, owner, requests)
    if not busy and (cause is None or child.at - cause.at >= NODE_CHANGE):
        if requests and not _asked_above(index, Child(owner, child.at, made, False)):
            many = f"{owner} had a Pod too many, but nobody had just asked it for fewer"
            story.note(f"no request in this log set it going: {many}")
            return
        cause = None
    by_hand = set_by_hand(index, story, deployment_of(index, owner, child.at, made), requests, cause)
    if by_hand is not None:
        cause, surely = by_hand, False
    confidence: Confidence = "certain" if surely else "inferred"
    story.links.append(Link(owner, cause, confidence, f"it wanted fewer Pods; {why}"))
    if cause is not None and not cause.controller:
        story.root = cause
        return
    climb(index, story, Child(owner, cause.at if cause else child.at, made, surely))


def _asked_above(index: EventIndex, below: Child) -> bool:
    """Whether somebody had just changed the Deployment of a ReplicaSet, whose own changes are not in the log."""
    found = owner_of(index, below)
    asked = [d for d in requested_changes(index, found[0], below.at) if not creates(d)] if found else []
    return bool(asked) and below.at - asked[-1].at < NODE_CHANGE


def _for_a_new_one(index: EventIndex, story: Story, maker: Request, adopted: Request) -> None:
    """A ReplicaSet that `maker` had just made took over Pods that were there already, one too many among them."""
    lag = adopted.at - maker.at
    why = f"it was made {lag:.3f} s before it took over {adopted.object}, which was there already"
    story.links.append(Link(maker.object, maker, "inferred", why))
    if not maker.controller:
        story.root = maker
        return
    climb(index, story, Child(maker.object, maker.at, maker, False))


def _one_too_many(index: EventIndex, story: Story, keeper: str, adopted: Request, surely: bool) -> None:
    """`keeper` took over a Pod that it did not need: behind that is whoever made the Pod, or made it match."""
    pod = adopted.object
    matched = made_to_match(index, pod, adopted.at)
    surely = surely and matched is not None and adopted.at - matched.at <= NEAR
    if matched is not None and changes(matched):
        lag = adopted.at - matched.at
        why = f"{actor(matched)} changed it {lag:.3f} s before {keeper} took it over and had one too many"
        story.links.append(Link(pod, matched, certain_if(surely and bool(matched.facts.relabels)), why))
        story.root = matched
        return
    made = story_of_creation(index, pod, adopted.at)
    if not made.links:
        story.note(f"{keeper} took over {pod} at {adopted.time}; who made that is not in this log")
        return
    why = f"{keeper} took it over at {adopted.time} and had one too many then"
    certain = surely and made.links[0].confidence == "certain"
    story.links.append(Link(pod, made.links[0].request, certain_if(certain), why))
    story.links += made.links[1:]
    story.notes += made.notes
    story.root = made.root


def _own_rules(index: EventIndex, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Job's or CronJob's own rules (history limits, deadlines) ended it: those of whoever wrote them."""
    requests = [request for request in spec_requests(index, owner, child.at) if not request.by_kubernetes]
    changed = [request for request in requests if changes(request) and 0 <= child.at - request.at < NODE_CHANGE]
    if changed:
        story.links.append(
            Link(owner, changed[-1], "inferred", f"{actor(changed[-1])} changed {owner} before; {why}")
        )
        story.root = changed[-1]
        return
    story.note(f"no request set it going: the rules of {owner} did (a history limit, a deadline, a suspension)")
    climb(index, story, Child(child.object, child.at, child.request, surely))


def _behind_creation(index: EventIndex, story: Story, obj: Object, request: Request) -> None:
    made = story_of_creation(index, obj, request.at)
    story.root = made.root
    story.links += made.links[1:]
