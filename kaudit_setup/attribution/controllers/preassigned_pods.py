"""Pods that no scheduler met: somebody, or a kubelet for its own, created them with the name of their node in them.

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


def never_bound(index: EventIndex, obj: Object) -> bool:
    """Whether a Pod ran without having been bound to its node, as far as the log tells."""
    requests = index.done(obj)
    bound = any(request.subresource == "binding" for request in requests)
    return obj.resource == "pods" and not bound and any(request.node for request in requests)


def preassigned_by(index: EventIndex, obj: Object, makers: Sequence[Request]) -> list[Request]:
    """Those of `makers`, creates without a name, that can have made a Pod that was `never_bound`.

    Not those of a controller that writes no node's name, and none by which another Pod came that was bound. None at
    all if the log has no bindings.
    """
    if not any(map(_may_name_a_node, makers)):
        return []
    bindings = index.sift(
        [_BINDING], lambda r: r.done and r.subresource == "binding" and r.namespace == obj.namespace
    )
    left = sorted(makers, key=lambda request: request.at)
    for binding in bindings:
        bound = [maker for maker in left if 0 <= binding.at - maker.at < PROMPT and _fits(maker, binding.name)]
        if bound:
            left.remove(bound[-1])
    return list(filter(_may_name_a_node, left)) if bindings else []


def _may_name_a_node(maker: Request) -> bool:
    return not maker.controller or maker.controller == DAEMONSETS


def _fits(maker: Request, name: str) -> bool:
    """Whether a request without a name can have made a Pod of this one."""
    prefix = maker.facts.generate_name
    return generated_from(prefix, name) if prefix else is_generated(name)
