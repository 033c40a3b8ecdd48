"""A server that is asked over HTTPS: its answer in pieces, its errors as sentences without any credentials."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kaudit_setup.errors import InputError, StoreError

_PIECE_BYTES = 1 << 20
_MOST_SAID = 2000  # bytes of an error that are read
_SECONDS = 120.0
"""Without a byte of an answer. A question that takes longer than that is one for a narrower --since."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the headers by their names in small letters, and the body as it arrives."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]

    def said(self) -> str:
        """The beginning of the body, as text of an error."""
        text = b""
        for piece in self.pieces:
            text += piece
            if len(text) > _MOST_SAID:
                break
        return text[:_MOST_SAID].decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Server:
    """`headers` go with every request, and hold the credentials; they are not shown."""

    host: str
    port: int
    tls: bool
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = _SECONDS

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.host}:{self.port}"

    @contextmanager
    def ask(self, method: str, path: str, body: bytes | None = None) -> Iterator[Answer]:
        """Send a request. Raises StoreError if the server cannot be reached, is silent, or cuts its answer short."""
        connection = self._connection()
        try:
            connection.request(method, path, body, dict(self.headers))
            response = connection.getresponse()
            yield Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, self._pieces(response))
        except TimeoutError as error:
            raise StoreError(
                f"{self.name} did not answer for {self.seconds:g} s",
                hint="narrow the question with --since and --until",
            ) from error
        except ssl.SSLError as error:
            untrusted = isinstance(error, ssl.SSLCertVerificationError)
            why = getattr(error, "verify_message", "") or error.reason
            raise StoreError(
                f"{self.name}: no secure connection: {why}",
                hint="set SSL_CERT_FILE to the file with the certificate authority"
                if untrusted
                else "is that port one for HTTPS?",
            ) from error
        except (http.client.HTTPException, OSError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise StoreError(f"{self.name} cannot be asked: {why}", hint="is its address right?") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls:
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=self.seconds, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self.host, self.port, timeout=self.seconds)

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        announced = response.length
        got = 0
        try:
            while piece := response.read1(_PIECE_BYTES):
                got += len(piece)
                yield piece
        except http.client.IncompleteRead as error:
            raise StoreError(f"{self.name}: the answer was cut short", hint="run the same command again") from error
        if announced is not None and got < announced:
            raise StoreError(f"{self.name}: the answer was cut short", hint="run the same command again")


def secret(name: str) -> str:
    """The environment variable `name`, or the first line of the file that `<name>_FILE` names; empty without both.
    Raises InputError.
    """
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"{name}_FILE: cannot read {path}: {why}", hint="name a file that holds it") from None


def header(name: str, value: str) -> dict[str, str]:
    """One header; none for an empty value. Raises InputError for a value that cannot be in one."""
    if value and not (value.isprintable() and value.isascii()):
        raise InputError(f"the value for {name} has characters that cannot be sent", hint="was it copied whole?")
    return {name: value} if value else {}
