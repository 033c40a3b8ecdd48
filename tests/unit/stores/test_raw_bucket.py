"""Raw logs in a bucket, as shippers leave them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import storekit
from logkit import event

from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.cli import main
from kaudit_setup.stores.raw.bucket import node_of
from kaudit_setup.stores.raw.dates import days_in, pruned
from kaudit_setup.stores.s3 import Stored


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("audit/cp1/2026/11/23/16/x.log.gz", "2026-11-23"),
        ("audit/dt=2026-11-23/x.log", "2026-11-23"),
        ("year=2026/month=11/day=23/hour=16/x", "2026-11-23"),
        ("cp1-20261123T160000Z-1.log.zst", "2026-11-23"),
        ("audit/2026/11/31/x.log", None),
        ("audit/cp1/x-1234567890123.log", None),
        ("audit/0a20240105f/x.log", None),
    ],
)
def test_the_day_in_a_key(key: str, day: str | None) -> None:
    assert [found.isoformat() for found in days_in(key)] == ([day] if day else [])


def test_only_days_that_may_hold_the_time_are_kept() -> None:
    late = "2027-01-01T00:00:00.000000Z"
    objects = [Stored(f"a/2026/11/{day}/x.gz", 9, late) for day in range(10, 30)]
    objects += [Stored("a/no-date", 9, late), Stored("a/old-no-date", 9, "2026-11-01T00:00:00.000000Z")]
    kept = pruned(objects, Window("2026-11-20T10:00:00.000000Z", "2026-11-21T10:00:00.000000Z"))
    assert [one.key for one in kept] == [*(f"a/2026/11/{day}/x.gz" for day in range(19, 23)), "a/no-date"]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("raw/prod-2024-05-01/2026/11/20/a.log", True),
        ("raw/2024-05-01/2026-11-20/a.log", True),
        ("raw/2026/11/20/f20241201-c0ffee.log", True),
        ("raw/cp1/audit-2026-11-30T10-00-00.123.log.gz", True),
        ("raw/2026/11/30/audit-2026-11-30T10-00-00.123.log.gz", True),
        ("raw/cp1/audit.log-20261130.gz", True),
        ("raw/cp1/audit-2026-11-10T10-00-00.123.log.gz", False),
        ("raw/dt=2026-11-10/a.log", False),
        ("raw/year=2026/month=11/day=30/a.log", False),
    ],
)
def test_a_date_of_something_else_hides_no_log(key: str, kept: bool) -> None:
    there = Stored(key, 9, "2027-01-01T00:00:00.000000Z")
    window = Window("2026-11-20T00:00:00.000000Z", "2026-11-21T00:00:00.000000Z")
    assert pruned([there], window) == ([there] if kept else [])


def test_a_folder_that_is_no_date_is_the_node() -> None:
    assert node_of("audit", "logs/cp1/2026/11/23/x.gz") == "audit/logs/cp1"
    assert node_of("audit", "logs/year=2026/month=11/day=23/cp2/x.gz") == "audit/logs/cp2"


def test_questions_to_a_bucket_of_raw_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def text(*events: dict[str, object]) -> bytes:
        return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in events)

    with storekit.s3(monkeypatch, tmp_path / "home") as bucket:
        bucket.put_object(
            Bucket="audit", Key="raw/cp1/2026/11/23/a.log.gz", Body=gzip.compress(text(event(1), event(2)))
        )
        bucket.put_object(Bucket="audit", Key="raw/cp1/2026/11/20/b.log", Body=b"this is not read\n")
        bucket.put_object(Bucket="audit", Key="rawer/c.log", Body=b"nor is this\n")
        capfd.readouterr()
        argv = ["events", "-o", "json", "--since", "2026-11-23T00:00:00Z", "--log", "s3://audit/raw"]
        assert main(argv) == 0
        out, err = capfd.readouterr()
        assert [one["auditID"] for one in json.loads(out)["items"]] == ["id-1", "id-2"], err
        assert main(["events", "--log", "s3://audit/none"]) == 1
        out, err = capfd.readouterr()
        assert "s3://audit/none: nothing is there" in err
        assert "no matching events" not in err
        assert storekit.SECRET not in out + err
        assert main(["events", "--since", "2030-01-01T00:00:00Z", "--log", "s3://audit/raw"]) == 1
        assert "2 logs there, none of that time" in capfd.readouterr().err


def _tar(**logs: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in logs.items():
            info = tarfile.TarInfo(f"{name}/audit.log")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _zip(*logs: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, data in enumerate(logs):
            archive.writestr(f"audit-{number}.log", data)
        archive.writestr("old.tar", _tar(cp9=b""))
    return out.getvalue()


def test_archives_in_a_bucket_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    one, two, three = (json.dumps(event(n), separators=(",", ":")).encode() + b"\n" for n in (1, 2, 3))
    with storekit.s3(monkeypatch, tmp_path / "home") as bucket:
        bucket.put_object(Bucket="audit", Key="packed/a.tar.gz", Body=_tar(cp1=one, cp2=two))
        argv = ["events", "-o", "json", "--log", "s3://audit/packed"]
        assert main(argv) == 0
        found = json.loads(capfd.readouterr().out)["items"]
        assert [(row["auditID"], row["source"]["node"], row["source"]["file"]) for row in found] == [
            ("id-1", "audit/packed/cp1", "s3://audit/packed/a.tar.gz:cp1/audit.log"),
            ("id-2", "audit/packed/cp2", "s3://audit/packed/a.tar.gz:cp2/audit.log"),
        ]
        bucket.put_object(Bucket="audit", Key="packed/b.zip", Body=_zip(three))
        assert main(argv) == 1
        document = json.loads(capfd.readouterr().out)
        assert [row["auditID"] for row in document["items"]] == ["id-1", "id-2", "id-3"]
        assert "s3://audit/packed/b.zip:old.tar is left out" in document["errors"][0]["message"]
        assert main(["top", "--by", "user", "--log", "s3://audit/packed"]) == 1
        assert "s3://audit/packed/b.zip:old.tar is left out" in capfd.readouterr().err


def test_clusters_in_one_bucket_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def log(cluster: str, first: int) -> bytes:
        user = {"username": "system:serviceaccount:kube-system:replicaset-controller", "uid": cluster, "groups": []}
        found = (event(first + n, auditID=f"{cluster}-{n}", user=user) for n in (0, 90))
        return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in found)

    with storekit.s3(monkeypatch, tmp_path / "home") as bucket:
        for first, cluster in enumerate(("prod", "staging")):
            bucket.put_object(Bucket="audit", Key=f"both/{cluster}/2026/11/23/a.log", Body=log(cluster, first))
        for question in (["who", "deleted", "pod/x"], ["events"], ["top", "--by", "user"]):
            assert main([*question, "--log", "s3://audit/both"]) == 2
            out, err = capfd.readouterr()
            assert not out
            assert "are logs of different clusters" in err
            assert main([*question, "--log", "s3://audit/both/prod"]) != 2
            capfd.readouterr()


_LIST = (
    "<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
    "<Contents><Key>raw/a.log</Key><LastModified>2026-11-30T13:00:00.000Z</LastModified><Size>100</Size></Contents>",
)


def _bucket(listed: Callable[[BaseHTTPRequestHandler], None], read: Callable[[BaseHTTPRequestHandler], None]) -> Any:
    """What speaks like S3 as far as it goes well."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "prefix=raw/batches" in self.path or "prefix=raw%2Fbatches" in self.path:
                storekit.say(self, 200, _LIST[0].format(""))
            elif "list-type" in self.path:
                listed(self)
            else:
                read(self)

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def _says(status: int, text: str, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: storekit.say(handler, status, text, **headers)


def _error(code: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>"


_WELL = _says(200, _LIST[0].format(_LIST[1]))
S3_TROUBLE = {
    "ExpiredToken": (_says(400, _error("ExpiredToken")), _WELL, "get new credentials"),
    "AccessDenied": (_says(403, _error("AccessDenied")), _WELL, "the credentials need"),
    "PermanentRedirect": (_says(301, _error("PermanentRedirect")), _WELL, "AWS_DEFAULT_REGION"),
    "what answers is not S3": (_says(200, "<html>login</html>"), _WELL, "AWS_ENDPOINT_URL_S3"),
    "NoSuchKey": (_WELL, _says(404, _error("NoSuchKey")), "removed since"),
    "InvalidObjectState": (_WELL, _says(403, _error("InvalidObjectState")), "restore it"),
    "the answer was cut short": (
        _WELL,
        _says(200, "half", **{"Content-Length": "100"}),
        "run the same command again",
    ),
    "has 4 bytes, and 100": (_WELL, _says(200, "half"), "run the same command again"),
}


@pytest.mark.parametrize("said", S3_TROUBLE)
def test_what_keeps_a_bucket_from_answering_is_said_with_what_to_do(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    listed, read, hint = S3_TROUBLE[said]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", storekit.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", storekit.SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with storekit.serving(_bucket(listed, read)) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        assert main(["who", "deleted", "pod/x", "--log", "s3://audit/raw"]) == 1
    out, err = capfd.readouterr()
    assert not out
    assert said in err
    assert hint in err
    assert storekit.SECRET not in err


def test_an_object_that_cannot_be_read_is_said_like_a_missing_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Archived (Glacier), or removed since the bucket was listed: the others answer, the first sentence says it."""
    one = json.dumps(event(1, verb="create"), separators=(",", ":")).encode() + b"\n"
    with storekit.s3(monkeypatch, tmp_path / "home") as bucket:
        bucket.put_object(Bucket="audit", Key="cold/cp1/a.log", Body=one)
        bucket.put_object(Bucket="audit", Key="cold/cp1/b.log", Body=one, StorageClass="GLACIER")
        assert main(["who", "deleted", "pod/x", "--log", "s3://audit/cold"]) == 1
        first = capfd.readouterr().out.partition("\n\n")[0]
        assert "requests through the servers of s3://audit/cold/cp1/b.log are not in this log" in " ".join(
            first.split()
        )
        assert main(["events", "-o", "json", "--log", "s3://audit/cold"]) == 1
        document = json.loads(capfd.readouterr().out)
        assert [row["auditID"] for row in document["items"]] == ["id-1"]
        assert "s3://audit/cold/cp1/b.log is left out" in document["errors"][0]["message"]
        assert main(["top", "--by", "user", "--log", "s3://audit/cold"]) == 1
        out, err = capfd.readouterr()
        assert "s3://audit/cold/cp1/b.log is left out" in err
        assert out


def test_clusters_in_one_bucket_are_told_apart_by_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with storekit.s3(monkeypatch, tmp_path / "home") as bucket:
        for cluster, user in (("prod", "alice"), ("test%20a", "bob")):
            text = json.dumps(event(1, verb="create", user={"username": user}), separators=(",", ":"))
            key = f"hive/cluster={cluster}/node=cp1/dt=2026-11-23/a.log"
            bucket.put_object(Bucket="audit", Key=key, Body=text.encode() + b"\n")
        argv = ["who", "created", "pod/p", "-n", "ns", "-o", "json", "--log", "s3://audit/hive"]
        assert main(argv) == 0
        answers = json.loads(capfd.readouterr().out)["items"]
        assert {one["cluster"]: one["answer"]["user"] for one in answers} == {"prod": "alice", "test a": "bob"}
        assert main(["top", "--by", "cluster", "-o", "csv", "--log", "s3://audit/hive"]) == 0
        assert "test a" in capfd.readouterr().out
        argv = ["pack", "--log", "s3://audit/hive", "--to", str(tmp_path / "archive"), "--cluster", "prod"]
        assert main(argv) == 2
        assert "the logs are of the clusters prod, test a" in capfd.readouterr().err
        one = "s3://audit/hive/cluster=prod"
        assert main(["who", "created", "pod/p", "-n", "ns", "-o", "json", "--cluster", f"mine={one}"]) == 0
        assert [one["cluster"] for one in json.loads(capfd.readouterr().out)["items"]] == ["mine"]
