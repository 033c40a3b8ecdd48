"""One object as the API servers of some nodes show it now: its metadata, read with the credentials that they have."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kaudit_setup.errors import KauditError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.shell import script
from kaudit_setup.runner import Runner


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server said: the HTTP status (`000`: no answer; `none`: the node has no client; empty: there is no
    server; `failed`: the node could not be asked), and the body.
    """

    node: str
    code: str
    body: bytes = b""


def read_object(node: Runner, path: str) -> Reading:
    """Read the object at an API path such as /api/v1/namespaces/shop/pods/web; nothing is changed, nothing raised.

    How long the node may be silent is the connection's own limit.
    """
    text = "\n".join(script(name) for name in ("lib", "server", "client", "object"))
    answer: list[bytes] = []
    try:
        node.sh(text, [path], sink=answer.append)
        found = dict(frames(b"".join(answer)))
    except KauditError:
        return Reading(node.name, "failed")
    return Reading(node.name, found.get("object.code", b"").decode("ascii", "replace"), found.get("object.body", b""))


def read_on_all(nodes: Sequence[Runner], path: str) -> tuple[Reading, ...]:
    """What each of `nodes` says, all asked at once, in their order."""
    with ThreadPoolExecutor(max_workers=max(1, min(8, len(nodes)))) as pool:
        return tuple(pool.map(lambda node: read_object(node, path), nodes))
