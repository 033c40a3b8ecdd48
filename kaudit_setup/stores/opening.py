"""An address → the store that is there, or what `pack` writes to. The only place that knows every adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaudit_setup.auditlog.clusters.named import paths_of_clusters
from kaudit_setup.errors import InputError
from kaudit_setup.stores.address import Address, is_address, is_archive, parse
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.stores.archive.archive import Archive
    from kaudit_setup.stores.pack import Progress, Target
    from kaudit_setup.stores.port import Place
    from kaudit_setup.stores.several import Source, Stores


def addresses(paths: Sequence[str]) -> list[Address]:
    """The stores that all of `paths` name; empty if none of them does. Raises InputError for a mixture."""
    named = [path for path in paths if is_address(path) or is_archive(Path(path))]
    if not named:
        return []
    if len(named) < len(paths):
        other = next(path for path in paths if path not in named)
        raise InputError(
            f"{named[0]} is a store and {other} is not; they cannot be asked together",
            hint="ask each by itself, or pack the files into the store first",
        )
    return [parse(path) for path in dict.fromkeys(named)]


def addresses_of_clusters(given: Sequence[str]) -> list[Address]:
    """The stores of each `NAME=PATH`, cluster by cluster; empty if all of them are files. Raises InputError as
    `addresses` does, for what is not NAME=PATH, and for a store that is in two clusters.
    """
    named = paths_of_clusters(given)
    found = addresses([path for paths in named.values() for path in paths])
    if not found:
        return []
    known: dict[str, str] = {}
    for name, paths in named.items():
        for path in paths:
            if (other := known.setdefault(path, name)) != name:
                raise InputError(f"{path} is in cluster {other} and in cluster {name}", hint="name each store once")
    return [replace(parse(path), cluster=name) for path, name in known.items()]


def stores(found: Sequence[Address], progress: Progress) -> Stores:
    """What is there; `progress` is told what is brought here. Raises InputError, and StoreError."""
    from kaudit_setup.stores.several import Stores

    return Stores(tuple(_source(address, progress) for address in found))


def target(text: str) -> Target:
    """What `pack --to` names. Raises InputError."""
    address = parse(text)
    if address.kind == "clickhouse":
        from kaudit_setup.stores.clickhouse.server import ClickHouse
        from kaudit_setup.stores.clickhouse.table import Table
        from kaudit_setup.stores.clickhouse.target import TableTarget

        engine = ClickHouse.at(address)
        return TableTarget(engine, Table(engine, address.url, address.path))
    if address.kind in {"folder", "s3"}:
        from kaudit_setup.stores.archive.target import ArchiveTarget

        place = _place(address)
        return ArchiveTarget(place, _archive(place))
    raise InputError(f"nothing can be packed to {text}", hint="a folder, s3://... or clickhouse+https://...")


def _source(address: Address, progress: Progress) -> Source:
    from kaudit_setup.stores.logs import StoreLogs
    from kaudit_setup.stores.records import RECORDS

    if address.kind == "loki":
        from kaudit_setup.stores.loki.logs import LokiLogs

        return LokiLogs.at(address)
    if address.kind == "clickhouse":
        from kaudit_setup.stores.clickhouse.server import ClickHouse
        from kaudit_setup.stores.clickhouse.table import Table

        return StoreLogs(Table(ClickHouse.at(address), address.url, address.path), address.cluster)
    place = _place(address)
    if address.kind == "s3" and not place.names(RECORDS):
        from kaudit_setup.stores.raw.bucket import RawBucket
        from kaudit_setup.stores.s3 import Bucket

        return RawBucket(Bucket(address.host), address.path, progress, address.cluster)
    return StoreLogs(_archive(place), address.cluster)


def _place(address: Address) -> Place:
    if address.kind == "s3":
        from kaudit_setup.stores.archive.bucket import BucketPlace
        from kaudit_setup.stores.s3 import Bucket

        return BucketPlace(Bucket(address.host), address.path)
    from kaudit_setup.stores.archive.folder import Folder

    return Folder(Path(address.path))


def _archive(place: Place) -> Archive:
    from kaudit_setup.stores.archive.archive import Archive
    from kaudit_setup.stores.archive.embedded import Embedded, require

    require()
    return Archive(place, Embedded())
