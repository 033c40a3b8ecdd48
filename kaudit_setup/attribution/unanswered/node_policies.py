"""What the audit policies that lie on the nodes keep out of their logs.

A log may have been written under another policy, so this is said beside an answer, and never instead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from kaudit_setup.attribution.answer import Answer
from kaudit_setup.attribution.chain import both
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.attribution.many_objects.answer import ManyAnswer
from kaudit_setup.attribution.many_objects.question import ManyQuestion
from kaudit_setup.values import replace

NodePolicies = Sequence[tuple[bytes, tuple[str, ...]]]
"""The text of each policy, and the names of the nodes that have it."""
_WHOLLY = " does not log this: "


def with_node_policies(answer: Answer, policies: NodePolicies) -> Answer:
    """The answer with what may be why nobody is named."""
    if answer.found or answer.question.user:
        return answer
    said = list(_said(answer.question.verb.value, answer.question.object, policies))
    partly = [one for one in said if _WHOLLY not in one]
    first, *others = answer.notes
    proviso = _proviso(said)
    if proviso:
        first = f"{first.rstrip('.')}; {proviso}."
    return replace(answer, notes=(first, *partly, *others))


def many_with_node_policies(answer: ManyAnswer, policies: NodePolicies) -> ManyAnswer:
    """The same where many objects were asked about, of kinds that are known."""
    if answer.found or answer.question.user:
        return answer
    said = (_said(answer.question.verb.value, one, policies) for one in _objects(answer.question))
    return replace(answer, proviso=both(answer.proviso, _proviso(chain.from_iterable(said))))


def _objects(question: ManyQuestion) -> Iterator[Object]:
    for kind in question.kinds:
        yield Object(kind.group or "", kind.resource, question.namespace, question.name)


def _proviso(said: Iterable[str]) -> str:
    """What is not logged at all, for a sentence that goes on."""
    wholly = dict.fromkeys(one for one in said if _WHOLLY in one)
    return "; ".join(map(_in_sentence, wholly))


def _in_sentence(sentence: str) -> str:
    return f"{sentence[0].lower()}{sentence[1:]}".rstrip(".")


def _said(verb: str, obj: Object, policies: NodePolicies) -> Iterator[str]:
    if not policies:
        return
    from kaudit_setup.attribution.unanswered.policy_gaps import unlogged
    from kaudit_setup.policy.load import load

    for content, nodes in policies:
        policy = load(content).policy
        if policy is not None:
            yield from unlogged(policy, verb, obj, f"The policy of {', '.join(nodes)}, as it is now,")
