"""Why an object is gone: who deleted it, its owner, its namespace, or the node under it.

Sources: pkg/controller/garbagecollector (deletes what has no owner left), pkg/controller/namespace/deletion (one
deletecollection for each kind), pkg/kubelet/status/status_manager.go (the last delete, with no grace, of a Pod that
was already going), AS/pkg/registry/core/pod/storage/eviction.go (an eviction is a create that deletes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

from kaudit_setup.trail.actors import (
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
from kaudit_setup.trail.adoption import deleted_just_before, orphaned, ownership, owning_object
from kaudit_setup.trail.birth import Confidence, above, actor, birth_of, in_doubt
from kaudit_setup.trail.book import Book, named, nameless_requests, pod_ending
from kaudit_setup.trail.chain import DEEP, climb, deployment_of, lacking, owner_of, set_by_hand, story_of_creation
from kaudit_setup.trail.deeds import Deed, Object, changes, creates, deletes, singular
from kaudit_setup.trail.lives import Life, lives
from kaudit_setup.trail.naming import guesses
from kaudit_setup.trail.rollout import made_again, shrink, stepping, taken_over
from kaudit_setup.trail.story import Child, Link, Story
from kaudit_setup.trail.upheaval import DISTURBED, disturbance, disturbed, node_gone, node_on_the_way, preempted
from kaudit_setup.trail.wishes import spec_deeds, wishes

_GRACE = 300.0
_RIGHT_AFTER = 1.0
_SIZERS = frozenset({REPLICASETS, REPLICATIONS, STATEFULSETS, DAEMONSETS, DEPLOYMENTS, JOBS, CRONJOBS})


@dataclass(frozen=True, slots=True)
class End:
    """The request that set an object going, how sure that is, and why.

    `doubtful`: it deleted what matched a selector, and nothing shows that the object did.
    """

    deed: Deed
    confidence: Confidence
    why: str
    doubtful: bool = False


def story_of_deletion(book: Book, obj: Object, before: float = float("inf")) -> Story:
    """Who made `obj` go (its last life that ended before `before`), and who is behind that."""
    story = Story()
    end = end_of(book, obj, before, story)
    if (end is None or end.doubtful) and _with_its_owner(book, story, obj, before):
        return story
    if end is not None and end.doubtful and _kept(book, obj):
        # one of many that a controller keeps: it deletes and replaces them itself, too
        story.note(f"{end.why}, by {actor(end.deed)} at {end.deed.time}, but nothing shows that it took {obj}")
        return story
    if end is not None:
        _follow(book, story, obj, end, before)
    return story


def _kept(book: Book, obj: Object) -> bool:
    """Whether the log knows an owner that `obj`'s name tells, or what is above that."""
    owners = [guess.owner for guess in guesses(obj)]
    return any(book.on(one) for owner in owners for one in (owner, *above(owner)))


def _with_its_owner(book: Book, story: Story, obj: Object, before: float) -> bool:
    """No request to delete `obj` is in the log, but its owner was deleted, or its namespace: that takes it along."""
    alive = [deed.at for deed in book.on(obj) if deed.done and not deletes(deed) and not deed.node]
    owners = [guess.owner for guess in guesses(obj)]
    owners += [guess.owner for owner in owners for guess in guesses(owner)]
    if obj.namespace:
        owners.append(Object("", "namespaces", "", obj.namespace))
    book.look_up(literal for owner in owners for literal in named(owner))
    for owner in owners:
        told = Story()
        end = end_of(book, owner, before, told) if book.on(owner) else None
        if end is not None and end.deed.at >= max(alive, default=0.0):
            story.links.append(
                Link(obj, None, "inferred", f"its own deletion is not in this log, that of {owner} is")
            )
            story.notes += told.notes
            _follow(book, story, owner, End(end.deed, "inferred", f"{obj} went with it"), before)
            return True
    return False


