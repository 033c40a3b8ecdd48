"""What another policy would have written: the log replayed through it.

A log shows only what was logged, so a level can be lowered (a body's size is known and taken off) but not raised:
what that would add is unknown and counted as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Protocol

import msgspec

from kaudit_setup.auditlog.coverage.extent import Extent, extent
from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.fields import ESTIMATE
from kaudit_setup.auditlog.files import within
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.request_classes import READS, ClassFields, Classifier, RequestClass
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.policy.model import Attributes, Decision, Level, Policy, Stage
from kaudit_setup.rotation import Rotation, kept
from kaudit_setup.values import replace

_ORDER = {"None": 0, "Metadata": 1, "Request": 2, "RequestResponse": 3}
_ENDS = frozenset({"ResponseComplete", "Panic"})
_NEARLY_ALL = 0.9  # some requests began before the log does
REQUEST_KEY, RESPONSE_KEY = len('"requestObject":,'), len('"responseObject":,')
"""Bytes of a line that a body takes besides itself: its key and the comma."""


class Weight(msgspec.Struct):
    """Lines of one class: how many, their bytes, and how many of those are request and response bodies."""

    events: int = 0
    size: int = 0
    request: int = 0
    response: int = 0


class Compiled(Protocol):
    """A policy that can be asked (policy.evaluate.compile)."""

    def __call__(self, a: Attributes, /) -> Decision: ...


class Estimate(msgspec.Struct, frozen=True):
    """One policy's answer. `unknown`: events whose level it would raise, so that their size is a lower bound.
    `missing_stages`: stages that it keeps but of which the log lacks a part. `hours`: how far back the rotation
    settings would let the log reach, infinity for no limit, None where the log does not tell: it has no event of it,
    or the limit is one of bytes and the log covers no time to compute a rate from.
    """

    name: str
    events: int
    size: int
    unknown: int
    missing_stages: tuple[Stage, ...]
    hours: float | None


class Replay(msgspec.Struct, frozen=True):
    """The log as it is, and what it would be; `extent`: the part of the asked time that the log covers, summed over
    the `nodes` that it has any of it from.
    """

    logged: Estimate
    estimates: tuple[Estimate, ...]
    extent: Extent
    nodes: int


def estimate(
    logs: LocalLogs, policies: Sequence[tuple[str, Policy, Compiled]], wanted: Filter, rotation: Rotation
) -> Replay:
    """Replay the events of `logs` that fit `wanted` through each policy: (name, policy, the compiled policy)."""
    classes = weigh(logs, [policy for _, policy, _ in policies], wanted)
    return replay(classes, policies, [extent([one], wanted.window) for one in logs.coverage()], rotation)


def replay(
    classes: dict[RequestClass, Weight],
    policies: Sequence[tuple[str, Policy, Compiled]],
    extents: Sequence[Extent],
    rotation: Rotation,
) -> Replay:
    """The classes that `weigh` found for these policies, through each of them. `extents`: of each node's log."""
    hours = sum(one.hours for one in extents)
    total = Estimate(
        "as logged", sum(w.events for w in classes.values()), sum(w.size for w in classes.values()), 0, (), None
    )
    return Replay(
        _kept(total, rotation, hours),
        tuple(
            _kept(replayed(name, policy, compiled, classes), rotation, hours) for name, policy, compiled in policies
        ),
        Extent(hours, sum(one.gaps for one in extents)),
        sum(one.hours > 0 for one in extents),
    )


def weigh(logs: LocalLogs, policies: Sequence[Policy], wanted: Filter) -> dict[RequestClass, Weight]:
    """The events of `logs` that fit `wanted`, by all that these policies can tell apart."""
    classifier = Classifier(policies)

    def work(unit: Unit, tally: Tally) -> Iterator[dict[ClassFields, Weight]]:
        return _weigh(unit, tally, classifier, wanted)

    return summed(
        (RequestClass._make(key), weight)
        for _, _, part in scan(within(logs.files, wanted.window), work, logs.tallies)
        for key, weight in part.items()
    )


