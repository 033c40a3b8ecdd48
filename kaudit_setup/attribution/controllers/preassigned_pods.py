"""Pods that no scheduler met: made with the name of their node, as people write it, or a kubelet does for its own.

Source: pkg/controller/controller_utils.go (Pods are made from a template, which has no node's name unless somebody
wrote it there), pkg/controller/daemon (set it itself before 1.12).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.evidence.actors import DAEMONSETS
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.owner_names import generated_from, is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.timing import PROMPT

_BINDING = b'"subresource":"binding"'


def unbound(index: EventIndex, obj: Object) -> bool:
    """Whether a Pod ran without having been bound to its node, as far as the log tells."""
    requests = [request for request in index.on(obj) if request.done]
    ran = any(request.node for request in requests) and not any(
        request.subresource == "binding" for request in requests
    )
    return obj.resource == "pods" and ran


def unclaimed(index: EventIndex, obj: Object, makers: Sequence[Request]) -> list[Request]:
    """Those of `makers`, requests without a name, that can have made a Pod that is `unbound`: no controller's that
    writes no node's name, and none by which another Pod came that was bound. None of them if the log has no bindings.
    """
    if not any(map(_may_name_a_node, makers)):
        return []
    bindings = index.sift(
        [_BINDING], lambda d: d.done and d.subresource == "binding" and d.namespace == obj.namespace
    )
    left = sorted(makers, key=lambda request: request.at)
    for binding in bindings:
        mine = [request for request in left if 0 <= binding.at - request.at < PROMPT and _fits(request, binding.name)]
        if mine:
            left.remove(mine[-1])
    return list(filter(_may_name_a_node, left)) if bindings else []


def _may_name_a_node(maker: Request) -> bool:
    return not maker.controller or maker.controller == DAEMONSETS


def _fits(maker: Request, name: str) -> bool:
    """Whether a request without a name can have made a Pod of this one."""
    prefix = maker.facts.generate_name
    return generated_from(prefix, name) if prefix else is_generated(name)
