"""Whether a change of a node can take Pods off it: only a taint with the effect NoExecute does.

Sources: staging/src/k8s.io/api/core/v1/types.go (Taint), pkg/controller/nodelifecycle/scheduler/taint_manager.go
(getNoExecuteTaints). Cordoning a node, `unschedulable`, keeps new Pods away and lets the others be.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kaudit_setup.attribution.evidence.api_types import Body, Operation, Spec, part, read
from kaudit_setup.attribution.evidence.patches import OPERATIONS

_EFFECT: Final = b'"NoExecute"'
_BODY: Final = msgspec.json.Decoder(Body)
_SPEC: Final = msgspec.json.Decoder(Spec)
_CHANGES: Final = frozenset({"patch", "update"})


def takes_pods_off(resource: str, verb: str, body: bytes) -> bool | None:
    """Whether the `body` of a change of a node sets such a taint; None if it is not one, or was not logged."""
    if resource != "nodes" or verb not in _CHANGES or not body:
        return None
    operations = read(OPERATIONS, body)
    if operations is None:
        return _EFFECT in bytes(part(_SPEC, part(_BODY, body).spec).taints)
    return any(map(_adds_it, operations))


def _adds_it(operation: Operation) -> bool:
    return operation.op in {"add", "replace"} and _EFFECT in bytes(operation.value)
