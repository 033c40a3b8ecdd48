"""An address → the store that is there, or what `pack` writes to. The only place that knows every adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaudit_setup.errors import InputError
from kaudit_setup.stores.address import Address, is_address, is_archive, parse
from kaudit_setup.stores.logs import StoreLogs
from kaudit_setup.stores.pack import Target
from kaudit_setup.stores.port import Store
from kaudit_setup.stores.several import Stores


def stores(paths: Sequence[str]) -> Stores | None:
    """The stores that all of `paths` name; None if none of them does. Raises InputError for a mixture."""
    named = [path for path in paths if is_address(path) or is_archive(Path(path))]
    if not named:
        return None
    if len(named) < len(paths):
        other = next(path for path in paths if path not in named)
        raise InputError(
            f"{named[0]} is a store and {other} is not; they cannot be asked together",
            hint="ask each by itself, or pack the files into the store first",
        )
    return Stores(tuple(StoreLogs(_store(parse(path))) for path in dict.fromkeys(named)))


def target(text: str) -> Target:
    """What `pack --to` names. Raises InputError."""
    address = parse(text)
    if address.kind == "folder":
        from kaudit_setup.stores.archive.archive import Archive
        from kaudit_setup.stores.archive.embedded import Embedded
        from kaudit_setup.stores.archive.folder import Folder
        from kaudit_setup.stores.archive.target import ArchiveTarget

        place = Folder(Path(address.path))
        return ArchiveTarget(place, Archive(place, Embedded()))
    raise InputError(f"nothing can be packed to {text}", hint="a folder, s3://... or clickhouse+https://...")


def _store(address: Address) -> Store:
    from kaudit_setup.stores.archive.archive import Archive
    from kaudit_setup.stores.archive.embedded import Embedded
    from kaudit_setup.stores.archive.folder import Folder

    if address.kind == "folder":
        return Archive(Folder(Path(address.path)), Embedded())
    raise InputError(f"{address.url} cannot be read", hint="a folder, s3://... or clickhouse+https://...")