def summed(parts: Iterable[tuple[RequestClass, Weight]]) -> dict[RequestClass, Weight]:
    """What each class weighs in all."""
    classes: dict[RequestClass, Weight] = {}
    for key, weight in parts:
        whole = classes.setdefault(key, Weight())
        whole.events += weight.events
        whole.size += weight.size
        whole.request += weight.request
        whole.response += weight.response
    return classes


def replayed(name: str, policy: Policy, compiled: Compiled, classes: dict[RequestClass, Weight]) -> Estimate:
    """What the policy, one of those that the classes were made for, writes of them; its `hours` are not known."""
    events = size = unknown = ended = received = 0
    for key, weight in classes.items():
        decision = compiled(_attributes(key))
        if decision.level == "None":
            continue
        # the one stage that every request passes that was authenticated; the others depend on how it went
        if key.user is not None and "RequestReceived" not in decision.omit_stages:
            received += weight.events * (key.stage == "RequestReceived")
            ended += weight.events * (key.stage in _ENDS)
        if key.stage in decision.omit_stages:
            continue
        events += weight.events
        size += _size(key, weight, decision.level)
        if _raised(key, decision.level):
            unknown += weight.events
    missing: tuple[Stage, ...] = ("RequestReceived",) if received < ended * _NEARLY_ALL else ()
    return Estimate(name, events, size, unknown, missing, None)


def _size(key: RequestClass, weight: Weight, level: Level) -> int:
    size = weight.size
    if _ORDER[level] < _ORDER["RequestResponse"]:
        size -= weight.response
    if _ORDER[level] < _ORDER["Request"]:
        size -= weight.request
    # the level's own name is part of the line
    return size + weight.events * (len(level) - len(key.level))


def _raised(key: RequestClass, level: Level) -> bool:
    """Whether `level` would add a body that the log does not show.

    Bodies come with the response's stages; a watch and a non-resource request have none, reading has no request body
    (staging/src/k8s.io/apiserver/pkg/audit/request.go:LogRequestObject, LogResponseObject).
    """
    if _ORDER[level] <= _ORDER.get(key.level, 0) or key.stage != "ResponseComplete" or key.path:
        return False
    if level == "Request" or key.verb == "watch":
        return key.verb not in READS
    return True


def _attributes(key: RequestClass) -> Attributes:
    return Attributes(
        key.user,
        key.groups,
        key.verb,
        key.api_group,
        key.resource,
        key.subresource,
        key.namespace,
        key.name,
        not key.path,
        key.path,
    )


def _kept(estimate: Estimate, rotation: Rotation, hours: float) -> Estimate:
    """With the hours that the rotation settings keep, at the mean rate of one node."""
    if not estimate.events or (rotation.most is not None and not hours):
        return replace(estimate, hours=None)
    rate = estimate.size / (hours * 3600) if hours else 0.0
    found = kept(rotation, rate).hours
    return replace(estimate, hours=inf if found is None else found)


def _weigh(unit: Unit, tally: Tally, classifier: Classifier, wanted: Filter) -> Iterator[dict[ClassFields, Weight]]:
    class_of = classifier.classify()
    fits = None if wanted.is_empty else wanted.test()
    classes: dict[ClassFields, Weight] = {}
    for lines in decode_unit(unit, tally, project(ESTIMATE | wanted.fields())):
        for event, size in zip(lines.events, lines.sizes, strict=True):
            if event is None or (fits is not None and not fits(event)):
                continue
            key = class_of(event)
            weight = classes.get(key)
            if weight is None:
                weight = classes[key] = Weight()
            weight.events += 1
            weight.size += size
            if event.request_object:
                weight.request += len(event.request_object) + REQUEST_KEY
            if event.response_object:
                weight.response += len(event.response_object) + RESPONSE_KEY
        if len(classes) > 50_000:
            yield classes
            classes = {}
    yield classes
