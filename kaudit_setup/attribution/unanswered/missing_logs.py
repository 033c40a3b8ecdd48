"""What the logs at hand do not cover: gaps in time, and API servers whose log is not among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.unanswered.attempts import SHOWN, few
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.units import counted
from kaudit_setup.unlogged_servers import UnloggedServer

_APISERVER: Final = "kube-apiserver-"
SERVER_PODS: Final = b'"name":"' + _APISERVER.encode()
"""Every request on the Pod of an API server."""


def missing_time(coverage: Sequence[Coverage]) -> list[str]:
    """The gaps of each log, and the logs that hold nothing."""
    gaps = [f"The log of {node} has a gap from {begin} to {end}." for node, begin, end in _gaps(coverage)]
    empty = [f"The log of {log.node} holds no events." for log in coverage if _is_empty(log)]
    return [*few(gaps, f"And {counted(len(gaps) - SHOWN, 'more gap')}."), *empty]


def _is_empty(log: Coverage) -> bool:
    return bool(log.files) and not log.first and not log.lost


def _gaps(coverage: Sequence[Coverage]) -> Iterator[tuple[str, str, str]]:
    return ((log.node, begin, end) for log in coverage for begin, end in log.gaps)


def missing_servers(servers: frozenset[str], coverage: Sequence[Coverage]) -> list[UnloggedServer]:
    """API servers whose logs are not here: of `servers`, the nodes on which one ran while the log was written."""
    known = servers.intersection(one.node for one in coverage)
    lacking = len(servers) - len(coverage)
    if lacking <= 0:
        return []
    if len(known) == len(coverage):
        why = "its log is missing: an API server ran there too, and each writes its own log"
        return [UnloggedServer(name, why) for name in sorted(servers - known)]
    why = f"an API server ran on each of these, and only {counted(len(coverage), 'log')} was searched"
    return [UnloggedServer(f"{lacking} of {', '.join(sorted(servers))}", why)]


def is_of_apiserver(request: Request) -> bool:
    """Whether a kubelet's request (a report, a read of its own) is about the static Pod of its node's API server."""
    of_pod = request.resource == "pods" and request.name == f"{_APISERVER}{request.node}"
    return of_pod and bool(request.node) and request.done
