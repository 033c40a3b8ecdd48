"""Whether a StatefulSet's Pod is one of those that the log shows to be asked for: its Pods have the numbers below its
size (pkg/controller/statefulset/stateful_set_control.go:updateStatefulSet).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child
from kaudit_setup.attribution.evidence.requests import Object, Request


def of_another_size(child: Child, owner: Object, requests: Sequence[Request]) -> str:
    """That a StatefulSet's Pod was made, or deleted, for a number of Pods that nobody in the log asked for; empty if
    it may be for the last one.
    """
    size = _size(requests)
    if owner.resource != "statefulsets" or child.timeless or size < 0 or not _unlike(child, size, requests[-1]):
        return ""
    asked = f"the last known size of {owner} is {size}"
    return f"{asked}, which does not explain {child.object}: another change of it is not in this log"


def _unlike(child: Child, size: int, last: Request) -> bool:
    """Whether a Pod was made although it is beyond `size`, or deleted for `last`, a new size, although it is not."""
    number = child.object.name.rpartition("-")[2]
    if not number.isdigit():
        return False
    within = int(number) < size
    return within and last.subresource == "scale" if child.deleted else not within


def _size(requests: Sequence[Request]) -> int:
    """How many Pods were asked for last; -1 if the bodies do not tell."""
    for request in reversed(requests):
        if request.facts.replicas >= 0 or not request.facts.body:
            return request.facts.replicas
    return -1
