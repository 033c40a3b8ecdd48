"""What an event is asked for: user, verb, object, outcome, origin; and which bytes such an event must hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from ipaddress import ip_address

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.fields import DIMENSIONS, TIMES, resource
from kaudit_setup.auditlog.kinds import KINDS
from kaudit_setup.auditlog.search import spelled
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError

LATE = frozenset({"user", "impersonator", "namespace", "name", "code", "decision"})
"""What a later stage of a request may say otherwise than an earlier one (staging/src/k8s.io/apiserver: impersonation
and authorization come after RequestReceived, and pkg/audit/request.go:LogRequestObject fills in names)."""

# From the most telling to the least; what most events share is not worth a search of its own.
_TELLING = ("name", "impersonator", "user", "ip", "agent", "namespace", "resource", "verb", "code", "decision")
_COMMON = frozenset({"get", "list", "watch", "update", "200", "201", "allow"})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are meant. `wanted`: for each dimension the values of which one must fit (`*` and `?` match
    any text, `*` alone whatever is there at all, a leading `!` turns a value into one that must not fit). An empty
    filter means every event.
    """

    wanted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    window: Window = ALWAYS

    def fields(self) -> set[str]:
        """The fields of Event that `test` needs."""
        need = {name for dimension in self.wanted for name in DIMENSIONS[dimension].fields}
        if "resource" in self.wanted:
            need.add("object_ref.api_group")  # see _SPELLINGS
        return need if self.window.open else need | TIMES

    def test(self) -> Callable[[Event], bool]:
        """A fast yes or no for events that have `fields`."""
        tests = [_test(dimension, tuple(values)) for dimension, values in self.wanted.items() if values]
        window = self.window
        if not window.open:
            tests.insert(0, lambda e: window.holds(e.request_received_timestamp or e.stage_timestamp))
        if len(tests) == 1:
            return tests[0]
        return lambda event: all(test(event) for test in tests)

    def needles(self) -> tuple[bytes, ...]:
        """Literals of which every event that fits holds one; empty where none is telling."""
        for dimension in _TELLING:
            values = self.wanted.get(dimension, ())
            literals = [_literal(dimension, value) for value in values]
            if values and all(literals) and not _COMMON.intersection(values):
                return tuple(spelled(literal) for literal in literals)
        return ()


def make_filter(wanted: Mapping[str, Sequence[str] | None], window: Window) -> Filter:
    """From what the user typed. Raises InputError for a code, level, stage, decision or address that cannot be."""
    for dimension, known in _KNOWN.items():
        for value in wanted.get(dimension) or ():
            if not re.search(r"[*?]", value) and not known.fullmatch(value.removeprefix("!")):
                raise InputError(f"--{dimension} {value}: there is no such {dimension}", hint=_HINTS[dimension])
    as_logged = {"resource": _plural, "ip": _address, "verb": str.lower}
    return Filter(
        {name: tuple(map(as_logged.get(name, str), values)) for name, values in wanted.items() if values}, window
    )


def _address(value: str) -> str:
    """An address as the server writes it (Go, net.IP.String); raises InputError if it is none."""
    if re.search(r"[*?]", value):
        return value
    no, text = ("!", value[1:]) if value.startswith("!") else ("", value)
    try:
        found = ip_address(text)
    except ValueError:
        raise InputError(f"--ip {value}: that is no address", hint="like 10.0.0.7, fd00::7 or 10.0.*") from None
    return f"{no}{getattr(found, 'ipv4_mapped', None) or found}"


def _plural(value: str) -> str:
    """`po`, `deploy` or `secret`, as kubectl takes them, as the log spells them; anything else stays."""
    no, rest = ("!", value[1:]) if value.startswith("!") else ("", value)
    short = re.split(r"[./]", rest)[0]
    known = KINDS.get(short.lower())
    return f"{no}{known.resource if known else short}{rest[len(short) :]}"


_KNOWN = {
    "code": re.compile(r"[1-5]\d\d"),
    "level": re.compile(r"Metadata|Request|RequestResponse"),
    "stage": re.compile(r"RequestReceived|ResponseStarted|ResponseComplete|Panic"),
    "decision": re.compile(r"allow|forbid"),
}
_HINTS = {
    "code": "an HTTP status, like 403 or 4*",
    "level": "Metadata, Request or RequestResponse",
    "stage": "RequestReceived, ResponseStarted, ResponseComplete or Panic",
    "decision": "allow or forbid",
}


def _literal(dimension: str, value: str) -> str:
    """The longest text that a line must hold for `value` to fit; empty if there is none."""
    if value.startswith("!"):
        return ""
    if dimension == "resource":
        value = re.split(r"[./]", value)[0]
    parts = re.split(r"[*?]", value)
    longest = max(parts, key=len, default="")
    return longest if len(longest) > 1 else ""


def _test(dimension: str, values: tuple[str, ...]) -> Callable[[Event], bool]:
    """Of the ways in which an event spells the dimension, one must be wanted and none may be unwanted."""
    get, spell = DIMENSIONS[dimension].get, _SPELLINGS.get(dimension)
    yes = [v for v in values if not v.startswith("!")]
    no = [v[1:] for v in values if v.startswith("!")]
    wanted, unwanted = _matcher(yes), _matcher(no)
    if spell is not None:
        return lambda e: (not yes or any(map(wanted, spell(e)))) and not any(map(unwanted, spell(e)))
    if no:
        return lambda e: (not yes or wanted(get(e))) and not unwanted(get(e))
    return lambda e: wanted(get(e))


def _grouped(event: Event) -> str:
    ref = event.object_ref
    return f"{ref.resource}.{ref.api_group}" if ref.api_group else ref.resource


def _below(event: Event) -> str:
    below = event.object_ref.subresource
    return f"{_grouped(event)}/{below}" if below else ""


# dimension: how one value of it may be meant, where there is more than one way
_SPELLINGS: dict[str, Callable[[Event], Sequence[str]]] = {
    # `pods` means pods and whatever is below it; `deployments.apps` and `deployments.apps/scale` name the group too
    "resource": lambda e: (resource(e), e.object_ref.resource, _grouped(e), _below(e)),
    "ip": lambda e: e.source_ips,
    "agent": lambda e: (e.user_agent, e.user_agent.partition("/")[0]),
}


def _matcher(values: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is one of `values`, or fits one with `*` or `?`."""
    literals = frozenset(v for v in values if not re.search(r"[*?]", v))
    patterns = [
        re.compile(translate("?*" if v == "*" else v.replace("[", "[[]"))).match for v in values if v not in literals
    ]
    if not patterns:
        return literals.__contains__
    return lambda text: text in literals or any(match(text) for match in patterns)
