"""Other objects of the name that is asked about, as deletions tell: one before, and one that may be there now."""

from __future__ import annotations

from typing import Final

from kaudit_setup.attribution.evidence.choose import latest
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.owner_names import is_generated
from kaudit_setup.attribution.evidence.requests import Object, Request, creates, deletes
from kaudit_setup.attribution.phrases import actor


def deleted_since(index: EventIndex, obj: Object, create: Request | None) -> str:
    """That the object which `create` made was deleted, so that one which is there now is another one; empty if the
    log does not show that, or if the living object was read. A name that the server made up is used once.
    """
    if create is None or not creates(create) or not _may_be_again(index, obj):
        return ""
    end = latest(one for one in _deletions(index, obj) if one.at > create.at)
    return f"{actor(end)} deleted it at {end.time}; {_AGAIN.format(obj)}" if end is not None else ""


def _may_be_again(index: EventIndex, obj: Object) -> bool:
    return not (is_generated(obj.name) or index.living)


_AGAIN: Final = "if there is a {} now, a request that is not in this log created it again"


def deleted_before(index: EventIndex, obj: Object, end: Request | None) -> str:
    """Who deleted earlier objects of the same name than the one that `end` deleted; empty if nobody did."""
    create = latest(filter(creates, index.done(obj, end.at))) if end is not None else None
    if create is None:
        return ""
    earlier = [request for request in _deletions(index, obj) if request.at < create.at]
    who = ", ".join(f"{actor(request)} at {request.time}" for request in earlier[-5:])
    return f"an earlier {obj} was deleted by {who}" if earlier else ""


def _deletions(index: EventIndex, obj: Object) -> list[Request]:
    """The deletions of objects of a name, in order of time."""
    return [*filter(_deletes, index.done(obj))]


def _deletes(request: Request) -> bool:
    """Whether a request deletes its object; a kubelet's delete is the last of a Pod that was going already."""
    return deletes(request) and not (request.node or request.no_op)
