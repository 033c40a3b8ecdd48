"""What the log will take on the nodes of a review: how much a day, what that is made from, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.change.forecast import Growth
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.change.status import log_rate
from kaudit_setup.model import LOG_FLAG
from kaudit_setup.policy.model import Level
from kaudit_setup.report.documents.document import Bytes, Item, Seconds
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.rotation import kept, rotation_of

_DAY_S = 86400
_FAR_APART = 1.5  # times: then the highest is said beside the expected
_SHORT_S = 3600  # a server that started so lately has mostly counted how everybody comes back


class ExpectedLog(Item, frozen=True, kw_only=True):
    """What the log of a node will take, from what its API server has counted in `counted_seconds`.

    `most_bytes_per_day`: if always those send requests of whom the policy logs most. `levels`: which share of the
    requests gets which level. `kept_seconds`: until rotation drops an event; `kept_bytes`: what the log takes at
    most; null without such a limit.
    """

    bytes_per_day: Bytes
    most_bytes_per_day: Bytes
    requests_per_second: float
    events_per_second: float
    levels: dict[Level, float]
    counted_seconds: Seconds
    kept_seconds: Seconds | None
    kept_bytes: Bytes | None


@dataclass(frozen=True, slots=True)
class LogCost:
    """What the log of one node takes. `rate`: bytes a second, None if unknown; `growth`: where that is from the
    server's own counts. `most`: bytes that are kept, None without a limit; `hours`: for how long, None if unknown or
    for ever; `full_in_hours`: until the volume is full, None if never.
    """

    rate: float | None
    growth: Growth | None
    most: int | None
    hours: float | None
    full_in_hours: float | None


def log_cost(prepared: Prepared) -> LogCost | None:
    """None where no log is written to a file."""
    flags, observed = prepared.plan.pod.flags, prepared.state.observed
    if flags.get(LOG_FLAG, "-") in {"", "-"}:
        return None
    growth = prepared.growth
    rate = growth.size if growth and not growth.why else log_rate(observed.log)
    free, used = observed.volumes["log"].free, observed.log.size + observed.log.rotated_bytes
    rotation = rotation_of(flags, prepared.plan.pod.version)
    found = kept(rotation, rate or 0.0, used=used, free=free if free >= 0 else None)
    # a limit of age alone is one of bytes only at a rate that is known
    most = found.bytes if rate or rotation.most is not None else None
    return LogCost(rate, growth, most, found.hours, found.full_in_hours)


def expected_log(prepared: Prepared) -> ExpectedLog | None:
    """The same for programs; None where the server's counts are not known or were not asked for."""
    cost = log_cost(prepared)
    if cost is None or cost.growth is None or cost.growth.why:
        return None
    growth = cost.growth
    return ExpectedLog(
        bytes_per_day=round(growth.size * _DAY_S),
        most_bytes_per_day=round(growth.most * _DAY_S),
        requests_per_second=round(growth.requests, 3),
        events_per_second=round(growth.events, 3),
        levels={level: round(part, 4) for level, part in growth.levels.items()},
        counted_seconds=round(growth.seconds),
        kept_seconds=None if cost.hours is None else round(cost.hours * 3600),
        kept_bytes=cost.most,
    )


def cost_as_text(costs: Sequence[LogCost]) -> str:
    """One sentence for all nodes: of the one whose log grows most where they differ."""
    if not costs:
        return ""
    largest = max(costs, key=lambda cost: cost.rate or 0.0)
    each = "" if len(costs) == 1 else " on a node"
    parts = (_a_day(largest, each), _kept(costs, largest), _full(costs), _made_from(largest))
    return "; ".join(part for part in parts if part)


def _a_day(cost: LogCost, each: str) -> str:
    if cost.rate is None:
        why = f" ({cost.growth.why})" if cost.growth else ""
        return f"how much a day is not known before it runs{why}"
    said = f"about {size(cost.rate * _DAY_S)} a day{each}"
    if cost.growth is None:
        return f"{said}, at the rate of the log that is there now"
    if cost.growth.why:
        return f"{said}, at the rate of the log that is there now, which another policy writes ({cost.growth.why})"
    if cost.growth.most <= cost.growth.size * _FAR_APART:
        return said
    return f"{said} (up to {size(cost.growth.most * _DAY_S)}, depending on who sends the requests)"


def _kept(costs: Sequence[LogCost], largest: LogCost) -> str:
    most = [cost.most for cost in costs if cost.most is not None]
    where = "the node" if len(costs) == 1 else "each node"
    if len(most) < len(costs):
        return "all of it is kept, without a limit"
    days = f"the last {hours(largest.hours)} are kept, " if largest.rate and largest.hours else ""
    return f"{days}at most {size(max(most))} on {where}"


def _full(costs: Sequence[LogCost]) -> str:
    times = [cost.full_in_hours for cost in costs if cost.full_in_hours is not None]
    return f"the volume is full in {hours(min(times))}" if times else ""


def _made_from(cost: LogCost) -> str:
    growth = cost.growth
    if growth is None or growth.why:
        return ""
    parts = growth.levels.items()
    levels = ", ".join(f"{100 * part:.0f} % {level}" for level, part in sorted(parts, key=lambda one: -one[1]))
    early = ", which is short" if growth.seconds < _SHORT_S else ""
    return (
        f"made from {_rate(growth.requests)} (counted by this API server for {hours(growth.seconds / 3600)}{early}), "
        f"the levels that the policy gives them ({levels}) and usual sizes of events"
    )


def _rate(requests: float) -> str:
    number, unit = (requests, "second") if requests >= 1 else (requests * 60, "minute")
    return f"{f'{number:.0f}' if number >= 10 else f'{number:.1f}'} requests a {unit}"
