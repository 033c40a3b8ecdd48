"""Who else may have created an object, where several creates without a name fit it."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.creation.candidates import Candidates
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.attribution.timing import BURST

_FEW = 5  # people that a sentence names


def rivals_without_body(obj: Object, without_body: Sequence[str]) -> str:
    """That requests whose bodies are not in the log may have made the object as well; empty if there are none."""
    if not without_body:
        return ""
    others = ", ".join(without_body[:_FEW])
    return f"a request without a name by {others}, whose body is not in the log, may have made {obj} as well"


def _rivals(candidates: Candidates, makers: Sequence[Request]) -> list[Request]:
    """The requests that are as likely as the last of `makers`, with that one: those of the same moment, or all."""
    near = [request for request in makers if makers[-1].at - request.at < BURST]
    return near if len(near) == len(makers) or candidates.fresh(makers[-1]) else list(makers)


def rivals_note(candidates: Candidates, makers: Sequence[Request]) -> str:
    """What to say where other requests are as likely, and whose they are; empty if none are."""
    obj, rivals = candidates.object, _rivals(candidates, makers)
    people = list(dict.fromkeys(map(actor, rivals)))
    by = f" by {_listed(people, 'and')}" if len(people) > 1 else ""
    if makers[-1].at - rivals[0].at >= BURST:
        span = f"between {rivals[0].time} and {rivals[-1].time}"
        which = f"which of {len(rivals)} such requests{by} {span} made {obj}"
        return f"{which} is not in the log: it may be an earlier one"
    if len(rivals) < 2:
        return ""
    return f"{len(rivals)} such requests came within two seconds{by}; which of them made {obj} is not in the log"


def or_others(candidates: Candidates, makers: Sequence[Request], without_body: Sequence[str] = ()) -> str:
    """Who else than the sender of the last of `makers` may have made the object: senders of requests that are as
    likely, and the `without_body`; empty if nobody.
    """
    chosen = actor(makers[-1])
    others = [
        who for who in dict.fromkeys((*map(actor, _rivals(candidates, makers)), *without_body)) if who != chosen
    ]
    if not others:
        return ""
    return f"{candidates.object} may as well have been made by {_listed(others, 'or')}: the log does not tell which"


def _listed(people: Sequence[str], last: str) -> str:
    """The first of some people, and how many there are more; `last`: the word before the last one."""
    shown = [*people[:_FEW], *([f"{len(people) - _FEW} more"] if len(people) > _FEW else [])]
    return f" {last} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
