"""The API server stand-in's process: TLS on the manifest's port, the flags' audit log, an end that drains.

Run as `python -m kaudit_setup.sandbox.apiserver LIFELINE CONFIG` by the sandbox's kubelet; CONFIG is JSON.
It is a simulation: it knows a few resources, and says in its log and in its `Server` header what it is.
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import FrameType
from typing import Any

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.model import Attributes, Decision
from kaudit_setup.sandbox.audit import Backend, LogFile
from kaudit_setup.sandbox.controllers import Controllers
from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.sandbox.flags import FlagError, Options, parse
from kaudit_setup.sandbox.initial_objects import register, sow
from kaudit_setup.sandbox.kubelet import READY
from kaudit_setup.sandbox.lifeline import hang_on
from kaudit_setup.sandbox.objects import FILE, Store
from kaudit_setup.sandbox.requests import policy
from kaudit_setup.sandbox.requests.access import User, of_certificate
from kaudit_setup.sandbox.service import Call, Service
from kaudit_setup.sandbox.tree import ADDRESS


class Container:
    """What the process sees: its log, and its files through the Pod's mounts."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.folder = Path(config["folder"])
        self.root = self.folder / "root"
        # where the cluster's etcd is: with the node that was there first
        sandbox = json.loads((self.folder / "sandbox.json").read_text())
        self.cluster = Path(sandbox.get("joins", self.folder))
        self.argv: list[str] = config["argv"]
        self.node: str = config["node"]
        self.version: str = config["version"]
        self.kube = KubeVersion.parse(self.version)
        self._mounts = sorted(config["mounts"], key=lambda m: len(m["inside"]), reverse=True)
        self._private = self.folder / "containers" / f"{config['uid']}-{os.getpid()}"
        self._log = Path(config["log"])
        self._lock = threading.Lock()

    def reserved_port(self) -> int:
        """The port that this sandbox has for its API server."""
        return int(json.loads((self.folder / "ports.json").read_text())["api"])

    def path(self, inside: str) -> tuple[Path, bool]:
        """Where a path of the container really is, and whether it is mounted read-only.

        Without a mount it is in the container's own layer, which nobody looks at.
        """
        for mount in self._mounts:
            top = mount["inside"].rstrip("/")
            if inside == top or inside.startswith(f"{top}/"):
                rest = inside[len(top) :]
                return Path(f"{self.root}{mount['host'].rstrip('/')}{rest}"), mount["read_only"]
        return Path(f"{self._private}{inside}"), False

    def say(self, line: str, stream: str = "stderr") -> None:
        """One line of the container's log, in CRI's format."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        with self._lock, self._log.open("a") as log:
            log.write(f"{stamp} {stream} F {line}\n")

    def klog(self, severity: str, place: str, line: str) -> None:
        """One line as klog writes it."""
        stamp = datetime.now(UTC).strftime("%m%d %H:%M:%S.%f")
        self.say(f"{severity}{stamp}       1 {place}] {line}")

    def die(self, error: str) -> None:
        """The last words of a server that refuses to start (AUDIT: the outcome is exit status 1)."""
        if self.kube >= KubeVersion(1, 21):
            quoted = error.replace("\\", "\\\\").replace('"', '\\"')
            self.klog("E", "run.go:72", f'"command failed" err="{quoted}"')
        else:
            self.say(f"Error: {error}")
        os._exit(1)

    def open_policy(self, options: Options) -> Callable[[Attributes], Decision] | None:
        """The policy as a function; ends the process where the real server would refuse."""
        if not options.policy:
            return None
        real, _ = self.path(options.policy)
        try:
            text = real.read_bytes()
        except OSError as error:
            if error.strerror == "Is a directory":
                words = f"read {options.policy}: is a directory"
            else:
                words = f"open {options.policy}: {(error.strerror or '').lower()}"
            self.die(f'loading audit policy file: failed to read file path "{options.policy}": {words}')
        try:
            return policy.load(text, options.policy, self.kube)
        except ValueError as error:
            self.die(str(error))
            raise

    def open_log(self, options: Options, now: Callable[[], datetime]) -> Callable[[bytes], None] | None:
        """Where events go, by the flags; ends the process where the real server would refuse."""
        if not options.log:
            return None
        if options.log == "-":
            return lambda line: self.say(line.decode("utf-8", "replace").rstrip("\n"), "stdout")
        real, read_only = self.path(options.log)
        log = LogFile(real, options, now)
        if self.kube >= KubeVersion(1, 22):
            try:
                if read_only:
                    raise OSError(30, "Read-only file system")
                if real.is_dir():
                    raise IsADirectoryError(21, "Is a directory")
                log.ensure()
            except OSError as error:
                self.die(f"ensureLogFile: open {options.log}: {(error.strerror or '').lower()}")

        def write(line: bytes) -> None:
            if read_only:
                raise OSError(30, "Read-only file system")
            log.write(line)

        return write


class Web(socketserver.ThreadingTCPServer):
    """HTTPS with optional client certificates; the handshake is done in the connection's own thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, service: Service, context: ssl.SSLContext, *, reserved: bool) -> None:
        """`reserved`: the sandbox's own port, which its supervisor keeps while no server runs. Any other is not
        shared: two nodes with one port would get each other's requests.
        """
        self.service, self._context, self.allow_reuse_port = service, context, reserved
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake, then the requests; clients that connect and send nothing are ignored."""
        try:
            request.settimeout(30)
            secure = self._context.wrap_socket(request, server_side=True)
        except OSError:
            return
        with secure:
            try:
                Handler(secure, client_address, self)
            except OSError:
                return


class Handler(BaseHTTPRequestHandler):
    """HTTP in and out of `Service`."""

    protocol_version = "HTTP/1.1"
    server_version = "kaudit-setup-sandbox"
    sys_version = ""
    server: Web

    def log_message(self, format: str, *args: Any) -> None:
        """The real server does not log requests at this verbosity."""

    def _any(self) -> None:
        headers: dict[str, str] = {}
        for name in self.headers:
            values = self.headers.get_all(name) or []
            headers[name.lower()] = "\n".join(values) if name.lower() == "impersonate-group" else values[0]
        body = self.rfile.read(int(headers.get("content-length", "0") or "0"))
        answer = self.server.service.handle(
            Call(self.command, self.path, headers, body, self._peer(), self.client_address[0])
        )
        payload, kind = answer.payload()
        self.send_response(answer.code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        if answer.watch is None:
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(payload)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            time.sleep(answer.watch)
            self.wfile.write(b"0\r\n\r\n")
        finally:
            self.server.service.finish(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any

    def _peer(self) -> User | None:
        connection: Any = self.connection
        certificate = connection.getpeercert()
        return of_certificate(certificate["subject"]) if certificate else None


def main() -> None:
    """See the module's docstring."""
    line, config = int(sys.argv[1]), json.loads(sys.argv[2])
    hang_on(line, lambda: os._exit(0))
    container = Container(config)
    try:
        options = parse(container.argv[1:], container.kube)
    except FlagError as error:
        container.die(str(error))
        raise
    serve(container, options)


