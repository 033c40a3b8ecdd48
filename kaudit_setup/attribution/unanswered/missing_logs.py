"""What the logs at hand do not cover: gaps in time, and API servers whose log is not among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.unanswered.attempts import SHOWN, few
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.resources import counted

_APISERVER: Final = "kube-apiserver-"


def missing_time(coverage: Sequence[Coverage]) -> list[str]:
    """The gaps of each log, and the logs that hold nothing."""
    gaps = [f"The log of {log.node} has a gap from {begin} to {end}." for log in coverage for begin, end in log.gaps]
    empty = [f"The log of {log.node} holds no events." for log in coverage if log.files and not log.first]
    return [*few(gaps, f"And {counted(len(gaps) - SHOWN, 'more gap')}."), *empty]


def missing_nodes(index: EventIndex, coverage: Sequence[Coverage]) -> list[str]:
    """API servers that ran while the log was written, but whose logs are not here: each writes its own."""
    servers, known = _servers(index), {each.node for each in coverage}
    lacking = len(servers) - len(coverage)
    if lacking <= 0:
        return []
    if len(servers & known) == len(coverage):
        names = ", ".join(sorted(servers - known))
        return [f"The log of {names} is missing: an API server ran there too, and each writes its own log."]
    ran = f"an API server ran on each of {', '.join(sorted(servers))}"
    return [f"The logs of {lacking} nodes are missing: {ran}, and only {counted(len(coverage), 'log')} was searched."]


def _servers(index: EventIndex) -> set[str]:
    """The nodes on which an API server ran: a kubelet's reports and reads of its Pod show it, which a `focus` would
    leave out.
    """
    requests = index.every([b'"name":"' + _APISERVER.encode()])
    return {request.node for request in requests if _is_of_apiserver(request)}


def _is_of_apiserver(request: Request) -> bool:
    """Whether a kubelet's request is about the static Pod of its node's API server."""
    of_pod = request.resource == "pods" and request.name == f"{_APISERVER}{request.node}"
    return of_pod and bool(request.node) and request.done