def end_of(book: Book, obj: Object, before: float, story: Story) -> End | None:
    """The first request of the life that ended last which set `obj` going."""
    book.look_up([nameless_requests(obj)])
    deeds = [deed for deed in book.on(obj) if deed.done and deed.at <= before]
    explicit = [deed for deed in deeds if deletes(deed)]
    sweeps = [deed for deed in book.nameless(obj) if deed.done and deletes(deed) and deed.at <= before]
    ends = sorted([*explicit, *(deed for deed in sweeps if hits(deed, obj) is not False)], key=lambda deed: deed.at)
    if not ends:
        return None
    taken = [deed for deed in sweeps if hits(deed, obj)]
    found = lives(sorted([*deeds, *taken], key=lambda deed: deed.at))
    ended = next((life for life in reversed(found) if life.since <= ends[-1].at), Life(0.0))
    later = [life for life in found if life.since > ends[-1].at]
    if later and later[-1].birth is not None:
        story.note(f"another {obj} was made later: by {actor(later[-1].birth)} at {later[-1].birth.time}")
    elif later and later[-1].use is None:
        story.note(f"another {obj}, with another UID, was there after that")
    life = [deed for deed in ends if deed.at >= ended.since]
    static = _static(book, obj, [one.birth for one in found if one.birth is not None])
    own = [deed for deed in life if static != "unknown" or not (deed.node and obj.resource == "pods")]
    strong = [deed for deed in own if deed.name or hits(deed, obj)]
    shown = True
    if not strong:
        makers = {guess.controller for guess in guesses(obj)}
        again = [deed.at for deed in book.nameless(obj) if creates(deed) and deed.controller in makers]
        own, shown = _took(own, life, deeds, again)
    if not own and all(deed.node for deed in life):
        last = life[-1]
        story.note(
            f"the only deletion of {obj} in this log is the last one of {last.node}'s kubelet, at {last.time}, of"
            " a Pod that was already going; who set it going is not in this log"
        )
        return None
    if not own:
        return None
    within = [
        deed for deed in deeds if ended.since <= deed.at < min((one.since for one in later), default=float("inf"))
    ]
    chosen = next((deed for deed in strong or own if _outlived(deed, within) is None), (strong or own)[0])
    rivals = [d for d in strong if d is not chosen and d.user != chosen.user and not d.by_kubernetes]
    for other in rivals:
        if other.at < chosen.at:
            story.note(f"{actor(other)} asked for that before, at {other.time}, and it was there long after")
        else:
            story.note(f"{actor(other)} deleted it too, at {other.time}, when it was already going")
    end = replace(_judged(chosen, obj, bool(deeds), story), doubtful=not shown)
    still = in_doubt(later[0]) if later else ""
    doubt = in_doubt(ended) or ("" if chosen.facts.dry_run is False else still)
    if doubt:
        return replace(end, confidence="inferred", why=f"{end.why}; {doubt}")
    if still:
        # no dry run: it set the object going, whatever that was met later
        story.note(still)
    if chosen.node and static == "inferred":
        return End(
            chosen, "inferred", f"{end.why}, and that of a static Pod would end in the node's name as this does"
        )
    lacking = "its options, a dry run maybe, are not in the log"
    used = _outlived(chosen, within)
    if used is not None:
        return End(chosen, "inferred", f"{end.why}, but {actor(used)} still met it at {used.time}; {lacking}")
    if rivals and chosen.name and rivals[0].at < chosen.at:
        return End(chosen, "inferred", f"{end.why}, and nobody met it after that")
    if rivals and chosen.name and chosen.facts.dry_run is None:
        return End(chosen, "inferred", f"{end.why}, the first to; {lacking}")
    return end


