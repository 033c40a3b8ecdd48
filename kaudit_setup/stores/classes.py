"""`estimate` of a store: what policies can tell apart is counted where the lines are, and only the classes travel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kaudit_setup.auditlog.event import Event, ObjectReference, UserInfo
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.stores import sql, tsv

_OTHER = "\x01"  # of what no policy names; no name of Kubernetes
_BETWEEN = "\x02"
_SENDER = "if(impersonator = '', user, impersonator)"
_KEYS = 12
_SUMS = ("count()", "sum(size)", "sum(request)", "sum(response)")


def query(table: str, classifier: Classifier, where: str) -> str:
    """The classes of the lines that fit `where`, each at least once, and what they weigh."""
    literals = classifier.literals
    keys = [
        _one_of(_SENDER, literals.users),
        f"arrayStringConcat(arrayFilter(one -> {_among('one', literals.groups)}, groups), {sql.literal(_BETWEEN)})",
        "empty(groups)",
        "verb",
        "api_group",
        "resource",
        "subresource",
        _one_of("namespace", literals.namespaces),
        _one_of("name", literals.names),
        "if(resource = '', path, '')",
        "level",
        "stage",
    ]
    names = [f"c{at}" for at in range(_KEYS)]
    asked = [f"{key} AS {name}" for key, name in zip(keys, names, strict=True)]
    return sql.select([*asked, *_SUMS], table, where, f"GROUP BY {', '.join(names)}")


def _one_of(column: str, known: Sequence[str]) -> str:
    """The column where it has one of these values, or none."""
    return f"if({_among(column, ('', *known))}, {column}, {sql.literal(_OTHER)})"


def _among(column: str, known: Sequence[str]) -> str:
    return f"has([{', '.join(map(sql.literal, known))}], {column})" if known else sql.NONE


def rows(pieces: Iterable[bytes], classifier: Classifier) -> Iterator[tuple[RequestClass, Weight]]:
    """The answer to `query`; a class may come more than once. Raises StoreError."""
    class_of = classifier.classify()
    for row in tsv.rows(pieces, _KEYS + len(_SUMS)):
        user, groups, nobody, verb, api_group, resource, subresource, namespace, name, path, level, stage = (
            field.decode("utf-8", "replace") for field in row[:_KEYS]
        )
        event = Event(
            stage,
            level=level,
            verb=verb,
            request_uri=path,
            user=UserInfo(user, () if nobody == "1" else (_OTHER, *filter(None, groups.split(_BETWEEN)))),
            object_ref=ObjectReference(resource, namespace, name, api_group, subresource),
        )
        yield RequestClass._make(class_of(event)), Weight(*map(int, row[_KEYS:]))
