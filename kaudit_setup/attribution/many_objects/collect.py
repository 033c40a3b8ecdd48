"""Reading a log for a question about many objects: the newest requests, and how many there are of whom."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from kaudit_setup.attribution.answer import Verb
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.requests import Request, Source, deletes, request_of
from kaudit_setup.attribution.many_objects.question import ManyQuestion, as_meant
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.auditlog.decode import decode_leniently
from kaudit_setup.auditlog.event import EVENT
from kaudit_setup.auditlog.filters import AnyOf
from kaudit_setup.auditlog.query import Row, last_lines
from kaudit_setup.auditlog.sources.port import LogSource
from kaudit_setup.auditlog.timestamps import credible, latest_credible
from kaudit_setup.values import replace

_TRIED = 1000  # requests without effect that are kept
_MOST_USERS = 10_000  # by name; who comes later is counted together


class By(msgspec.Struct, frozen=True):
    """How much one user did: so many requests between `first` and `last` (as logged). `who` is empty for all those
    beyond the first ten thousand.
    """

    who: str
    count: int
    first: str
    last: str


class _Kept(msgspec.Struct):
    """Some requests that took effect: the newest, and how many there are of whom."""

    newest: deque[Request]
    total: int = 0
    users: dict[str, By] = msgspec.field(default_factory=dict)

    def add(self, request: Request, who: str) -> None:
        self.total += 1
        self.newest.append(request)
        key = who if who in self.users or len(self.users) < _MOST_USERS else ""
        old = self.users.get(key) or By(key, 0, request.time, "")
        self.users[key] = replace(old, count=old.count + 1, last=request.time)

    def by(self) -> tuple[By, ...]:
        return tuple(sorted(self.users.values(), key=lambda one: (-one.count, one.who)))


class Collected(msgspec.Struct, frozen=True):
    """What a log has for a question, in order of time: the `newest` of `total` requests, counted `by` user.

    `background`: the requests of Kubernetes itself that are only counted, unless there are no others. `tried`: those
    without effect, the latest. `unnamed`: how many new objects may be among those asked for: their names are not in
    the log. `untimed`: those whose times cannot be read, which are in none of these.
    """

    newest: tuple[Request, ...]
    total: int
    by: tuple[By, ...]
    background: tuple[By, ...]
    tried: tuple[Request, ...]
    unnamed: int = 0
    untimed: tuple[Request, ...] = ()


def collect(logs: LogSource, question: ManyQuestion) -> Collected:
    """What `logs` have for `question`; each request once."""
    people, kubernetes = (_Kept(deque(maxlen=question.last)) for _ in range(2))
    tried: deque[Request] = deque(maxlen=_TRIED)
    unnamed, untimed, is_timed = 0, dict[tuple[str, ...], Request](), _timed()
    for request in _requests(logs, question):
        if not is_timed(request):
            untimed[request.key] = request
        elif question.takes_name(request) is None:
            unnamed += request.done
        elif not request.done:
            tried.append(request)
        elif in_background(question.verb, request):
            kubernetes.add(request, request.user)
        else:
            people.add(request, actor(request))
    shown, counted = (people, kubernetes.by()) if people.total else (kubernetes, ())
    aside = tuple(untimed.values())
    return Collected(tuple(shown.newest), shown.total, shown.by(), counted, tuple(tried), unnamed, aside)


def by_namespace(logs: LogSource, question: ManyQuestion) -> Counter[str]:
    """How many requests there are for the same question in other namespaces, by namespace."""
    wide = replace(question, namespace="")
    found = (request for request in _requests(logs, wide) if question.takes_name(request))
    done = (request for request in filter(_timed(), found) if request.done and request.namespace)
    return Counter(one.namespace for one in done if not in_background(question.verb, one))


def in_background(verb: Verb, request: Request) -> bool:
    """Whether a request is only counted: what Kubernetes itself reads and changes all the time, and a kubelet's last
    delete of a Pod that somebody deleted before.

    An autoscaler does what somebody set it to, and of creations and deletions the rules tell who is behind them.
    """
    if verb is Verb.deleted:
        return bool(request.node) and deletes(request)
    if verb is Verb.created:
        return False
    return request.by_kubernetes and request.controller != AUTOSCALER


def _requests(logs: LogSource, question: ManyQuestion) -> Iterator[Request]:
    """The requests of the kind, place and time asked for, in order of time, each once."""
    filters = question.filters()
    for request in _of_rows(last_lines(logs, AnyOf(filters)) if filters else ()):
        meant = as_meant(request)
        if question.takes(meant) and question.takes_name(meant) is not False:
            yield meant


def _timed() -> Callable[[Request], bool]:
    """Whether the time of a request can be true, as far as it is known now."""
    latest = latest_credible(datetime.now(UTC))
    return lambda request: credible(request.time, latest)


def _of_rows(rows: Iterable[Row]) -> Iterator[Request]:
    for row in rows:
        event, _ = decode_leniently(EVENT, row.body)
        if event is not None:
            yield request_of(event, Source(row.place.node, row.place.file, row.place.line))