def _outlived(end: Deed, deeds: Sequence[Deed]) -> Deed | None:
    """What somebody did with the object long after `end`, though nobody had made it again.

    Then `end` may have been a dry run, unless its options are logged (kubectl sends `--dry-run=server` of a delete in
    the body), or the next to delete a Pod is its kubelet, which waits until somebody else has.
    """
    if end.facts.dry_run is False or not end.name:
        return None
    later = [deed for deed in deeds if deed.at > end.at]
    again = next((deed.at for deed in later if creates(deed)), float("inf"))
    if next((bool(deed.node) for deed in later if deletes(deed) and deed.at < again), False):
        return None
    # a list or watch of one name says nothing; controllers go on reporting on what waits for finalizers
    met = (d for d in later if d.at < again and not (deletes(d) or d.by_kubernetes or d.verb in {"list", "watch"}))
    return next((deed for deed in met if deed.at - end.at > _GRACE), None)


def _took(
    sweeps: Sequence[Deed], life: Sequence[Deed], deeds: Sequence[Deed], again: Sequence[float]
) -> tuple[list[Deed], bool]:
    """Deletions of all that matches a selector which can have taken the object, and whether something shows it.

    Its kubelet's last delete right after one shows it, and that its controller made another one at once; that it was
    still in use long after one shows the contrary.
    """
    last = [deed.at for deed in life if deed.node]
    shown = [d for d in sweeps if any(0 <= at - d.at < _GRACE for at in last)]
    shown = shown or [d for d in sweeps if any(0 <= at - d.at < _RIGHT_AFTER for at in again)]
    if shown:
        return shown, True
    used = max((deed.at for deed in deeds if not deletes(deed)), default=0.0)
    return [d for d in sweeps if used - d.at < _GRACE], False


def _judged(chosen: Deed, obj: Object, mentioned: bool, story: Story) -> End:
    if chosen.name:
        how = "the eviction names it" if chosen.subresource == "eviction" else "the request names it"
        return End(chosen, "certain", how)
    if chosen.facts.items is not None:
        return End(chosen, "certain", "the logged answer to the deletecollection lists it")
    if not mentioned:
        story.note(f"nothing else in this log mentions {obj}; it was deleted then if it existed")
    selector = _selector(chosen)
    which = f"every one that matches {selector}" if selector else "every one of its kind"
    where = f" in namespace {obj.namespace}" if obj.namespace else ""
    return End(chosen, "inferred", f"a deletecollection took {which}{where}")


def _static(book: Book, obj: Object, births: Sequence[Deed]) -> Confidence:
    """How sure it is that a Pod mirrors a manifest file, so that its kubelet makes and deletes it. Its name ends in
    the node's then, but any Pod's may.
    """
    if obj.resource != "pods" or (births and not births[-1].node):
        return "unknown"
    if births or any(deed.facts.mirror for deed in book.on(obj)):
        return "certain"
    nodes = {deed.node for deed in book.on(obj) if deed.node}
    return "inferred" if any(obj.name.endswith(f"-{node}") for node in nodes) else "unknown"


def _selector(deed: Deed) -> str:
    query = parse_qs(urlsplit(deed.uri).query)
    return " and ".join(query.get("labelSelector", []) + query.get("fieldSelector", []))


def hits(deed: Deed, obj: Object) -> bool | None:
    """Whether a deletecollection took `obj`: None where only a selector would tell."""
    if deed.name:
        return True
    if deed.facts.items is not None:
        return obj.name in deed.facts.items
    query = parse_qs(urlsplit(deed.uri).query)
    fields = [part.split("=") for selector in query.get("fieldSelector", []) for part in selector.split(",")]
    names = [part[-1] for part in fields if part[0] == "metadata.name"]
    if names:
        return obj.name in names
    return None if query.keys() & {"labelSelector", "fieldSelector"} else True


