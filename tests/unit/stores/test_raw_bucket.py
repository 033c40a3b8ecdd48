"""Raw logs in a bucket, as shippers leave them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import storekit
from logkit import event

from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.cli import main
from kaudit_setup.stores.raw_bucket import day_of, node_of, pruned
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
    ],
)
def test_the_day_in_a_key(key: str, day: str | None) -> None:
    found = day_of(key)
    assert (found and found.isoformat()) == day


def test_only_days_that_may_hold_the_time_are_kept() -> None:
    late = "2027-01-01T00:00:00.000000Z"
    objects = [Stored(f"a/2026/11/{day}/x.gz", 9, late) for day in range(10, 30)]
    objects += [Stored("a/no-date", 9, late), Stored("a/old-no-date", 9, "2026-11-01T00:00:00.000000Z")]
    kept = pruned(objects, Window("2026-11-20T10:00:00.000000Z", "2026-11-21T10:00:00.000000Z"))
    assert [one.key for one in kept] == [*(f"a/2026/11/{day}/x.gz" for day in range(19, 23)), "a/no-date"]


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
        assert "there is no log of that time" in err
        assert storekit.SECRET not in out + err
