"""Where a store is, as people write it after --log and --to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

import msgspec

from kaudit_setup.errors import InputError

Kind = Literal["folder", "s3", "clickhouse", "loki"]

_SCHEME = r"(?i)([a-z0-9]+)(?:\+(https?))?://"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_TABLE = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Address(msgspec.Struct, frozen=True):
    """A store. `host` and `port`: of a server; `path`: the folder, the prefix in the bucket, `database.table`.

    `url` is what people see; it never holds a password. `query`: that of Loki, decoded. `cluster`: of which its logs
    are, if somebody says so.
    """

    kind: Kind
    url: str
    path: str
    host: str = ""
    port: int | None = None
    tls: bool = True
    query: str = ""
    cluster: str = ""


def is_address(text: str) -> bool:
    """Whether `text` is written like an address rather than a path."""
    return "://" in text and re.match(_SCHEME, text) is not None


def is_archive(path: Path) -> bool:
    """Whether `pack` made the folder `path`."""
    try:
        return any(one.suffix == ".json" for one in (path / "batches").iterdir())
    except OSError:
        return False


def parse(text: str) -> Address:
    """The address in `text`; what is written like none is a folder. Raises InputError."""
    found = re.match(_SCHEME, text)
    if found is None:
        return Address("folder", text, text)
    # a query is taken as it is typed: in LogQL # and & are signs like any other
    place, _, query = text.partition("?")
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{_without_login(text)}: {error}", hint=_HINT) from None
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"{_without_login(text)}: no user or password belongs into an address, which other users of this machine "
            "can see",
            hint="set the environment variables that docs/archives.md names",
        )
    scheme = found[0].lower().removesuffix("://")
    if scheme == "s3":
        return _bucket(text, parts)
    if scheme in {"clickhouse+https", "clickhouse+http"}:
        return _table(text, parts, port, tls=scheme.endswith("https"))
    if scheme in {"loki+https", "loki+http"}:
        return _loki(text, parts, port, query, tls=scheme.endswith("https"))
    raise InputError(f"{text}: unknown kind of store {scheme}", hint=_HINT)


_HINT = "for example s3://BUCKET/PREFIX, clickhouse+https://HOST/DATABASE.TABLE or loki+https://HOST/?query={...}"


def _without_login(text: str) -> str:
    return re.sub(r"//[^/?#]*@", "//", text)


def _bucket(text: str, parts: SplitResult) -> Address:
    if not re.fullmatch(_BUCKET, parts.netloc):
        raise InputError(f"{text}: {parts.netloc!r} is not the name of a bucket", hint="write s3://BUCKET/PREFIX")
    return Address("s3", text, parts.path.strip("/"), parts.netloc)


def _table(text: str, parts: SplitResult, port: int | None, *, tls: bool) -> Address:
    names = parts.path.strip("/").split(".")
    if not parts.hostname or len(names) != 2 or not all(re.fullmatch(_TABLE, name) for name in names):
        raise InputError(
            f"{text}: database and table are missing", hint="write clickhouse+https://HOST/DATABASE.TABLE"
        )
    return Address("clickhouse", text, ".".join(names), _checked(text, parts, tls=tls), port, tls)


def _loki(text: str, parts: SplitResult, port: int | None, query: str, *, tls: bool) -> Address:
    if not parts.hostname or not query.startswith("query="):
        raise InputError(f"{text}: no query is given", hint="write 'loki+https://HOST/?query={app=\"kube-audit\"}'")
    return Address("loki", text, parts.path.rstrip("/"), _checked(text, parts, tls=tls), port, tls, _typed(query))


def _typed(query: str) -> str:
    """The query behind `query=`. One that somebody typed may be encoded in part, and its + is a plus; in one that a
    program encoded, it is a blank.
    """
    value = query.removeprefix("query=").strip()
    return unquote(value) if "{" in value else unquote_plus(value)


def _checked(text: str, parts: SplitResult, *, tls: bool) -> str:
    host = parts.hostname or ""
    if not tls and host not in _LOOPBACK:
        raise InputError(
            f"{text}: everybody on the way could read the logs and the password",
            hint="write https; http is for this machine only",
        )
    return host
