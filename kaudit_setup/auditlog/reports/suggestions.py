"""A log for `policy suggest`: what it is full of, and what any policy would have written of it. It is asked twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from kaudit_setup.auditlog.coverage.extent import Extent, extent
from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.files import within
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.reports.estimate import Weight, replayed, weigh
from kaudit_setup.auditlog.reports.request_classes import RequestClass
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.model import Policy
from kaudit_setup.policy.suggest.candidates import Traffic, candidates, requester
from kaudit_setup.policy.suggest.choose import Cost, Suggestion, apply, choose

_FIELDS = frozenset({"verb", "user", "object_ref"})
MOST_KINDS = 20_000  # verbs and resources come from strangers


class Suggested(msgspec.Struct, frozen=True):
    """A suggestion with the log that it was made from; `logged`: what the log holds now."""

    suggestion: Suggestion
    logged: Cost
    extent: Extent


class Log(Protocol):
    """A log as far as a suggestion asks; a store counts where the lines are."""

    def traffic(self) -> list[Traffic]:
        """The kinds of requests in it, each once."""
        ...

    def weigh(self, policies: Sequence[Policy]) -> dict[RequestClass, Weight]:
        """See `estimate.weigh`."""
        ...

    def extent(self) -> Extent:
        """The time that it covers of what was asked for, once it was weighed."""
        ...


class Files(msgspec.Struct, frozen=True):
    """See `Log`; they are read twice."""

    logs: LocalLogs
    wanted: Filter

    def traffic(self) -> list[Traffic]:
        """See `Log.traffic`."""
        return _traffic(self.logs, self.wanted)

    def weigh(self, policies: Sequence[Policy]) -> dict[RequestClass, Weight]:
        """See `Log.weigh`."""
        return weigh(self.logs, policies, self.wanted)

    def extent(self) -> Extent:
        """See `Log.extent`."""
        return extent(self.logs.coverage(), self.wanted.window)


def suggest(log: Log, base: Policy, version: KubeVersion, *, bodies: bool = True) -> Suggested:
    """What can be left out of what `base` would have written of `log`; `bodies`: whether bodies may be, too."""
    # whatever order the log has them in
    tried = candidates(base, sorted(log.traffic(), key=_in_order), version, bodies=bodies)
    classes = log.weigh([base, *(apply(base, [one]) for one in tried)])
    suggestion = choose(base, tried, _Replayed(classes, version), version)
    logged = Cost(sum(w.events for w in classes.values()), sum(w.size for w in classes.values()))
    return Suggested(suggestion, logged, log.extent())


def _in_order(one: Traffic) -> tuple[str, str, str, str]:
    return one.user, one.verb, one.group, one.resource


class _Replayed(msgspec.Struct, frozen=True):
    """The log's classes of requests, for any policy that can tell no others apart."""

    classes: dict[RequestClass, Weight]
    version: KubeVersion

    def cost(self, policy: Policy) -> Cost:
        """What the policy would have written."""
        found = replayed("", policy, compile(policy, self.version), self.classes)
        return Cost(found.events, found.size)


def _traffic(logs: LocalLogs, wanted: Filter) -> list[Traffic]:
    found: dict[Traffic, None] = {}

    def work(unit: Unit, tally: Tally) -> Iterator[Sequence[Traffic]]:
        return _seen(unit, tally, wanted)

    # the second pass counts what could not be read; this one only looks for what there is
    for _, _, part in scan(within(logs.files, wanted.window), work, {}):
        found.update(dict.fromkeys(part[: MOST_KINDS - len(found)]))
    return list(found)


def _seen(unit: Unit, tally: Tally, wanted: Filter) -> Iterator[Sequence[Traffic]]:
    fits = None if wanted.is_empty else wanted.test()
    kinds: dict[tuple[str, str, str, str, str], None] = {}
    for lines in decode_unit(unit, tally, project(_FIELDS | wanted.fields(), with_id=False)):
        for event in lines.events:
            if event is None or (fits is not None and not fits(event)):
                continue
            ref = event.object_ref
            kinds[event.user.username, event.verb, ref.api_group, ref.resource, ref.subresource] = None
        if len(kinds) > MOST_KINDS:
            break
    yield list(
        dict.fromkeys(
            Traffic(requester(user), verb, group, f"{resource}/{part}" if part else resource)
            for user, verb, group, resource, part in kinds
        )
    )
