"""Whether creates without a name are missing from the log, as the objects tell that came from them."""

from __future__ import annotations

from kaudit_setup.attribution.creation.candidates import Candidates, creates_without_name
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import begins
from kaudit_setup.attribution.evidence.owner_names import generated_from, of_deployment
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.values import replace


def lacking_requests(candidates: Candidates, chosen: Request) -> str:
    """That more objects were met whose names begin as `chosen` asked than requests for such names are in the log: one
    of those is missing, and may be the object's. Empty if they are enough.
    """
    # the server adds five characters (AS/pkg/storage/names/generate.go)
    prefix = chosen.facts.generate_name or candidates.object.name[:-5]
    makers = candidates.makers if candidates.object.resource == "pods" else _all_makers(candidates)
    asked = sum(one.facts.generate_name in {prefix, ""} for one in makers)
    if len(_met_like(candidates, prefix)) <= asked:
        return ""
    return f"{candidates.object} may as well have been made by a request that is not in this log, which lacks some"


def _all_makers(candidates: Candidates) -> list[Request]:
    """The creates without a name in the whole log."""
    return creates_without_name(candidates.index, candidates.object)


def _met_like(candidates: Candidates, prefix: str) -> set[Object]:
    """The object, and the others whose names begin so and that the log shows by then (of Pods: that the scheduler
    met); without those whose own creates name them.
    """
    index, until = candidates.index, candidates.latest + candidates.index.tolerance
    like = replace(candidates.object, name=prefix)
    if candidates.object.resource != "pods":  # these are met at any time after they were made
        until = float("inf")
    if not of_deployment(candidates.object):
        index.look_up(begins(like))
    generated = (one for one in index.starting(like) if generated_from(prefix, one.name))
    return {candidates.object, *(one for one in generated if _met_without_create(index, one, until))}


def _met_without_create(index: EventIndex, obj: Object, until: float) -> bool:
    requests = index.done(obj, until)
    met = obj.resource != "pods" or any(one.subresource == "binding" for one in requests)
    return bool(requests) and met and not any(map(creates, requests))
