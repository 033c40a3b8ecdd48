"""The document that every command answers programs with: one envelope, the same for all of them.

`apiVersion` changes when a key goes away or changes its meaning; new keys may come at any time. What the items are is
said by `kind`, which is the name of their type; `report/documents/kinds.py` lists all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec

from kaudit_setup.errors import KauditError

API_VERSION: Final = "kaudit-setup/v1"

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339."""
Bytes = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Words = Annotated[
    str, msgspec.Meta(description="For people: its words may change with any version. Programs take other keys.")
]
"""A sentence, or a part of one; what a program may branch on has a key of its own, with a closed list of values."""
Json = dict[str, Any]
"""An object of somebody else's, such as an event of the audit log."""


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every kind of item is made from: its fields are the keys, in camelCase."""


class Fault(Item, frozen=True, kw_only=True):
    """Something that failed. `code` is stable, `message` is for people; `host`: the node that it is about, if any."""

    code: str
    message: Words
    hint: Words = ""
    details: tuple[Words, ...] = ()
    exit_code: int
    host: str | None = None


class Warning(Item, frozen=True, kw_only=True):
    """What a person should know beside the answer; `code` is stable, `host` the node that it is about, if any."""

    code: str = "note"
    message: Words
    host: str | None = None


T = TypeVar("T", bound=msgspec.Struct)


class Envelope(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """The answer of one command. It has no other keys."""

    api_version: Literal["kaudit-setup/v1"] = API_VERSION
    kind: str
    items: tuple[T, ...]
    errors: tuple[Fault, ...] = ()
    warnings: tuple[Warning, ...] = ()


class Error(Item, frozen=True, kw_only=True):
    """The kind of an answer that has errors only: the command failed before it knew anything."""


def document(
    kind: type[T], items: Iterable[T], errors: Sequence[Fault] = (), warnings: Sequence[Warning] = ()
) -> Envelope[T]:
    """The envelope around items of one kind."""
    return Envelope(kind=kind.__name__, items=tuple(items), errors=tuple(errors), warnings=tuple(warnings))


def failed(error: KauditError) -> Envelope[Error]:
    """The envelope of a command that could not answer."""
    return document(Error, (), [fault(error)])


def fault(error: KauditError, host: str | None = None) -> Fault:
    """An error as data. Its code is the name of its class: `hostKey` for HostKeyError."""
    name = type(error).__name__.removesuffix("Error")
    return Fault(
        code="failed" if name == "Kaudit" else name[:1].lower() + name[1:],
        message=error.message,
        hint=error.hint,
        details=tuple(error.details.splitlines()),
        exit_code=int(error.exit_code),
        host=host,
    )


def lost(sentences: Iterable[str]) -> tuple[Fault, ...]:
    """Nodes whose part of an answer is missing, each in a sentence."""
    return tuple(Fault(code="node", message=said, exit_code=1) for said in sentences)


def warned(sentences: Iterable[str], *, code: str = "note", host: str | None = None) -> tuple[Warning, ...]:
    """Sentences as warnings."""
    return tuple(Warning(code=code, message=said, host=host) for said in sentences)
