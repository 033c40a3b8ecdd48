"""An answer in one plain sentence. Nothing is escaped here: that is done where text meets a terminal."""

from __future__ import annotations

from kaudit_setup.attribution.answer import PAST, Answer, Verb
from kaudit_setup.attribution.chain import Link
from kaudit_setup.attribution.evidence.requests import Deed, meant
from kaudit_setup.attribution.user_activity import did, thing

_LONGEST_AGENT = 80


def sentence(answer: Answer) -> str:
    """The answer in one sentence, e.g. `foobar created it on 2022-04-11 22:21:15 UTC from 192.168.1.135 with kubectl
    v1.23.3, impersonated by kubernetes-admin`.
    """
    if answer.question.user:
        return _of_user(answer)
    deed, root = answer.answer, answer.root
    if deed is None and root is None:
        return answer.notes[0].rstrip(".") if answer.notes else f"Nobody in this log {_past(answer)} it"
    if root is not None and (deed is None or root.key != deed.key):
        cause = answer.links[-1]
        first = f"{_subject(root)} {did(root)} {cause.object} {_circumstances(root)}"
        if deed is None:
            return f"{first}, and {answer.object} follows from that; its own request is not in this log"
        return f"{first}, and so {_short(deed)} {_deed(answer, deed)} on {moment(deed.time)}"
    if deed is None:
        return f"Nobody in this log {_past(answer)} it"
    whole = f"{_subject(deed)} {_deed(answer, deed)} {_circumstances(deed)}"
    if answer.question.verb is Verb.touched and len(answer.events) > 1:
        own = "" if deed.by_kubernetes else " not by Kubernetes itself"
        whole = f"{len(answer.events)} requests touched it, the last{own}: {whole}"
    if root is None:
        return f"{whole}; who is behind that is not in this log"
    return whole


def steps(answer: Answer) -> list[str]:
    """What each event of the timeline did; with its object where the question was about a user."""
    if answer.question.user:
        return [_step(link) for link in answer.links]
    return [f"{did(deed)} {'it' if deed.name else thing(deed)}" for deed in answer.events]


def moment(timestamp: str) -> str:
    """`2022-04-11T22:21:15.910428Z` as `2022-04-11 22:21:15 UTC`."""
    return f"{timestamp[:19].replace('T', ' ')} UTC" if timestamp.endswith("Z") else timestamp


def client(agent: str) -> str:
    """`kubectl/v1.23.3 (linux/amd64) kubernetes/816c97a` as `kubectl v1.23.3`."""
    first = agent.partition(" (")[0].replace("/", " ", 1)
    return first if len(first) <= _LONGEST_AGENT else f"{first[:_LONGEST_AGENT]}..."


def _step(link: Link) -> str:
    return f"{link.why} {thing(link.deed) if link.deed else link.object}"


def _past(answer: Answer) -> str:
    return PAST[answer.question.verb]


def _deed(answer: Answer, deed: Deed) -> str:
    if answer.question.verb is Verb.created:
        return "created it"
    return f"{did(deed)} it" if deed.name else f"{_past(answer)} it (by a {deed.verb} of {meant(deed)})"


def _short(deed: Deed) -> str:
    return deed.controller or _subject(deed)


def _subject(deed: Deed) -> str:
    if deed.node:
        return f"the kubelet of node {deed.node}"
    return deed.user or "an unauthenticated client"


def _circumstances(deed: Deed) -> str:
    where = f" from {deed.source_ips[-1]}" if deed.source_ips else ""
    if len(deed.source_ips) > 1:
        # X-Forwarded-For is whatever the client said; only the last address is seen by the server
        where += f" (forwarded for {', '.join(deed.source_ips[:-1])}, as the client says)"
    tool = f" with {client(deed.agent)}" if deed.agent else ""
    behind = f", impersonated by {deed.impersonator}" if deed.impersonator else ""
    return f"on {moment(deed.time)}{where}{tool}{behind}"


def _of_user(answer: Answer) -> str:
    user, events = answer.question.user, answer.events
    if not events:
        return answer.notes[0].rstrip(".") if answer.notes else f"{user} did nothing of that kind"
    if len(events) == 1:
        return f"{user} {_step(answer.links[0])} on {moment(events[0].time)}"
    first, last = moment(events[0].time), moment(events[-1].time)
    span = f"on {first}" if first == last else f"between {first} and {last}"
    what = "" if answer.question.verb is Verb.touched else f", all of the kind `{answer.question.verb}`,"
    return f"{user} did {len(events)} things{what} {span}"
