"""Servers on this machine for the tests of stores: S3 (moto), ClickHouse (Debian's, and today's engine), Loki."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY, SECRET = "AKIASTOREKIT", "wJalr'XUtnFEMI\\K7MDENG"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def s3(monkeypatch: Any, home: Path) -> Iterator[Any]:
    """moto's S3 with an empty bucket `audit`; a client for it. The credentials are in a file of the usual kind."""
    import boto3
    from moto.server import ThreadedMotoServer

    home.mkdir()
    (home / "credentials").write_text(f"[auditor]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")  # the engine is lent some, which must be gone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "auditor")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket="audit")
        yield client
    finally:
        server.stop()


def has_clickhouse() -> bool:
    """Whether Debian's clickhouse-server is installed."""
    return shutil.which("clickhouse-server") is not None


_CONFIG = """<yandex>
<logger><level>error</level><log>{0}/log</log><errorlog>{0}/err</errorlog></logger>
<http_port>{1}</http_port><tcp_port>{2}</tcp_port><interserver_http_port>{3}</interserver_http_port>
<listen_host>127.0.0.1</listen_host><path>{0}/</path><tmp_path>{0}/tmp/</tmp_path>
<mark_cache_size>67108864</mark_cache_size><uncompressed_cache_size>67108864</uncompressed_cache_size>
<users_config>{0}/users.xml</users_config><default_profile>default</default_profile>
<default_database>default</default_database>
</yandex>"""
_USERS = """<yandex>
<profiles><default><max_memory_usage>2000000000</max_memory_usage>{1}</default></profiles>
<users><auditor><password>{0}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></auditor></users><quotas><default/></quotas>
</yandex>"""
PASSWORD = "pass'word\\1"


@contextmanager
def clickhouse(folder: Path, profile: str = "") -> Iterator[int]:
    """Debian's clickhouse-server with a user `auditor`, whose profile has what `profile` says, too; its HTTP port."""
    (folder / "tmp").mkdir(parents=True)
    ports = [_free_port() for _ in range(3)]
    (folder / "config.xml").write_text(_CONFIG.format(folder, *ports))
    (folder / "users.xml").write_text(_USERS.format(PASSWORD, profile))
    server = subprocess.Popen(
        ["clickhouse-server", f"--config-file={folder}/config.xml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(ports[0], server)
        yield ports[0]
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "clickhouse-server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("clickhouse-server did not start")


@contextmanager
def engine_of_today() -> Iterator[int]:
    """chdb behind ClickHouse's HTTP interface, as far as it is used; its port."""
    from chdb import session

    engine, lock = session.Session(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            more = ", ".join(f"{name} = {values[0]}" for name, values in asked.items() if name != "query")
            insert = asked.get("query", [""])[0].replace(" FORMAT", f" SETTINGS {more} FORMAT").encode()
            with lock:
                try:
                    # bytes that are not UTF-8 cannot be handed to it, so no test here packs any
                    sql = (insert + b"\n" + body if insert else body).decode()
                    answer, status = engine.query(sql, "TabSeparated").bytes(), 200
                except RuntimeError as error:
                    answer, status = str(error).encode(), 500
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port


@dataclass
class FakeLoki:
    """Loki's query_range and series as documented. `lines`: (nanoseconds, labels, text[, labels of the line]);
    `most`: lines of a page, `longest`: nanoseconds of a request, `largest`: bytes of an answer; `trouble`: answers to
    give first.
    """

    lines: list[tuple[Any, ...]] = field(default_factory=list)
    most: int = 5000
    longest: int = 30 * 24 * 3600 * 10**9
    largest: int = 100 << 20
    trouble: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[FakeLoki]:
        loki = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                loki.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        with serving(Handler) as self.port:
            yield self

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append({"path": parts.path, **asked})
        self.headers.append(dict(handler.headers))
        if self.trouble:
            self.trouble.pop(0)(handler)
            return
        if parts.path.endswith("/series"):
            labels = {json.dumps(one[1]): one[1] for one in self.lines}
            say(handler, 200, json.dumps({"status": "success", "data": list(labels.values())}))
            return
        limit = int(asked["limit"])
        if int(asked["end"]) - int(asked["start"]) > self.longest:
            say(handler, 400, "the query time range exceeds the limit (query length: 24h0m0s, limit: 12h0m0s)")
            return
        if limit > self.most:
            say(
                handler,
                400,
                f"max entries limit per query exceeded, limit > max_entries_limit ({limit} > {self.most})",
            )
            return
        tests, streams = _filters(asked["query"]), _streams(asked["query"])
        found = [
            one
            for one in self.lines
            if int(asked["start"]) <= one[0] < int(asked["end"])
            and all(test(one[2]) for test in tests)
            and streams(one[1])
        ]
        found.sort(key=lambda one: one[0], reverse=asked.get("direction", "backward") == "backward")
        result: dict[str, dict[str, Any]] = {}
        apart = handler.headers.get("X-Loki-Response-Encoding-Flags") == "categorize-labels"
        for at, labels, text, *own in found[:limit]:
            labels = {**labels, **own[0]} if own and not apart else labels
            stream = result.setdefault(json.dumps(labels), {"stream": labels, "values": []})
            stream["values"].append([str(at), text, *({"structuredMetadata": one} for one in own if apart)])
        data = {"resultType": "streams", "result": list(result.values()), "stats": {}}
        body = json.dumps({"status": "success", "data": data})
        if len(body) > self.largest:
            say(handler, 500, f"grpc: received message larger than max ({len(body)} vs. {self.largest})")
            return
        say(handler, 200, body)


def _filters(query: str) -> list[Callable[[str], bool]]:
    import re

    def test(regular: str) -> Callable[[str], bool]:
        python = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), regular)
        return lambda text: re.search(python, text) is not None

    return [test(found) for found in re.findall(r"\|~ `([^`]*)`", query)]


def _streams(query: str) -> Callable[[dict[str, str]], bool]:
    import re

    selector = query.partition("}")[0]
    wanted = re.findall(r'(\w+)(=~?)"([^"]*)"', selector)
    return lambda labels: all(
        labels.get(name) == value if sign == "=" else re.fullmatch(value, labels.get(name, "")) is not None
        for name, sign, value in wanted
    )


def say(handler: BaseHTTPRequestHandler, status: int, text: str, **headers: str) -> None:
    """An answer in full."""
    body = text.encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
