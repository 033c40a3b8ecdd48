"""ClickHouse that limits, fails in the middle of an answer, or is not ClickHouse."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import storekit
from logkit import event

from kaudit_setup.cli import main
from kaudit_setup.errors import StoreError
from kaudit_setup.stores import tsv

_FAILED = (
    "Code: 241. DB::Exception: Memory limit exceeded: would use 9 GiB (MEMORY_LIMIT_EXCEEDED) (version 25.3.1)\n"
)
_RECORD = '{"id":"x","version":2,"sources":[]}\n'


def log(path: Path, count: int, day: Callable[[int], str] = lambda _n: "2026-11-23") -> Path:
    stamps = (f"{day(n)}T10:00:00.000000Z" for n in range(count))
    lines = [event(n, requestReceivedTimestamp=at, stageTimestamp=at) for n, at in enumerate(stamps)]
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in lines))
    return path


def run(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = main([str(arg) for arg in args])
    return (code, *capfd.readouterr())


def _answering(status: int, text: str) -> type[BaseHTTPRequestHandler]:
    """Tells its version, and gives this answer to every question."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            storekit.say(self, *((200, "25.3.1\n") if b"version()" in asked else (status, text)))

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ((200, _FAILED), "Memory limit exceeded", "narrower with --since"),
        ((200, _RECORD + _FAILED), "Memory limit exceeded", "narrower with --since"),
        ((200, "<html>\nlogin\n</html>\n"), "what answers there is not ClickHouse", "address"),
        ((200, "1\t2\n"), "a row of 2 fields", "log of the server"),
        ((200, ""), "holds no log", "kaudit-setup pack"),
        ((307, ""), "status 307", "login page"),
        ((404, "Code: 60. DB::Exception: Table a.b_batches doesn't exist."), "doesn't exist", "nothing was packed"),
        ((500, "Code: 164. DB::Exception: Cannot override setting (x) in readonly mode"), "readonly", "readonly = 2"),
        ((500, "Code: 396. DB::Exception: Limit for result exceeded"), "Limit for result", "raise the limit"),
    ],
)
@pytest.mark.parametrize(
    "question", [["who", "deleted", "pod/x"], ["events"], ["top", "--by", "user"]], ids=lambda q: q[0]
)
def test_what_is_no_answer_is_said_and_never_taken_for_one(
    question: list[str], answer: tuple[int, str], said: str, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with storekit.serving(_answering(*answer)) as port:
        code, out, err = run(capfd, *question, "--log", f"clickhouse+http://127.0.0.1:{port}/a.b")
    assert code == 1
    assert not out
    assert said in err
    assert hint in err
    assert "remove it" not in err
    assert "this is a bug" not in err


def test_a_log_of_many_days_is_packed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """More than ClickHouse makes partitions of in one insert, unless it is told to."""
    pytest.importorskip("chdb")
    written = log(tmp_path / "audit.log", 240, lambda n: f"2026-{n // 28 + 1:02}-{n % 28 + 1:02}")
    with storekit.engine_of_today() as port:
        to = f"clickhouse+http://127.0.0.1:{port}/default.days"
        code, _, err = run(capfd, "pack", "--log", written, "--to", to)
        assert code == 0, err
        _, out, _ = run(capfd, "top", "--by", "verb", "-o", "json", "--log", to)
        assert json.loads(out)["items"][0]["total"]["events"] == 240


@pytest.mark.skipif(not storekit.has_clickhouse(), reason="clickhouse-server is not installed")
@pytest.mark.parametrize(
    "limit",
    [
        "<max_rows_to_read>10</max_rows_to_read><read_overflow_mode>break</read_overflow_mode>",
        "<max_result_rows>10</max_result_rows><result_overflow_mode>break</result_overflow_mode>",
        "<max_rows_to_group_by>1</max_rows_to_group_by><group_by_overflow_mode>any</group_by_overflow_mode>",
        "<extremes>1</extremes>",
    ],
    ids=lambda limit: limit[1:].partition(">")[0],
)
def test_a_profile_makes_no_answer_half(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLICKHOUSE_USER", "auditor")
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", storekit.PASSWORD)
    whole = log(tmp_path / "audit.log", 40)
    with storekit.clickhouse(tmp_path / "server", limit) as port:
        to = f"clickhouse+http://127.0.0.1:{port}/default.audit"
        code, _, err = run(capfd, "pack", "--log", whole, "--to", to)
        assert code == 0, err
        code, out, err = run(capfd, "top", "--by", "path,user,name,code", "-o", "json", "--log", to)
        assert (code == 0 and json.loads(out)["items"][0]["total"]["events"] == 40) or "Limit for" in err, err
        code, out, err = run(capfd, "events", "-o", "raw", "--log", to)
        assert (code == 0 and out.count("\n") == 40) or "Limit for" in err, err


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_row_may_come_in_pieces_of_any_size(size: int) -> None:
    fields = [[b"a", b"\\ \t \n \0 \\n"], [b"", b'{"x":"\\"\\\\"}'], [b"c" * 50, b"\\\\0"]]
    whole = b"".join(map(tsv.row, fields))
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert list(tsv.rows(pieces, 2)) == fields
    with pytest.raises(StoreError, match="cut short"):
        list(tsv.rows([whole[:-1]], 2))


class _Unanswering(BaseHTTPRequestHandler):
    """A server that takes all rows, and whose answer about those of the record is lost."""

    asked: list[bytes]

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query).get("query", [""])[0].encode()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(query or body)
        if b"version()" in query + body:
            storekit.say(self, 200, "25.3.1\n")
        elif query.startswith(b"INSERT") and b"_batches" in query:
            self.connection.close()
        else:
            storekit.say(self, 200, "")

    def log_message(self, *args: Any) -> None:
        pass


def test_rows_stay_whose_record_may_have_arrived(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    handler = type("Handler", (_Unanswering,), {"asked": []})
    with storekit.serving(handler) as port:
        code, _, err = run(
            capfd, "pack", "--log", log(tmp_path / "a.log", 3), "--to", f"clickhouse+http://127.0.0.1:{port}/a.b"
        )
    assert code == 1, err
    assert any(b"_batches" in one and b"INSERT" in one for one in handler.asked)
    assert not [one for one in handler.asked if b"DELETE" in one]