def _follow(book: Book, story: Story, obj: Object, end: End, before: float) -> None:
    """Add the end of `obj`, and whoever caused that, to `story`."""
    deed = end.deed
    story.links.append(Link(obj, deed, end.confidence, end.why))
    if not deed.controller:
        story.root = deed
        if deed.node:
            what = "is a static Pod:" if end.confidence == "certain" else "may be a static Pod: then"
            story.note(f"{obj} {what} its manifest file on node {deed.node} was taken away or changed")
        return
    if len(story.links) >= DEEP:
        return
    surely = end.confidence == "certain"
    if deed.controller == NAMESPACES:
        _up(book, story, Object("", "namespaces", "", obj.namespace), deed, surely, "its whole namespace was deleted")
    elif deed.controller == GARBAGE:
        _collected(book, story, obj, deed, before)
    elif deed.controller in _SIZERS:
        _resized(book, story, obj, deed, before)
    elif deed.controller in {NODES, TAINTS, "device-taint-eviction-controller"}:
        disturbed(book, story, obj, deed)
    elif deed.controller == "pod-garbage-collector":
        node_gone(book, story, obj, deed, _up)
    elif deed.controller == "ttl-after-finished-controller":
        story.note(f"it had finished, and its ttlSecondsAfterFinished was over at {deed.time}")
        _behind_creation(book, story, obj, deed)
    elif deed.controller == SCHEDULER:
        preempted(book, story, obj, deed)
    else:
        _served(book, story, obj, deed)


def _up(book: Book, story: Story, owner: Object, below: Deed, surely: bool, why: str) -> bool:
    """Add the deletion of `owner`, if it came before `below`; False if the log does not have it."""
    book.look_up([*named(owner), nameless_requests(owner)])
    told = Story()
    end = end_of(book, owner, below.at, told)
    if end is None and book.tolerance:
        end = end_of(book, owner, below.at + book.tolerance, told)
    if end is None:
        return False
    for sentence in told.notes:
        story.note(sentence)
    certain = surely and end.confidence == "certain"
    reason = why if end.confidence == "certain" else f"{why}; {end.why}"
    _follow(book, story, owner, End(end.deed, "certain" if certain else "inferred", reason), below.at)
    return True


def _collected(book: Book, story: Story, obj: Object, deed: Deed, before: float) -> None:
    """The garbage collector deletes what its owners left behind."""
    owners = _owners_at(book, obj, deed, before)
    likely = [owner for owner, _, _ in owners[:1]]
    likely += [guess.owner for owner in likely for guess in guesses(owner)]
    book.look_up(literal for owner in likely for literal in (*named(owner), nameless_requests(owner)))
    for owner, surely, why in owners:
        if _up(book, story, owner, deed, surely, f"its owner was deleted; {why}"):
            return
    if owners and orphaned(book, owners[0][0], deed.at) is not None:
        owners = []
    # in the foreground, or when the owner was never logged: what is above may have been deleted all the same
    for owner, _, _ in owners:
        for guess in guesses(owner):
            if _up(book, story, guess.owner, deed, False, f"the owner of {owner} was deleted"):
                return
    space = Object("", "namespaces", "", obj.namespace)
    if obj.namespace and _up(book, story, space, deed, False, "its whole namespace was deleted"):
        return
    _gone_just_before(book, story, obj, deed)


def _served(book: Book, story: Story, obj: Object, deed: Deed) -> None:
    """A controller takes away what it keeps for something (a token Secret, Endpoints) once that is gone."""
    kept_for = [
        (guess.owner, f"its controller deletes it with its {singular(guess.owner.resource)}")
        for guess in guesses(obj)
    ]
    kept_for += (
        [(Object("", "namespaces", "", obj.namespace), "its whole namespace was deleted")] if obj.namespace else []
    )
    for owner, why in kept_for:
        if _up(book, story, owner, deed, False, why):
            return
    story.note(f"what {deed.controller} followed when it deleted {obj} is not in this log")


def _owners_at(book: Book, obj: Object, deed: Deed, before: float) -> list[tuple[Object, bool, str]]:
    """The owners that `obj` may have had when `deed` ended it, whether bodies prove it, and the reason.

    None that its name tells if its first owner had left it to others.
    """
    birth = birth_of(book, obj, before)
    by_name = [(guess.owner, False, f"the name of {obj} follows {guess.scheme}") for guess in guesses(obj)]
    said = ownership(book, obj, deed.at, birth.deed)
    if said is not None:
        surely = said.deed is not birth.deed or birth.confidence == "certain"
        return _last_gone_first(book, [owning_object(book, owner, obj) for owner in said.owners], deed, surely)
    if orphaned(book, obj, deed.at) is not None:
        return []
    child = Child(obj, birth.deed.at if birth.deed else deed.at, birth.deed, birth.confidence == "certain")
    found = owner_of(book, child)
    return [found, *by_name] if found else by_name


