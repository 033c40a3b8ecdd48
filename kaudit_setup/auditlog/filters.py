"""Filters on events: user, verb, object, outcome, origin, time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import DIMENSIONS, TIMES, Fields, resource
from kaudit_setup.auditlog.kinds import KINDS
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError

LATE = frozenset({"user", "impersonator", "namespace", "name", "code", "decision"})
"""What may differ between an earlier and a later stage of one request (staging/src/k8s.io/apiserver: impersonation
and authorization come after RequestReceived, and pkg/audit/request.go:LogRequestObject fills in names)."""

Test = Callable[[Event], bool]


class Values(msgspec.Struct, frozen=True):
    """What a dimension may be: one of `wanted`, if there are any, and none of `unwanted`. In each of them `*` and `?`
    match any text; `*` alone whatever is there at all.
    """

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


class Filter(msgspec.Struct, frozen=True):
    """Which events match: those with a fitting value in every dimension and a time in the window. An empty filter
    matches every event.
    """

    by: Mapping[str, Values] = msgspec.field(default_factory=dict)
    window: Window = ALWAYS

    @property
    def is_empty(self) -> bool:
        """Whether it matches every event."""
        return not self.by and self.window.open

    def fields(self) -> Fields:
        """The fields that `test` needs."""
        need = frozenset[str]().union(*(DIMENSIONS[dimension].fields for dimension in self.by))
        if "resource" in self.by:
            need |= {"object_ref.api_group"}  # see _SPELLINGS
        return need if self.window.open else need | TIMES

    def test(self) -> Test:
        """A fast test of events that have `fields`."""
        tests = [_test(dimension, values) for dimension, values in self.by.items()]
        window = self.window
        if not window.open:
            tests.insert(0, lambda e: window.holds(e.request_received_timestamp or e.stage_timestamp))
        if len(tests) == 1:
            return tests[0]
        return lambda event: all(test(event) for test in tests)


class AnyOf(msgspec.Struct, frozen=True):
    """Requests of which a line fits one of some filters, at least one, which have the same window. `all_stages`:
    whether their other lines are wanted, too.
    """

    filters: tuple[Filter, ...]
    all_stages: bool = True

    @property
    def window(self) -> Window:
        """Of all of them."""
        return self.filters[0].window

    @property
    def last_decides(self) -> bool:
        """Whether a later stage of a request may not fit though an earlier one does."""
        return any(one.by.keys() & LATE for one in self.filters)

    def fields(self) -> Fields:
        """The fields that `test` needs."""
        return frozenset[str]().union(*(one.fields() for one in self.filters))

    def test(self) -> Test:
        """A fast test of events that have `fields`."""
        tests = [one.test() for one in self.filters]
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)


def is_pattern(value: str) -> bool:
    """Whether a value has `*` or `?` in it."""
    return "*" in value or "?" in value


def make_filter(typed: Mapping[str, Sequence[str] | None], window: Window) -> Filter:
    """From what the user typed for each dimension; a leading `!` excludes a value.

    Raises InputError for an invalid code, level, stage, decision or address.
    """
    return Filter({dimension: _values(dimension, values) for dimension, values in typed.items() if values}, window)


def _values(dimension: str, typed: Sequence[str]) -> Values:
    known, as_logged = _KNOWN.get(dimension), _AS_LOGGED.get(dimension, str)
    wanted: list[str] = []
    unwanted: list[str] = []
    for value in typed:
        plain = value.removeprefix("!")
        if known and not is_pattern(plain) and not re.fullmatch(known.pattern, plain):
            raise InputError(f"invalid --{dimension} {value}", hint=known.hint)
        (wanted if plain == value else unwanted).append(as_logged(plain))
    return Values(tuple(wanted), tuple(unwanted))


class _Known(NamedTuple):
    """The values that a dimension can have."""

    pattern: str
    hint: str


_KNOWN = {
    "code": _Known(r"[1-5]\d\d", "an HTTP status, like 403 or 4*"),
    "level": _Known("Metadata|Request|RequestResponse", "Metadata, Request or RequestResponse"),
    "stage": _Known(
        "RequestReceived|ResponseStarted|ResponseComplete|Panic",
        "RequestReceived, ResponseStarted, ResponseComplete or Panic",
    ),
    "decision": _Known("allow|forbid", "allow or forbid"),
}


def _address(value: str) -> str:
    """An address as the server writes it (Go, net.IP.String). Raises InputError if it is not one."""
    if is_pattern(value):
        return value
    try:
        found = ip_address(value)
    except ValueError:
        raise InputError(
            f"--ip {value} is not an IP address", hint="for example 10.0.0.7, fd00::7 or 10.0.*"
        ) from None
    return str(getattr(found, "ipv4_mapped", None) or found)


def plain_resource(value: str) -> str:
    """`deployments` of `deployments.apps/scale`."""
    return re.split(r"[./]", value)[0]


def _plural(value: str) -> str:
    """`po`, `deploy` or `secret`, as kubectl accepts them, in the form of the log; anything else stays."""
    short = plain_resource(value)
    known = KINDS.get(short.lower())
    return (known.resource if known else short) + value[len(short) :]


_AS_LOGGED: dict[str, Callable[[str], str]] = {"resource": _plural, "ip": _address, "verb": str.lower}


def _test(dimension: str, values: Values) -> Test:
    """Of the values that an event has in the dimension, one must be wanted and none may be unwanted."""
    get, spell = DIMENSIONS[dimension].get, _SPELLINGS.get(dimension)
    wanted, unwanted = _matcher(values.wanted), _matcher(values.unwanted)
    if not values.wanted:
        wanted = _anything
    if spell is None:
        return (lambda e: wanted(get(e)) and not unwanted(get(e))) if values.unwanted else lambda e: wanted(get(e))
    if not values.wanted:
        return lambda e: not any(map(unwanted, spell(e)))
    return lambda e: any(map(wanted, spell(e))) and not any(map(unwanted, spell(e)))


def _anything(_: str) -> bool:
    return True


def _grouped(event: Event) -> str:
    ref = event.object_ref
    return f"{ref.resource}.{ref.api_group}" if ref.api_group else ref.resource


def _below(event: Event) -> str:
    below = event.object_ref.subresource
    return f"{_grouped(event)}/{below}" if below else ""


# dimension: the values that an event has in it, where a user may mean more than one
_SPELLINGS: dict[str, Callable[[Event], Sequence[str]]] = {
    # `pods` means pods and whatever is below it; `deployments.apps` and `deployments.apps/scale` name the group too
    "resource": lambda e: (resource(e), e.object_ref.resource, _grouped(e), _below(e)),
    "ip": lambda e: e.source_ips,
    "agent": lambda e: (e.user_agent, e.user_agent.partition("/")[0]),
}


def _matcher(values: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is one of `values`, or fits one with `*` or `?`."""
    literals = frozenset(value for value in values if not is_pattern(value))
    globs = [translate("?*" if value == "*" else value.replace("[", "[[]")) for value in values if is_pattern(value)]
    if not globs:
        return literals.__contains__
    fits = re.compile("|".join(globs)).match
    return lambda text: text in literals or fits(text) is not None
