"""What a logged patch touches: a JSON patch is a list of operations, any other a part of the object.

Source: AM/pkg/types/patch.go (JSON, merge and strategic merge patches, server-side apply).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kaudit_setup.attribution.evidence.api_types import Meta, Operation, read

OPERATIONS: Final = msgspec.json.Decoder(list[Operation])
"""Reads a JSON patch."""
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOT_SPEC: Final = frozenset({"apiVersion", "kind", "metadata", "status", "$setElementOrder/status"})


class Patch(msgspec.Struct, frozen=True):
    """What a patch touches.

    `spec`: whether it goes beyond metadata and status, None if unknown. `labels`: whether it names labels, None if
    unknown. `owners`: it says whose the object is from now on. `partial`: it is a part of the object. `applied`: a
    part that says all that its sender wants of the object (server-side apply).
    """

    spec: bool | None = None
    labels: bool | None = None
    owners: bool = False
    partial: bool = False
    applied: bool = False

    @property
    def tells_labels(self) -> bool:
        """Whether it shows all that it does to labels: not a JSON patch that touches them."""
        return self.partial or not self.labels


_NONE: Final = Patch()


def read_patch(verb: str, body: bytes, wanted: Meta) -> Patch:
    """What the patch `body` touches, nothing if it is none or was not logged; `wanted` is the metadata in it."""
    if verb != "patch" or not body:
        return _NONE
    operations = read(OPERATIONS, body)
    if operations is not None:
        return _operated(operations)
    labels = wanted.labels is not None or b'"labels":null' in body
    keys = read(_KEYS, body)
    if keys is None:
        return Patch(labels=labels)
    return Patch(
        spec=bool(keys.keys() - _NOT_SPEC),
        labels=labels,
        owners=wanted.owner_references is not None,
        partial=True,
        applied={"apiVersion", "kind"} <= keys.keys(),
    )


def _operated(operations: Sequence[Operation]) -> Patch:
    changed = [each.path for each in operations if each.op != "test"]
    return Patch(
        spec=not all(path.startswith(("/metadata", "/status")) for path in changed),
        labels=any(each.path.startswith("/metadata/labels") or each.path == "/metadata" for each in operations),
    )
