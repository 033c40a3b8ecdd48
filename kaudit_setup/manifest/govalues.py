"""Numbers, booleans and durations as Go's standard library reads them, since kube-apiserver's flags go through it."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_INT = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]((?:_?[0-7])+)|0((?:_?[0-7])*)|([1-9](?:_?[0-9])*))"
)
_BASES = (16, 2, 8, 8, 10)
_DIGITS = r"[0-9](?:_?[0-9])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEX = re.compile(r"[+-]?0[xX](?=_?[0-9a-fA-F]|\.[0-9a-fA-F])[0-9a-fA-F_]*\.?[0-9a-fA-F]*[pP][+-]?" + _DIGITS)
_DURATION = re.compile(r"(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_DURATIONS = re.compile(rf"(?:{_DURATION.pattern})+")
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_MISPLACED = re.compile(r"__|_[pP.]|\._")
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_MAX = 2**63 - 1
_MOST_DIGITS = 100  # 64 of them are enough in any base; Python itself refuses thousands
# the smallest number that rounds to infinity in 32 bits: the largest float32 and half a step
_FLOAT32_END = 2**128 - 2**103


def parse_int(text: str) -> int:
    """As strconv.ParseInt(text, 0, 64): prefixes 0x, 0b, 0o and a leading 0 for octal, `_` between digits.

    Raises ValueError.
    """
    found = _INT.fullmatch(text)
    if not found:
        raise ValueError("it is not a whole number")
    kind = (found.lastindex or 2) - 2
    digits = found.group(kind + 2).replace("_", "")
    if len(digits) > _MOST_DIGITS:
        raise ValueError("it does not fit into 64 bits")
    value = int(f"{found[1]}{digits or 0}", _BASES[kind])
    if not -_MAX - 1 <= value <= _MAX:
        raise ValueError("it does not fit into 64 bits")
    return value


def parse_bool(text: str) -> bool:
    """As strconv.ParseBool: 1, t, T, true, TRUE, True and their opposites. Raises ValueError."""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("it is neither true nor false")


def parse_float32(text: str) -> float:
    """As strconv.ParseFloat(text, 32): decimal, hexadecimal with p, inf, nan. Raises ValueError."""
    if _SPECIAL.fullmatch(text):
        return float(text)
    bare = text.replace("_", "")
    if _DECIMAL.fullmatch(text):
        return _fitting(float(bare), Decimal(bare).copy_abs())
    if _HEX.fullmatch(text) and not _MISPLACED.search(text):
        return _fitting(_from_hex(bare))
    raise ValueError("it is not a number")


def _from_hex(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return math.inf


def _fitting(value: float, exact: Decimal | float = math.inf) -> float:
    """`value` if a float32 can hold it. A float64 is too coarse to tell the last number that fits: `exact` (without
    its sign) tells.
    """
    if abs(value) < _FLOAT32_END or (math.isfinite(value) and exact < _FLOAT32_END):
        return value
    raise ValueError("it does not fit into 32 bits")


def parse_duration(text: str) -> float:
    """As time.ParseDuration: `1h30m`, `1.5s`, `-2ms`, `0`; in seconds. Raises ValueError."""
    negative = text.startswith("-")
    body = text[1:] if text[:1] in {"+", "-"} else text
    if body == "0":
        return 0.0
    parts = list(_DURATION.finditer(body)) if _DURATIONS.fullmatch(body) else []
    total = sum(int(Decimal(f"{part[1] or 0}.{part[2] or 0}") * _UNITS[part[3]]) for part in parts)
    if not parts or total > _MAX + negative:
        raise ValueError("it is not a duration such as 30s, 1m30s or 500ms")
    return (-total if negative else total) / 10**9
