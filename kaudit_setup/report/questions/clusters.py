"""The answers to one question: of one cluster, or of several, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import UNSET, UnsetType

from kaudit_setup.attribution.answer import Answer
from kaudit_setup.report.documents.document import Envelope, Fault, document
from kaudit_setup.report.escape import safe
from kaudit_setup.report.questions import who

if TYPE_CHECKING:
    from kaudit_setup.attribution.many_objects.answer import ManyAnswer
    from kaudit_setup.report.questions.answered import WhoAnswer
    from kaudit_setup.report.questions.many import WhoRequests

Answered: TypeAlias = "tuple[str, Answer | ManyAnswer]"
"""The name of a cluster, empty where there is only one that nobody named, and its answer."""


def as_text(answers: Sequence[Answered], *, secrets: bool = False) -> str:
    """The texts, each below the name of its cluster; one alone is as it is."""
    texts = [_text(answer, secrets) for _, answer in answers]
    if len(texts) == 1:
        return texts[0]
    names = (safe(name or "(unnamed)") for name, _ in answers)
    # documents of YAML, which kubectl takes as they are, or text
    mark, between = ("# ", "\n---\n") if any(_is_yaml(answer) for _, answer in answers) else ("", "\n\n")
    return between.join(f"{mark}Cluster {name}\n{text}" for name, text in zip(names, texts, strict=True))


def _is_yaml(answer: Answer | ManyAnswer) -> bool:
    return isinstance(answer, Answer) and answer.last_known is not None


def as_document(answers: Sequence[Answered], errors: Sequence[Fault], *, secrets: bool = False) -> Envelope[Any]:
    """One item for each cluster, with its name if there are several, or if it has one."""
    items = [_item(answer, secrets, _known(name, several=len(answers) > 1)) for name, answer in answers]
    return document(type(items[0]), items, errors)


def _known(name: str, *, several: bool) -> str | UnsetType:
    return name if name or several else UNSET


def _item(answer: Answer | ManyAnswer, secrets: bool, cluster: str | UnsetType) -> WhoAnswer | WhoRequests:
    if isinstance(answer, Answer):
        from kaudit_setup.report.questions import answered

        return answered.as_item(answer, secrets=secrets, cluster=cluster)
    from kaudit_setup.report.questions import many

    return many.as_item(answer, secrets=secrets, cluster=cluster)


def _text(answer: Answer | ManyAnswer, secrets: bool) -> str:
    if isinstance(answer, Answer):
        return who.as_text(answer, secrets=secrets)
    from kaudit_setup.report.questions import many

    return many.as_text(answer, secrets=secrets)