def serve(container: Container, options: Options) -> None:
    """Start, say so, answer until SIGTERM, drain."""

    def faults() -> Faults:
        return Faults.load(container.folder)

    decide = container.open_policy(options)
    sink = container.open_log(options, lambda: datetime.now(UTC) + timedelta(seconds=faults().clock_offset))
    backend = Backend(
        decide,
        sink,
        options,
        faults=faults,
        complain=lambda text: container.klog("E", "metrics.go:109", text),
        messages=container.kube >= KubeVersion(1, 24),
    )
    if decide and sink:
        container.klog("I", "server.go:100", "Using audit backend: ignoreErrors<log>")
    elif sink:
        container.klog("I", "audit.go:1", "No audit policy file provided, no events will be recorded for log backend")
    container.klog("I", "sandbox.go:1", "this API server is simulated by kaudit-setup's sandbox")
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    now = faults()
    if now.crash == "always" or (now.crash == "with-audit" and decide and sink):
        time.sleep(0.05)
        container.die("panic: the sandbox was told to crash this server")
    if ending.wait(now.start_seconds):
        return
    port = int(options.get("secure-port", "6443"))
    store = Store.open(container.cluster / FILE)
    if store.empty:
        sow(store, version=container.version)
    register(store, node=container.node, address=ADDRESS)
    store.announce(ADDRESS, port)
    service = Service(store, backend, version=container.version, healthy=lambda: not faults().never_ready)
    service.after = Controllers(service.handle, container.version).after
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(
            container.path(options.get("tls-cert-file"))[0], container.path(options.get("tls-private-key-file"))[0]
        )
        context.load_verify_locations(container.path(options.get("client-ca-file"))[0])
        context.verify_mode = ssl.CERT_OPTIONAL
        web = Web(port, service, context, reserved=port == container.reserved_port())
    except (OSError, ValueError) as error:
        container.die(f"failed to create listener: {error}")
        raise
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    container.klog("I", "secure_serving.go:213", f"Serving securely on {ADDRESS}:{port}")
    (container.folder / READY).touch()
    ending.wait()
    store.withdraw(ADDRESS, port)
    # the old server answers everything, /readyz included, until it is gone
    ended = time.monotonic()
    while time.monotonic() < ended + faults().drain_seconds:
        time.sleep(0.02)
    os._exit(0)


if __name__ == "__main__":
    main()
