"""What a node's API server has answered since it started, from its own metrics: asked once a change is planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.node.cluster import prelude
from kaudit_setup.node.frames import frames
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

_SECONDS: Final = 40  # of the script: each of three credentials may take ten
_WORDS: Final = 7


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Requests of one kind. `verb` in the server's capitals (GET, LIST, WATCH, POST, CONNECT …); `subresource` is the
    path where there is no `resource`; `scope`: `resource` for one object, `namespace`, `cluster`, or empty.

    `bytes`: of all answers to them, 0 where the server does not count them.
    """

    requests: int
    bytes: int
    verb: str
    group: str
    resource: str
    subresource: str
    scope: str


@dataclass(frozen=True, slots=True)
class RequestsSeen:
    """The most frequent kinds first. `seconds`: how long the server runs; 0 where its metrics are unknown, and
    `why`.
    """

    seconds: float = 0.0
    counts: tuple[RequestCount, ...] = ()
    why: str = ""


def ask_requests(node: Node, server: Address) -> RequestsSeen:
    """Ask in one round trip. It only informs, so what fails is said in `why` and raised nowhere."""
    text = "\n".join([script("lib"), prelude(server), script("client"), script("requests")])
    try:
        return parse(list(frames(node.sh(text, timeout=_SECONDS).out)))
    except KauditError as error:
        return RequestsSeen(why=error.message)


def parse(found: Sequence[tuple[str, bytes]]) -> RequestsSeen:
    """The frames of requests.sh as values. Pure; raises NodeError if they are none of it."""
    last = {key: value.decode("utf-8", "replace") for key, value in found}
    code = last.get("code", "")
    if code != "200":
        return RequestsSeen(why=_why(code))
    try:
        # the node's clock comes in whole seconds, cut off: a server of half a second would have started later
        seconds = float(last["time"]) + 1 - float(last["start"])
        counts = tuple(_counts(last["requests"]))
    except (LookupError, ValueError, OverflowError) as error:
        raise NodeError("the metrics of the API server could not be understood") from error
    if not (counts and 0 < seconds < float("inf")):
        return RequestsSeen(why="the metrics of the API server do not tell how many requests it gets")
    return RequestsSeen(seconds, counts)


def _counts(lines: str) -> Iterator[RequestCount]:
    for line in filter(None, lines.split("\n")):
        requests, size, *words = line.split("\t")
        if len(words) != _WORDS - 2:
            raise ValueError(line)
        if int(requests) > 0:
            yield RequestCount(int(requests), max(int(size), 0), *words)


def _why(code: str) -> str:
    if code in {"401", "403"}:
        return "no credential on the node may read the metrics of the API server"
    if code == "none":
        return "the node has no client for its API server"
    return f"the API server did not answer about its metrics ({code or 'not asked'})"
