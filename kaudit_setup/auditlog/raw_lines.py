"""Lines judged by their bytes, before anything is decoded: whole or damaged, who wrote them, and when."""

from __future__ import annotations

from kaudit_setup.auditlog.reader import Block
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.timestamps import Window

OWN_ORDER = b'{"kind":"Event","apiVersion":"audit.k8s.io/'
"""How kube-apiserver begins every line (audit/v1 types.go: the order of fields). What a log shipper rewrote, with
sorted keys, spaces or fields of its own, begins differently."""
_SLASHED = b'"requestURI":"\\/'
"""In a line of some shippers; Go escapes no slash."""
REWRITTEN = "its lines are not in kube-apiserver's format (rewritten by a log shipper?): searched by names only"
PADDING = b"\0\r\xef\xbb\xbf"
"""What may surround a line without belonging to it: NUL bytes, a Windows line end, a byte order mark."""

_STAMP = b'"stageTimestamp"'
_RECEIVED = b'"requestReceivedTimestamp"'


def in_own_order(block: Block) -> bool:
    """Whether the first and the last line of a block are as kube-apiserver writes them; a line that is not a JSON
    object is skipped: damage says nothing about who wrote the rest.
    """
    data, size = block.data, block.size
    first = 0 if data.startswith(b"{") else data.find(b"\n{", 0, size) + 1
    last = data.rfind(b"\n{", 0, size) + 1
    return all(
        data.startswith(OWN_ORDER, at) and data.find(_SLASHED, at, data.find(b"\n", at, size)) < 0
        for at in (first, last)
        if data.startswith(b"{", at)
    )


def inspect(block: Block, tally: Tally) -> None:
    """Count the lines of `block` and those that cannot be events by their first and last byte, or for a NUL."""
    data, size = block.data, block.size
    find = data.find
    holes = find(b"\0", 0, size) >= 0
    start, count = 0, tally.lines
    while start < size:
        end = find(b"\n", start, size)
        count += 1
        if data[start] != 0x7B or data[end - 1] != 0x7D or holes:
            what = misshapen(bytes(data[start:end]))
            if what:
                tally.damage(count, what)
        start = end + 1
    tally.lines = count


def misshapen(line: bytes) -> str:
    """Why `line` (without its newline) cannot be a whole event; empty if it may be one, or is blank."""
    bare = line.strip(b" \t\r\xef\xbb\xbf")
    if b"\0" in bare:
        return "NUL bytes"
    if not bare or (bare.startswith(b"{") and bare.endswith(b"}")):
        return ""
    return "not a JSON object" if not bare.startswith(b"{") else "a line cut short"


def inside(text: bytes, window: Window) -> bool:
    """Whether a request was received or answered in `window`; a line without a timestamp is kept."""
    stamps = [_text_after(text, key) for key in (_STAMP, _RECEIVED)]
    return not any(stamps) or any(window.holds(stamp) for stamp in stamps if stamp)


def _text_after(text: bytes, key: bytes) -> str:
    at = text.rfind(key)
    begin = text.find(b'"', at + len(key)) + 1
    return text[begin : text.find(b'"', begin)].decode("ascii", "replace") if at >= 0 and begin else ""
