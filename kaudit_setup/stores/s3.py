"""Objects in a bucket of S3, or of what speaks like it. The only module that imports boto3.

Credentials, region and endpoint are what every tool of AWS uses: AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws, a role of
the machine, AWS_ENDPOINT_URL_S3 for another server. They never become part of a query, of argv, or of a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from kaudit_setup.auditlog.timestamps import stamp
from kaudit_setup.errors import InputError, StoredObjectError, StoreError

_TRIES = 4
_END_BYTES = 1 << 16


_KEYS = "are AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, those of this account?"
_EXPIRED = "get new credentials, for example with: aws sso login"
_DENIED = "the credentials need s3:ListBucket and s3:GetObject there, and s3:PutObject and s3:DeleteObject for pack"
_GONE = "it was removed since the bucket was listed: run the same command again"
_REGION = "set AWS_DEFAULT_REGION to the region of the bucket"
_BUSY = "it has too much to do: run the same command again later"
_HINTS = {
    "NoSuchBucket": "is the name of the bucket right, and AWS_ENDPOINT_URL_S3?",
    **dict.fromkeys(("NoSuchKey", "404"), _GONE),
    "InvalidObjectState": "it is archived (Glacier): restore it first, or leave it out with --since and --until",
    "RequestTimeTooSkewed": "set the clock of this machine",
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch"), _KEYS),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "403"), _DENIED),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), _REGION),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "503"), _BUSY),
}
"""By the code of an error (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html); what answers a HEAD
request has none but the status.
"""
_OF_ONE_OBJECT = frozenset({"NoSuchKey", "404", "InvalidObjectState", "AccessDenied", "403"})
"""Codes that other objects of the bucket may not have."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its key, its bytes, and when it was written, in the spelling of a log."""

    key: str
    size: int
    written: str


class Bucket:
    """One bucket."""

    def __init__(self, name: str) -> None:
        """Nothing is asked yet. Raises InputError if boto3 is not installed."""
        self.bucket = name
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise InputError(
                "S3 needs boto3, which is not installed", hint="pip install 'kaudit-setup[archive]'"
            ) from None
        self._session = boto3.session.Session()
        self._config = Config(
            retries={"max_attempts": _TRIES, "mode": "standard"}, connect_timeout=10, read_timeout=60
        )
        with self._said("cannot be asked"):
            self._client = self._session.client("s3", config=self._config)

    def list(self, prefix: str) -> Iterator[Stored]:
        """The objects whose keys begin with `prefix`, in their order. Raises StoreError."""
        with self._said("cannot be listed"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                if "IsTruncated" not in page:  # any other XML, or HTML, reads like an empty list
                    raise StoreError(
                        f"s3://{self.bucket} cannot be listed: what answers is not S3",
                        hint="is AWS_ENDPOINT_URL_S3 right, and no proxy or login page before it?",
                    )
                for one in page.get("Contents", ()):
                    yield Stored(one["Key"], one["Size"], stamp(one["LastModified"]))

    def read(self, key: str) -> bytes:
        """A whole object. Raises StoreError."""
        with self._said(f"cannot be read: {key}"):
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return body

    def open(self, key: str) -> BinaryIO:
        """An object to be read here and there. Raises StoreError, as does reading it."""
        return cast(BinaryIO, _Object(self, key))

    def slice(self, key: str, range: str) -> tuple[bytes, int]:
        """A range of an object as HTTP writes it, and how large the object is. Raises StoreError."""
        with self._said(f"cannot be read: {key}"):
            answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={range}")
            data: bytes = answer["Body"].read()
            return data, int(answer["ContentRange"].rpartition("/")[2])

    def download(self, one: Stored, file: Path, progress: Callable[[int], None]) -> None:
        """An object into the new file `file`, which only its owner reads. Raises StoredObjectError if it is only this
        one that cannot be read, else StoreError.
        """
        file.touch(mode=0o600, exist_ok=False)
        with self._said(f"cannot be read: {one.key}"), file.open("wb") as out:
            self._client.download_fileobj(self.bucket, one.key, out, Callback=progress)
        if (got := file.stat().st_size) != one.size:
            raise StoredObjectError(
                f"s3://{self.bucket}/{one.key} has {got} bytes, and {one.size} when it was listed",
                hint="run the same command again",
            )

    def put(self, key: str, file: Path) -> None:
        """`file` as an object: S3 shows it as a whole or not at all. Raises StoreError."""
        with self._said(f"cannot be written to: {key}"), file.open("rb") as source:
            self._client.upload_fileobj(source, self.bucket, key)

    def remove(self, key: str) -> None:
        """Remove an object; none is fine, too. Raises StoreError."""
        with self._said(f"cannot be cleaned: {key}"):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def url(self) -> str:
        """Where an engine reads the bucket over HTTPS; it finds the credentials in this process's environment."""
        with self._said("cannot be read"):
            region = self._client.head_bucket(Bucket=self.bucket).get("BucketRegion")
            client = self._client
            if region and region != client.meta.region_name and ".amazonaws.com" in client.meta.endpoint_url:
                client = self._session.client("s3", config=self._config, region_name=region)
            self._lend_credentials()
            return f"{client.meta.endpoint_url.rstrip('/')}/{self.bucket}"

    def _lend_credentials(self) -> None:
        """What the files or a role said, in the environment of this process: the engine looks only there."""
        found = self._session.get_credentials()
        if found is None:
            return
        frozen = found.get_frozen_credentials()
        os.environ["AWS_ACCESS_KEY_ID"] = frozen.access_key
        os.environ["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
        if frozen.token:
            os.environ["AWS_SESSION_TOKEN"] = frozen.token

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Errors of the library as StoreError."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
        from s3transfer.exceptions import RetriesExceededError

        try:
            yield
        except NoCredentialsError as error:
            raise StoreError(
                f"s3://{self.bucket} {what}: there are no credentials",
                hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ) from error
        except ClientError as error:
            code, message = (error.response.get("Error", {}).get(name, "") for name in ("Code", "Message"))
            said = f"s3://{self.bucket} {what}: {code} {message}".rstrip()
            kind = StoredObjectError if code in _OF_ONE_OBJECT else StoreError
            raise kind(said, hint=_HINTS.get(code, "")) from error
        except RetriesExceededError as error:
            why = error.last_exception
            raise StoredObjectError(
                f"s3://{self.bucket} {what}: the answer was cut short each time ({why})",
                hint="run the same command again",
            ) from error
        except (BotoCoreError, Boto3Error) as error:
            raise StoreError(
                f"s3://{self.bucket} {what}: {error}", hint="is the network there, and AWS_ENDPOINT_URL_S3 right?"
            ) from error


class _Object(RawIOBase):
    """An object as a file. Its end comes with the first request: there every format says where the rest is."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._end, self._size = bucket.slice(key, f"-{_END_BYTES}")
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size < 0 else min(self._at + size, self._size)
        begin, self._at = self._at, max(stop, self._at)
        if begin >= stop:
            return b""
        ending = self._size - len(self._end)
        if begin >= ending:
            return self._end[begin - ending : stop - ending]
        return self._bucket.slice(self._key, f"{begin}-{stop - 1}")[0]
