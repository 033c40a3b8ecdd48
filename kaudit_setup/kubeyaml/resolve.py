"""What a scalar is: resolve.go, and what sigs.k8s.io/yaml then makes of it in JSON."""

from __future__ import annotations

import binascii
import math
import re
from base64 import b64decode
from datetime import date
from typing import Final

from kaudit_setup.kubeyaml.events import Event
from kaudit_setup.kubeyaml.nodes import Float
from kaudit_setup.kubeyaml.reader import GoYamlError

LONG: Final = "tag:yaml.org,2002:"
_RESOLVABLE: Final = frozenset({"", *(LONG + t for t in ("str", "bool", "int", "float", "null", "timestamp"))})
_WORDS: Final[dict[str, tuple[str, bool | float | None]]] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], ("bool", True)),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], ("bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("float", math.nan)),
    **{s + w: ("float", math.inf) for s in ("", "+") for w in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("float", -math.inf)),
}
# a decimal number of more than 20 digits is none of 64 bits; Python refuses to read much longer ones
_INT: Final = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]{0,19})")
_OCTAL: Final = re.compile("0[0-7]+")
_SIGNED_BINARY: Final = re.compile("0b([+-][01]+)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT: Final = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?")
_TIME: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[+-]\d{2}:\d{2})"
    r"| (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?)?"
)


def meaning(event: Event) -> str | int | float | bool | None:
    """The value of a scalar event. Raises GoYamlError with its place if its tag does not fit."""
    if not event.tag and not event.plain:
        return event.value
    try:
        return resolve(event.tag, event.value)
    except GoYamlError as error:
        raise GoYamlError(error.message, event.mark.line, event.mark.column) from None


def resolve(tag: str, value: str) -> str | int | float | bool | None:
    """The value of a plain or tagged scalar. Floats may be infinite or NaN, which JSON then refuses."""
    if tag == LONG + "binary":
        return _binary(value)
    if tag not in _RESOLVABLE:
        return value
    if tag == LONG + "str":
        return value
    kind, resolved = _guess(tag, value)
    if tag in ("", LONG + kind):
        return resolved
    # an integer too large for int64 stays an integer, and is refused as a float
    if tag == LONG + "float" and kind == "int" and isinstance(resolved, int) and resolved < 1 << 63:
        return float(resolved)
    raise GoYamlError(f"cannot decode !!{kind} `{value}` as a !!{tag.removeprefix(LONG)}")


def _guess(tag: str, value: str) -> tuple[str, str | int | float | bool | None]:
    if value in _WORDS:
        return _WORDS[value]
    if _DOT_FLOAT.fullmatch(value):
        return _number(None, value, value)
    if value[0] not in "+-0123456789":
        return "str", value
    if tag in ("", LONG + "timestamp") and _timestamp(value):
        return "timestamp", value
    plain = value.replace("_", "")
    # what Go cannot read as a float, and what is too large for one, stays a string
    return _number(_integer(plain), plain if _FLOAT.fullmatch(plain) else "inf", value)


def _number(integer: int | None, text: str, value: str) -> tuple[str, str | int | float]:
    """The integer if there is one, else the number that the text is, else the value as a string."""
    if integer is not None:
        return "int", integer
    number = float(text)
    return ("float", number) if math.isfinite(number) else ("str", value)


def _integer(plain: str) -> int | None:
    """As strconv.ParseInt and then ParseUint read it with base 0, and `0b` before a sign."""
    if found := _INT.fullmatch(plain):
        sign, digits = found.groups()
        number = int(digits, 8 if _OCTAL.fullmatch(digits) else 0) * (-1 if sign == "-" else 1)
        return number if -(1 << 63) <= number < 1 << (63 if sign else 64) else None
    if found := _SIGNED_BINARY.fullmatch(plain):
        number = int(found[1], 2)
        return number if -(1 << 63) <= number < 1 << 63 else None
    return None


def _timestamp(value: str) -> bool:
    found = _TIME.fullmatch(value)
    if not found:
        return False
    year, month, day = (int(part) for part in found.groups()[:3])
    clock = [int(part) for part in found.groups()[3:] if part is not None]
    return all(part < limit for part, limit in zip(clock, (24, 60, 60), strict=False)) and _is_day(year, month, day)


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        # Go knows a year 0, Python does not; it was a leap year
        date(year or 4, month, day)
    except ValueError:
        return False
    return True


def _binary(value: str) -> str:
    """Base64 as encoding/base64.StdEncoding: line breaks are skipped, everything else must be exact."""
    packed = value.replace("\n", "").replace("\r", "")
    try:
        data = b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise GoYamlError("!!binary value contains invalid base64 data") from None
    return go_utf8(data)


def go_utf8(data: bytes) -> str:
    """As encoding/json reads bytes: every byte that is not UTF-8 becomes U+FFFD."""
    text = data.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", "\ufffd", text)


def to_json(value: str | int | float | bool | None) -> str | int | Float | bool | None:
    """As encoding/json writes it; the caller has refused infinities."""
    if not isinstance(value, float):
        return value
    if value == int(value) and abs(value) < 1e21:
        return Float(f"{value:.0f}")
    return Float(repr(value))
