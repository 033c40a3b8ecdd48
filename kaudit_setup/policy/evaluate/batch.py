"""Many requests at once: JSON lines in, JSON lines out, as fast as one core allows.

Each decision is encoded once; what is left for a request is decoding its line and six look-ups.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.evaluate.compiled import Compiled, compile
from kaudit_setup.policy.model import Decision, Policy

_CHUNK: Final = 1 << 18
# a longer line cannot be a request; without a limit a file without line breaks would fill the memory
_MAX_LINE: Final = 1 << 24


class Request(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One line: the attributes of a request. `verb` must be there, all others have an empty default."""

    verb: str
    user: str | None = None
    groups: tuple[str, ...] | None = ()
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    is_resource: bool = True
    path: str = ""


def decision_fields(decision: Decision) -> dict[str, object]:
    """A decision as it is printed; `ruleIndex` is null where no rule matches."""
    return {
        "level": decision.level,
        "omitStages": list(decision.omit_stages),
        "ruleIndex": None if decision.rule_index < 0 else decision.rule_index,
        "omitManagedFields": decision.omit_managed_fields,
    }


def answer(policy: Policy, chunks: Iterable[bytes], version: KubeVersion = NEWEST) -> Iterator[bytes]:
    """The decision for every line of the text that `chunks` make up, in blocks of whole lines.

    Raises InputError, which names the line, on a line that is not a request. Empty lines are passed over.
    """
    compiled = compile(policy, version)
    encoded = [json.dumps(decision_fields(d), separators=(", ", ": ")).encode() for d in compiled.decisions]
    decoder = msgspec.json.Decoder(Request)
    done = 0
    for block in _whole_lines(chunks):
        try:
            requests = decoder.decode_lines(block)
        except msgspec.DecodeError:
            raise _which(block, done) from None
        done += block.count(b"\n")
        if requests:
            yield b"\n".join(_decide(compiled, encoded, requests)) + b"\n"


def _decide(compiled: Compiled, encoded: list[bytes], requests: list[Request]) -> list[bytes]:
    index = compiled.index
    return [encoded[index(request)] for request in requests]


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chain(chunks, (b"\n",)):
        text = rest + chunk
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if len(rest) > _MAX_LINE:
            raise InputError("a line of the requests is longer than 16 MiB", hint="write one JSON object a line")
        if end:
            yield text[:end]


def _which(block: bytes, done: int) -> InputError:
    """Of the first line of the block that cannot be decoded."""
    decoder = msgspec.json.Decoder(Request)
    for number, line in enumerate(block.split(b"\n"), done + 1):
        try:
            if line.strip():
                decoder.decode(line)
        except msgspec.DecodeError as error:
            return InputError(
                f"line {number} of the requests is not a request: {error}",
                hint='a line reads {"user": "alice", "groups": [], "verb": "get", "resource": "pods", …}',
            )
    return InputError("the requests are not JSON lines")