def _last_gone_first(
    book: Book, owners: Sequence[Object], deed: Deed, surely: bool
) -> list[tuple[Object, bool, str]]:
    """The owners that a body names, as `_owners_at` returns them: the garbage collector waits for the last of them
    (pkg/controller/garbagecollector/garbagecollector.go:attemptToDeleteItem), so all their ends must be known.
    """
    book.look_up(literal for owner in owners for literal in (*named(owner), nameless_requests(owner)))
    ends = {owner: end_of(book, owner, deed.at + book.tolerance, Story()) for owner in owners}
    gone = {owner: end.deed.at for owner, end in ends.items() if end is not None}
    missing = [owner for owner in ends if owner not in gone]
    why = "the ownerReferences in the logged body name it"
    if len(ends) > 1:
        why += f", the last of {len(ends)} to go"
    if gone and missing:
        why += f" that this log shows (not the end of {', '.join(map(str, missing))})"
    last_first = [*sorted(gone, key=lambda owner: -gone[owner]), *missing]
    return [(owner, surely and not missing, why) for owner in last_first]


def _gone_just_before(book: Book, story: Story, obj: Object, deed: Deed) -> None:
    """The log does not tell the owner; if only one thing was deleted right before, that was it."""
    gone = deleted_just_before(book, obj, deed.at)
    like = {guess.owner.resource for guess in guesses(obj)}
    likely = [d for d in gone if d.resource in like] or gone
    likely = [d for d in likely if deed.at - d.at < _RIGHT_AFTER] or likely
    if len(likely) == 1:
        lag = deed.at - likely[0].at
        why = f"{actor(likely[0])} deleted it {lag:.3f} s before {obj} was collected; nothing else fits"
        story.links.append(Link(likely[0].object, likely[0], "inferred", why))
        story.root = likely[0]
        return
    story.note(f"the garbage collector deleted {obj} because its owner was gone; who deleted that is not in this log")
    for other in likely[-3:]:
        story.note(f"{actor(other)} deleted {other.object} before that, at {other.time}")


def _resized(book: Book, story: Story, obj: Object, deed: Deed, before: float) -> None:
    """A controller deletes its own when fewer, or newer ones, are wanted: whoever changed what it controls."""
    node = node_on_the_way(book, obj, deed)
    if node is not None:
        disturbance(book, story, obj, node, deed)
        return
    birth = birth_of(book, obj, before)
    said = ownership(book, obj, deed.at, birth.deed)
    made, surely = deed, False
    if said is not None and said.controller is not None:
        made, surely = said.deed, birth.confidence == "certain" or said.deed is not birth.deed
    child = Child(obj, deed.at, made, surely, ended=True)
    found = owner_of(book, child)
    if found is None:
        story.note(f"what {deed.controller} followed when it deleted {obj} is not in this log")
        return
    owner, _, why = found
    if deed.controller in {JOBS, CRONJOBS}:
        _own_rules(book, story, child, owner, surely, why)
        return
    if owner.resource in {"replicasets", "replicationcontrollers"}:
        _shrunk(book, story, child, deed, owner, surely, why)
        return
    if owner.resource in {"statefulsets", "daemonsets"}:
        _by_set(book, story, child, deed, owner)
        return
    climb(book, story, child)


