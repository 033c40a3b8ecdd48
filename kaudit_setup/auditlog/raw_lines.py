"""Lines judged by their bytes, before anything is decoded: whole or damaged, who wrote them, and when."""

from __future__ import annotations

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.decode import decode_leniently, project
from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.timestamps import Window

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
    """Count the lines of `block` and those that cannot be events by their bytes."""
    if block.blank:
        tally.lines += block.file_lines(len(block.sizes()))
        return
    data, size = block.data, block.size
    find, begins = data.find, data.startswith
    holes = find(b"\0", 0, size) >= 0
    start = count = others = 0
    first = tally.lines + 1 if block.counted else 0
    while start < size:
        end = find(b"\n", start, size)
        if holes or data[end - 1] != 0x7D or not begins(OWN_ORDER, start):
            others += _inspect(bytes(data[start:end]), first and first + block.origin(count), tally)
        count += 1
        start = end + 1
    tally.events += count - others
    tally.lines += block.file_lines(count)


def inspect_first(block: Block, tally: Tally) -> None:
    """The same of the first line of `block` only, whose number is not known."""
    line = bytes(block.data[: block.data.find(b"\n", 0, block.size)])
    tally.events += not _inspect(line, 0, tally)


def _inspect(line: bytes, number: int, tally: Tally) -> bool:
    """Count the damage of a line; whether it is not an event, or blank."""
    what = not_an_event(line)
    if not what:
        return not line.strip()
    bare = line.strip(PADDING + b" \t")
    unread = bare if not_an_event(bare) else b""
    tally.damage(number, what, unread)
    return not bare or bool(unread)


def not_an_event(line: bytes) -> str:
    """Why `line` cannot be an event: misshapen, or an object without a stage; empty if it may be one, or is blank."""
    what = misshapen(line)
    if what or line.startswith(OWN_ORDER):
        return what
    # what can be repaired is an event; the stage of one that a record holds under a key of its own does not count
    event, why = decode_leniently(project((), with_id=False), line)
    return why if event is None else ""


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
