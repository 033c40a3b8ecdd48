"""What was run in a container, or connected to, as text and as values; secrets are masked unless asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.evidence.sessions import Session, SessionKind, session_of
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.questions.masking import MASK, mask_text, mask_words

_LONGEST = 2000  # characters of a command on a terminal
_UNQUOTED = r"(?a)[\w@%+=:,./-]+"
_INSIDE = "ports are named inside the connection, not in the log"


def describe(session: Session, *, secrets: bool) -> str:
    """`psql -c 'select 1' (container db, terminal, stdin)`; not yet escaped."""
    how = ", ".join(_circumstances(session))
    return f"{_subject(session, secrets)}{f' ({how})' if how else ''}"


class ConnectedSession(Item, frozen=True, kw_only=True):
    """What was run in a container, or connected to; `masked` says whether something was replaced."""

    kind: SessionKind
    command: tuple[str, ...]
    container: str | None
    tty: bool
    stdin: bool
    ports: tuple[str, ...]
    path: str | None
    masked: bool


def as_item(session: Session, *, secrets: bool) -> ConnectedSession:
    """The session for programs."""
    words = session.command if secrets else tuple(mask_words(session.command))
    path = session.path if secrets else mask_text(session.path)
    return ConnectedSession(
        kind=session.kind,
        command=words,
        container=session.container or None,
        tty=session.tty,
        stdin=session.stdin,
        ports=session.ports,
        path=path or None,
        masked=(words, path) != (session.command, session.path),
    )


def masked_note(requests: Iterable[Request]) -> list[str]:
    """What is said where something in `requests` is masked."""
    sessions = (session for request in requests if (session := session_of(request)) is not None)
    if not any(as_item(session, secrets=False).masked for session in sessions):
        return []
    return [f"what looks like a secret is shown as {MASK}; --show-secrets shows it"]


def _subject(session: Session, secrets: bool) -> str:
    if session.kind == "proxy":
        return _cut(session.path if secrets else mask_text(session.path))
    if session.kind == "portforward":
        return f"port {', '.join(session.ports)}" if session.ports else _INSIDE
    if session.kind == "attach":
        return "attached to its process"
    words = session.command if secrets else mask_words(session.command)
    return _cut(" ".join(map(_quoted, words))) or "no command in the log"


def _circumstances(session: Session) -> Iterator[str]:
    if session.container:
        yield f"container {session.container}"
    if session.tty:
        yield "terminal"
    if session.stdin:
        yield "stdin"


def _quoted(word: str) -> str:
    """`word` as a POSIX shell takes it; a mask needs no quotes."""
    if re.fullmatch(_UNQUOTED, word.replace(MASK, "")) or word == MASK:
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
