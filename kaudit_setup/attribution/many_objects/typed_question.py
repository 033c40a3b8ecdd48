"""What a user typed, as a question: about one object, about one user, or about many objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec

from kaudit_setup.attribution.answer import Question, Verb
from kaudit_setup.attribution.many_objects.kinds import is_one_kind, is_word_for_kinds, parse_kinds
from kaudit_setup.attribution.many_objects.question import ManyQuestion
from kaudit_setup.auditlog.filters import is_pattern
from kaudit_setup.auditlog.kinds import Kind
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError

_LISTED = 20


class Target(msgspec.Struct, frozen=True):
    """A kind, or a word for several, and a name or a pattern; both may be empty."""

    kind: str = ""
    name: str = ""

    @classmethod
    def of(cls, typed: str, apart: str) -> Self:
        """From KIND, KIND/NAME, or KIND with the name `apart`. Raises InputError."""
        kind, slash, name = typed.partition("/")
        if slash and not name:
            raise InputError(f"{typed!r} has no name", hint="KIND alone means all of them")
        if slash and not kind:
            raise InputError(f"{typed!r} has no kind", hint="write KIND/NAME, for example pod/x")
        if (name and apart) or "/" in name + apart:
            raise InputError(
                f"{typed!r} already has a name", hint="write KIND/NAME or KIND NAME, one object at a time"
            )
        return cls(kind, name or apart)

    @property
    def of_pod(self) -> Target:
        """The same, where a single word that is not a kind names a Pod, as `kubectl exec` takes it."""
        alone = self.kind and not self.name
        return Target("pod", self.kind) if alone and not is_word_for_kinds(self.kind) else self

    @property
    def one(self) -> bool:
        """Whether it is one object at most, in one namespace."""
        return is_one_kind(self.kind) and not is_pattern(self.name)


class Scope(msgspec.Struct, frozen=True):
    """The namespace that was given, if any, or that all are meant."""

    namespace: str | None = None
    everywhere: bool = False

    def space(self, default: str) -> str:
        """The namespace asked about, `default` if none was given; empty for all. Raises InputError for both."""
        if self.everywhere and self.namespace:
            raise InputError("-A excludes -n", hint="name one namespace, or take all of them")
        if self.everywhere:
            return ""
        return default if self.namespace is None else self.namespace

    @property
    def given(self) -> bool:
        """Whether anything was said about it."""
        return self.everywhere or bool(self.namespace)


class Typed(msgspec.Struct, frozen=True):
    """A question as it was typed. `last`: how many requests to list, None if that was not said."""

    verb: Verb
    target: Target = Target()
    scope: Scope = Scope()
    user: str = ""
    window: Window = ALWAYS
    last: int | None = None

    def question(self) -> Question | ManyQuestion:
        """The question. Raises InputError where there is none in it."""
        target = self.target.of_pod if self.verb is Verb.exec else self.target
        kinds = parse_kinds(target.kind, target.name or self.user) if target.kind else ()
        return self._of_one(target, kinds) if self._is_of_one(target) else self._of_many(target, kinds)

    def _is_of_one(self, target: Target) -> bool:
        """Whether it is about one object, or about all of one user."""
        return target.one and not self.scope.everywhere and bool(self.user or target.name)

    def _of_one(self, target: Target, kinds: Sequence[Kind]) -> Question:
        space = self.scope.space("" if self.user else "default")
        return Question(self.verb, next(iter(kinds), None), space, target.name, self.user, self.window)

    def _of_many(self, target: Target, kinds: tuple[Kind, ...]) -> ManyQuestion:
        self._check_aimed(kinds)
        # a word for several kinds also means those that are in no namespace
        default = "default" if all(kind.namespaced for kind in kinds) and not self.user else ""
        space, last = self.scope.space(default), self.last or _LISTED
        return ManyQuestion(self.verb, kinds, target.kind, space, target.name, self.window, last, self.user)

    def _check_aimed(self, kinds: Sequence[Kind]) -> None:
        """Raises InputError for a question about everything that was not meant so."""
        if not kinds and self.verb is not Verb.exec and not self.scope.given:
            raise InputError(
                "missing object",
                hint="e.g. who created pod/NAME, who deleted pods -n shop; -A alone for all kinds; or --user USER",
            )
