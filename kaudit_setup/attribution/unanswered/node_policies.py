"""What the audit policies that lie on the nodes keep out of their logs.

A log may have been written under another policy, so this is said beside an answer, and never instead of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaudit_setup.attribution.answer import Answer
from kaudit_setup.attribution.chain import both
from kaudit_setup.attribution.deeds.answer import ManyAnswer
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.values import replace

NodePolicies = Sequence[tuple[bytes, tuple[str, ...]]]
"""The text of each policy, and the names of the nodes that have it."""
_WHOLLY = " does not log this: "


def with_node_policies(answer: Answer, policies: NodePolicies) -> Answer:
    """The answer with what may be why nobody is named."""
    if answer.found or answer.question.user or not answer.notes:
        return answer
    said = list(_said(answer.question.verb.value, answer.question.object, policies))
    wholly = [one for one in said if _WHOLLY in one]
    first, *others = answer.notes
    if wholly:
        first = f"{first.rstrip('.')}; {_proviso(wholly)}."
    return replace(answer, notes=(first, *(one for one in said if one not in wholly), *others))


def many_with_node_policies(answer: ManyAnswer, policies: NodePolicies) -> ManyAnswer:
    """The same where many objects were asked about, of kinds that are known."""
    question = answer.question
    if answer.found or question.user:
        return answer
    where = (question.namespace, question.name)
    objects = [Object(kind.group or "", kind.resource, *where) for kind in question.kinds]
    said = [list(_said(question.verb.value, one, policies)) for one in objects]
    wholly = dict.fromkeys(sentence for some in said for sentence in some if _WHOLLY in sentence)
    return replace(answer, proviso=both(answer.proviso, _proviso(list(wholly))))


def _proviso(sentences: Sequence[str]) -> str:
    return "; ".join(f"{one[0].lower()}{one[1:]}" for one in sentences).rstrip(".")


def _said(verb: str, obj: Object, policies: NodePolicies) -> Iterator[str]:
    if not policies:
        return
    from kaudit_setup.attribution.unanswered.policy_gaps import unlogged
    from kaudit_setup.policy.load import load

    for content, nodes in policies:
        policy = load(content).policy
        if policy is not None:
            yield from unlogged(policy, verb, obj, f"The policy of {', '.join(nodes)}, as it is now,")