def _by_set(book: Book, story: Story, child: Child, end: Deed, owner: Object) -> None:
    """A StatefulSet or DaemonSet deletes a Pod for its last change, or one that failed."""
    wanted = wishes(book, owner, child.at)
    asked = [deed for deed in wanted if not creates(deed)]
    if made_again(book, end, owner) != "no":
        again = f"{end.controller} deleted {child.object} only to make it again, as it does with a Pod that failed"
        story.note(f"no request in this log set it going: {again} or was evicted")
        return
    if wanted and not asked:
        story.note(f"no request in this log set it going: nobody changed {owner} since it was made")
        return
    surely = child.surely and bool(asked) and stepping(book, end, owner, asked[-1])
    climb(book, story, replace(child, surely=surely))


def _shrunk(book: Book, story: Story, child: Child, end: Deed, owner: Object, surely: bool, why: str) -> None:
    """A ReplicaSet that had a Pod too many: it was to get smaller, or took one over that was there already."""
    deeds = spec_deeds(book, owner, child.at)
    cause, busy = shrink(book, deeds, end, owner)
    adopted = taken_over(book, owner, child.at)
    if adopted is not None and (cause is None or cause.at < adopted.at):
        _one_too_many(book, story, owner, adopted, surely and not busy)
        return
    made = birth_of(book, owner, child.at).deed
    made = made if made and made.controller else None
    surely = surely and busy and not lacking(book, story, child, owner, deeds)
    if not busy and (cause is None or child.at - cause.at >= DISTURBED):
        if deeds and not _asked_above(book, Child(owner, child.at, made, False)):
            many = f"{owner} had a Pod too many, but nobody had just asked it for fewer"
            story.note(f"no request in this log set it going: {many}")
            return
        cause = None
    by_hand = set_by_hand(book, story, deployment_of(book, owner, child.at, made), deeds, cause)
    if by_hand is not None:
        cause, surely = by_hand, False
    confidence: Confidence = "certain" if surely else "inferred"
    story.links.append(Link(owner, cause, confidence, f"it wanted fewer Pods; {why}"))
    if cause is not None and not cause.controller:
        story.root = cause
        return
    climb(book, story, Child(owner, cause.at if cause else child.at, made, surely))


def _asked_above(book: Book, below: Child) -> bool:
    """Whether somebody had just changed the Deployment of a ReplicaSet, whose own changes are not in the log."""
    found = owner_of(book, below)
    asked = [d for d in wishes(book, found[0], below.at) if not creates(d)] if found else []
    return bool(asked) and below.at - asked[-1].at < DISTURBED


def _one_too_many(book: Book, story: Story, owner: Object, adopted: Deed, surely: bool) -> None:
    """A ReplicaSet took over a Pod that it did not need: behind that is whoever made the Pod."""
    book.look_up([pod_ending(adopted.name)])
    made = story_of_creation(book, adopted.object, adopted.at)
    if not made.links:
        story.note(f"{owner} took over {adopted.object} at {adopted.time}; who made that is not in this log")
        return
    why = f"{owner} took it over at {adopted.time} and had one too many then"
    certain = surely and made.links[0].confidence == "certain"
    story.links.append(Link(adopted.object, made.links[0].deed, "certain" if certain else "inferred", why))
    story.links += made.links[1:]
    story.notes += made.notes
    story.root = made.root


def _own_rules(book: Book, story: Story, child: Child, owner: Object, surely: bool, why: str) -> None:
    """A Job's or CronJob's own rules (history limits, deadlines) ended it: those of whoever wrote them."""
    deeds = [deed for deed in spec_deeds(book, owner, child.at) if not deed.by_kubernetes]
    changed = [deed for deed in deeds if changes(deed) and 0 <= child.at - deed.at < DISTURBED]
    if changed:
        story.links.append(
            Link(owner, changed[-1], "inferred", f"{actor(changed[-1])} changed {owner} before; {why}")
        )
        story.root = changed[-1]
        return
    story.note(f"no request set it going: the rules of {owner} did (a history limit, a deadline, a suspension)")
    climb(book, story, Child(child.object, child.at, child.deed, surely))


def _behind_creation(book: Book, story: Story, obj: Object, deed: Deed) -> None:
    made = story_of_creation(book, obj, deed.at)
    story.root = made.root
    story.links += made.links[1:]
