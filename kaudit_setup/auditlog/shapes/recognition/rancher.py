"""Lines of the log of Rancher's own API, which calls most fields as kube-apiserver does and has other events."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import msgspec

from kaudit_setup.auditlog.shapes.events import REFUSED

_NAMED_USER: Final = rb'"user": ?\{"name":'


class _User(msgspec.Struct):
    name: str
    username: str | None = None


class _Line(msgspec.Struct):
    user: _User


_LINE: Final = msgspec.json.Decoder(_Line)


def of_rancher(line: bytes) -> bool:
    """Whether the user of a line has a `name`, as there (rancher/rancher, pkg/auth/audit), and no `username`.

    The same words may stand in an object that an event of kube-apiserver holds, so only its own field tells.
    """
    if not re.search(_NAMED_USER, line):
        return False
    with suppress(*REFUSED):
        return _LINE.decode(line).user.username is None
    return False
