"""Behind a HorizontalPodAutoscaler's scaling: whoever said last what it should do.

Source: pkg/controller/podautoscaler/horizontal.go:reconcileAutoscaler (an update of the target's `scale`, then one of
the autoscaler's status).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Link, Story, certain_if
from kaudit_setup.attribution.controllers.adoption import ended
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.index import EventIndex, quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import proven, requested_changes
from kaudit_setup.attribution.timing import AT_ONCE
from kaudit_setup.auditlog.kinds import KINDS

_SAID = 5


def to_autoscaler(index: EventIndex, story: Story, owner: Object, cause: Request, surely: bool) -> None:
    """Add the autoscaler that did `cause` to `owner`, and who is behind it, to `story`."""
    if cause.controller != AUTOSCALER:
        return
    where = b'"resource":"horizontalpodautoscalers","namespace":' + quoted(owner.namespace)
    index.look_up([where])
    # an autoscaler reports its status every few seconds: only what it said then matters
    told = index.sift([where], lambda d: d.controller == AUTOSCALER and 0 <= d.at - cause.at < AT_ONCE)
    known = index.starting(Object("autoscaling", "horizontalpodautoscalers", owner.namespace, ""))
    names = sorted({one.name for one in known if one.name} | {request.name for request in told if request.name})
    found = _chosen(index, owner, names, told, cause)
    if found is None:
        story.note(f"{AUTOSCALER} scaled {owner} at {cause.time}; which autoscaler it acted for is not in the log")
        scalers = [Object("autoscaling", "horizontalpodautoscalers", owner.namespace, name) for name in names]
        for request in [
            request for one in scalers[:_SAID] for request in requested_changes(index, one, cause.at)[-1:]
        ]:
            story.note(f"{actor(request)} {doing(request)} {request.object} before that, at {request.time}")
        return
    scaler, shown, why = found
    requests = requested_changes(index, scaler, cause.at)
    if not requests:
        story.links.append(Link(scaler, None, certain_if(surely and shown), why))
        story.note(f"who made {scaler} is not in this log")
        return
    last = requests[-1]
    if not creates(last):
        why += f"; {actor(last)} {doing(last)} it last before that"
    shown = shown and proven(index, scaler, last)
    story.links.append(Link(scaler, last, certain_if(surely and shown), why))
    story.root = last
    makers = [request for request in requests if creates(request)]
    if makers and makers[-1] is not last:
        story.note(f"{scaler} was created by {actor(makers[-1])} at {makers[-1].time}")


def _chosen(
    index: EventIndex, owner: Object, names: Sequence[str], told: Sequence[Request], cause: Request
) -> tuple[Object, bool, str] | None:
    """Which autoscaler it was, whether bodies prove it, and the reason. `told`: what autoscalers reported then."""
    named = [Object("autoscaling", "horizontalpodautoscalers", owner.namespace, name) for name in names]
    targets = {
        one: _scales(index, one, owner, cause.at, told) for one in named if ended(index, one, cause.at) is None
    }
    reported = [request.object for request in told if targets.get(request.object) is not False and request.name]
    of_it = [one for one, scales in targets.items() if scales]
    if of_it:
        first = next((one for one in reported if one in of_it), of_it[-1])
        return first, len(of_it) == 1, f"its scaleTargetRef names {owner}"
    scalers = [one for one, scales in targets.items() if scales is None]
    # elsewhere one worker or a few take autoscalers in turn: the first status after the scaling is its own
    if reported:
        return reported[0], False, f"the first autoscaler that reported after {owner} was scaled"
    if len(scalers) == 1:
        return scalers[0], False, f"the only autoscaler in namespace {owner.namespace}"
    same = [one for one in scalers if one.name == owner.name]
    return (same[0], False, f"the autoscaler of the name of {owner}") if same else None


def _scales(index: EventIndex, scaler: Object, owner: Object, at: float, told: Sequence[Request]) -> bool | None:
    """Whether an autoscaler was for `owner` at `at`, by the last body that says so; None if none does."""
    before = [request for request in index.on(scaler) if request.done and request.at <= at]
    said = [request.facts for request in [*before, *told] if request.object == scaler and request.facts.involved_name]
    if not said:
        return None
    kind = KINDS.get(said[-1].involved_kind.lower())
    return said[-1].involved_name == owner.name and kind is not None and kind.resource == owner.resource
