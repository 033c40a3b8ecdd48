"""Container logs as Docker's log driver json-file writes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat
from typing import Final

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find, finders
from kaudit_setup.auditlog.shapes.containers.parts import OTHERS, Joined, Pieces, behind_parts
from kaudit_setup.auditlog.shapes.events import REFUSED, another, fields_of
from kaudit_setup.auditlog.shapes.forms import Strings
from kaudit_setup.auditlog.shapes.lines import Lines
from kaudit_setup.auditlog.shapes.origins import whose_fields
from kaudit_setup.auditlog.shapes.reading import Reading, Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind
from kaudit_setup.auditlog.shapes.recognition.names import DOCKER

_PART_BYTES: Final = 16 << 10


class _Unlabelled(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    log: str
    stream: str = ""
    time: msgspec.Raw = msgspec.Raw()


class _Logged(_Unlabelled, gc=False, forbid_unknown_fields=True):
    attrs: msgspec.Raw = msgspec.Raw()


_UNLABELLED: Final = msgspec.json.Decoder(_Unlabelled)
_LOGGED: Final = msgspec.json.Decoder(_Logged)


def _logged(line: bytes) -> _Logged | bytes:
    try:
        return _LOGGED.decode(line)
    except REFUSED:
        return line


class Docker:
    """Docker's json-file (moby, daemon/logger/jsonfilelog/jsonlog): a text that ends without a newline goes on in the
    next line of its stream.
    """

    def __init__(self) -> None:
        self._joined = Joined()
        (self._find_whole,) = finders([b'\\n","stream"'])

    @property
    def busy(self) -> bool:
        return self._joined.busy

    def separate(self, block: Block) -> bool:
        return not self._joined.busy and len(self._find_whole(block.view)) >= block.height

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        found = Lines().cut(block, wanted)
        if wanted is None and (quick := self._quick(found)):
            return quick
        records = self._records(found.texts)
        if any(isinstance(one, _Logged) and one.attrs for one in records):
            records = [self._believed(one) for one in records]
        # where some are wanted, they are known to be whole
        if wanted is None and (self._joined.busy or not all(map(_whole, records))):
            joined = self._joined.join(enumerate(map(_docker_part, records)), len(records))
            return joined.become([text.rstrip(b"\n") for text in joined.texts])
        return found.become([one.log.rstrip("\n").encode() if isinstance(one, _Logged) else one for one in records])

    def rest(self) -> Texts:
        return self._joined.rest()

    def _quick(self, found: Texts) -> Texts | None:
        """Of a container without labels, if all lines are records."""
        try:
            records = _UNLABELLED.decode_lines(found.encoded)
        except REFUSED:
            return None
        logs = [one.log for one in records]
        if not logs or len(logs) != found.count:
            return None
        whole = found.become_form(Strings(logs))
        ended = logs[0].endswith("\n") and (whole.own or all(map(str.endswith, logs, repeat("\n"))))
        if ended and not self._joined.busy:
            return whole
        lasts = bytes(map(str.endswith, logs, repeat("\n")))
        unfinished = compress(logs, lasts.translate(OTHERS))
        if any(log.endswith("}") and _ends(log) for log in unfinished):
            return None
        names = [one.stream for one in records]
        streams = {name: bytes(map(name.__eq__, names)) for name in dict.fromkeys(names)}
        pieces = Pieces.by_stream(streams, lasts, lambda those: "".join(compress(logs, those)).encode())
        return self._joined.join_streams(pieces, found.count)

    def _records(self, texts: list[bytes]) -> list[_Logged | bytes]:
        try:
            found: list[_Logged | bytes] = [*_LOGGED.decode_lines(b"\n".join(texts))]
        except REFUSED:
            found = []
        return found if len(found) == len(texts) else [_logged(text) for text in texts]

    def _believed(self, one: _Logged | bytes) -> _Logged | bytes:
        """Without what another container wrote, where labels are logged (`--log-opt labels=…`)."""
        if isinstance(one, bytes) or not one.attrs:
            return one
        other = whose_fields({"attrs": one.attrs})
        return another(one.log.encode("utf-8", "replace"), other) if other else one


def _whole(one: _Logged | bytes) -> bool:
    return isinstance(one, bytes) or _ends(one.log)


def _ends(text: str) -> bool:
    """Whether a text does not go on: it ends its line or, from a shipper that took the newline away, is an
    object that is smaller than a part is (moby, daemon/logger/copier.go:defaultBufSize).
    """
    if text.endswith("\n"):
        return True
    like_one = len(text) < _PART_BYTES and text[:1] == "{" and text[-1:] == "}"
    # a part may end behind some brace
    return like_one and bool(fields_of(text.encode("utf-8", "replace")))


def _docker_part(one: _Logged | bytes) -> tuple[str, bytes, bool]:
    if isinstance(one, bytes):
        return "", one, True
    text = one.log.encode("utf-8", "replace")
    return one.stream, text, _ends(one.log)


def _docker_border(window: bytes) -> int:
    lines = window.split(b"\n")[:-1]
    return behind_parts([_docker_part(_logged(line)) for line in lines], map(len, lines))


DOCKER_LINES: Final = Reading(
    DOCKER, Kind.docker, Docker, depth=1, stamp=rb"\"stageTimestamp\":\"", border=_docker_border
)
