"""What a connection into a Pod, a Service or a node was for, as its requestURI says at every level of logging.

Source: staging/src/k8s.io/api/core/v1/types.go (PodExecOptions, PodAttachOptions, PodPortForwardOptions: query
parameters); pkg/kubelet/server/server.go (paths and parameters of the kubelet itself, through a node's proxy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from kaudit_setup.attribution.evidence.requests import Request

SessionKind: TypeAlias = Literal["exec", "attach", "portforward", "proxy"]
_KINDS: dict[str, SessionKind] = {kind: kind for kind in get_args(SessionKind)}
_TRUE = frozenset({"1", "true", "t"})


class Session(msgspec.Struct, frozen=True):
    """What was asked for: the `command` word by word, the `container` (empty: the default one), the `ports`, or the
    `path` behind a proxy. `tty` and `stdin`: whether a terminal, or input, was connected.

    A port-forward that kubectl makes (SPDY, or a websocket since 1.30) names its ports inside the connection, not in
    the URI.
    """

    kind: SessionKind
    command: tuple[str, ...] = ()
    container: str = ""
    tty: bool = False
    stdin: bool = False
    ports: tuple[str, ...] = ()
    path: str = ""


def session_of(request: Request) -> Session | None:
    """What a request for a connection asked for; None for any other request."""
    kind = _KINDS.get(request.subresource)
    if kind is None:
        return None
    try:
        parts = urlsplit(request.uri)
    except ValueError:  # an address in brackets that is none
        return Session(kind)
    asked = _parameters(parts.query)
    behind = parts.path.partition("/proxy/")[2]
    if kind == "proxy":
        return Session("proxy", path=f"/{unquote(behind)}{'?' if parts.query else ''}{parts.query}")
    container = next(iter(asked.get("container", ())), "") or _kubelet_container(behind)
    return Session(
        kind,
        command=tuple(asked.get("command", ()) or _words(asked.get("cmd", ()))),
        container=container,
        tty=_is_on(asked, "tty"),
        stdin=_is_on(asked, "stdin") or _is_on(asked, "input"),
        ports=tuple(port for each in (*asked.get("ports", ()), *asked.get("port", ())) for port in each.split(",")),
    )


def _parameters(query: str) -> dict[str, list[str]]:
    """The values of each parameter, in their order; an argument may be empty."""
    found: dict[str, list[str]] = {}
    for key, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        found.setdefault(key, []).append(value)
    return found


def _words(commands: Sequence[str]) -> list[str]:
    """The words of the kubelet's `run?cmd=`, which splits at spaces."""
    return [word for command in commands for word in command.split(" ")]


def _kubelet_container(behind: str) -> str:
    """The container in a kubelet's own path: `exec/<namespace>/<pod>[/<uid>]/<container>`."""
    parts = behind.split("/")
    return unquote(parts[-1]) if len(parts) in {4, 5} else ""


def _is_on(asked: Mapping[str, Sequence[str]], name: str) -> bool:
    return any(value.lower() in _TRUE for value in asked.get(name, ()))
