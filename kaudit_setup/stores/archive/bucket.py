"""An archive in a bucket of S3."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from kaudit_setup.stores.s3 import Bucket
from kaudit_setup.stores.sql import literal


class BucketPlace:
    """See `port.Place`."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        """`prefix`: without slashes at its ends; empty for the whole bucket."""
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def name(self) -> str:
        """See `Place.name`."""
        return f"s3://{self._bucket.bucket}/{self._prefix}".rstrip("/")

    def names(self, below: str) -> list[str]:
        """See `Place.names`."""
        return [one.key[len(self._prefix) :] for one in self._bucket.list(self._prefix + below)]

    def read(self, name: str) -> bytes:
        """See `Place.read`."""
        return self._bucket.read(self._prefix + name)

    def open(self, name: str) -> BinaryIO:
        """See `Place.open`."""
        return self._bucket.open(self._prefix + name)

    def put(self, name: str, file: Path) -> None:
        """See `Place.put`."""
        self._bucket.put(self._prefix + name, file)

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        self._bucket.remove(self._prefix + name)

    def table(self, names: Sequence[str], structure: str) -> str:
        """See `Place.table`."""
        paths = [quote(self._prefix + name, safe="/=") for name in names]
        among = paths[0] if len(paths) == 1 else f"{{{','.join(paths)}}}"
        return f"s3({literal(f'{self._url}/{among}')}, 'Parquet', {literal(structure)})"

    @cached_property
    def _url(self) -> str:
        return self._bucket.url()
