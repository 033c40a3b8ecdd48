"""Proof that the server which the manifest asks for is the one that runs, answers, and writes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kaudit_setup.auditlog.event import decode_strictly
from kaudit_setup.change.expectation import Expectation
from kaudit_setup.change.probe import KUBECTL_VERBS
from kaudit_setup.errors import ScriptError
from kaudit_setup.node.cluster import prelude
from kaudit_setup.node.frames import Frames
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script
from kaudit_setup.units import natural

# kubelet's longest back-off, and what a start takes (kubelet.go: MaxContainerBackOff)
BACKOFF_S = 310
_PKI = "/etc/kubernetes/pki"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was seen: the server process, its arguments, and the marked event (empty if none was looked for).

    `hook`: `taken` where the webhook's receiver has taken events, else empty. `held`: seconds for which kubelet held
    the server back, 0 if it did not.
    """

    server: str
    argv: tuple[str, ...]
    event: bytes = b""
    hook: str = ""
    held: int = 0


@dataclass(frozen=True, slots=True)
class NotProved:
    """Why not: `timeout` or `crash`, in which phase, and the last lines of the server's own log."""

    reason: str
    phase: str
    server_log: str = field(default="", repr=False)


def audit_lines(argv: Sequence[str]) -> str:
    """The arguments that verify.sh compares, as `grep '^--audit' | sort` under LC_ALL=C prints them."""
    lines = "\n".join(argv).split("\n")
    return "\n".join(sorted((a for a in lines if a.startswith("--audit")), key=os.fsencode))


def verify(
    node: Node, want: Expectation, *, limit: int, progress: Callable[[str], None] = lambda _phase: None
) -> Proof | NotProved:
    """Wait on the node, at most `limit` seconds; `progress` hears each phase as it begins.

    Raises LostError if the connection breaks (the wait can be begun again), ScriptError for an answer that is none.
    """
    splitter, found = Frames(), dict[str, bytes]()

    def sink(chunk: bytes) -> None:
        for key, value in splitter.feed(chunk):
            found[key] = value
            if key == "phase":
                progress(value.decode("utf-8", "replace"))

    ran = node.sh(verify_script(want, limit), sink=sink, timeout=limit + BACKOFF_S + 30)
    if "gaveup" in found:
        return NotProved(
            found["gaveup"].decode("utf-8", "replace"),
            found.get("phase.last", b"").decode("utf-8", "replace"),
            found.get("serverlog", b"").decode("utf-8", "replace"),
        )
    if "proved" not in found:
        said = ran.err.decode("utf-8", "replace").strip() or f"exit status {ran.code}"
        raise ScriptError(f"{node.name}: waiting for the API server failed: {said}")
    words = {key: found.get(key, b"").decode("utf-8", "surrogateescape") for key in ("cmdline", "server", "hook")}
    argv, held = tuple(words["cmdline"].split("\n")), natural(found.get("held", b"").decode("utf-8", "replace")) or 0
    proof = Proof(words["server"], argv, found.get("event", b""), words["hook"], held)
    if want.probe and want.log and not is_evidence(proof.event, want):
        return NotProved("event", "event", proof.event.decode("utf-8", "replace"))
    return proof


def is_evidence(line: bytes, want: Expectation) -> bool:
    """Whether this line is a whole, valid event of the marked request at the level that the policy names."""
    if want.probe is None or want.mark.encode() not in line:
        return False
    start = line.find(b'{"kind":"Event"')
    if start < 0:
        # log format legacy: one text line, format.go:EventString
        return b"AUDIT: id=" in line
    event = decode_strictly(line[start:])
    if event is None or event.level != want.probe.decision.level:
        return False
    return event.audit_id == want.mark or want.mark in event.request_uri


def verify_script(want: Expectation, limit: int) -> str:
    """The text of the waiting script for this expectation."""
    old = "".join(f" {p.pid}:{p.start} " for p in want.old)
    variables = {
        "WANT": audit_lines(want.argv),
        "OLD": old,
        "LIMIT": str(limit),
        "BACKOFF": str(BACKOFF_S),
        "RESTART": "yes" if want.restart_kubelet else "",
        "RUN": want.run,
        "SETTLE": str(want.settle),
        "CRASHES": "yes" if want.crashes else "",
        "PORT": str(want.port),
        "LOG": want.log if want.probe else "",
        "MARK": want.mark,
        "HOOK": want.hook if want.identity else "",
        "HOOKWAIT": str(want.hook_wait),
    }
    text = [script("lib"), *(f"{k}={shlex.quote(v)}" for k, v in variables.items())]
    text += [_ready(want), _probe(want), _metrics(want), script("verify")]
    return "\n".join(text)


def _ready(want: Expectation) -> str:
    request = _request(want, "GET", "/readyz", timeout=5)
    if request is None:
        return "ready() { :; }"
    if want.identity and want.identity.client == "curl":
        return f'ready() {{ [ "$({request})" = 200 ]; }}'
    return f"ready() {{ {request} >/dev/null 2>&1; }}"


def _metrics(want: Expectation) -> str:
    """What the server counts, asked with whatever credential may (client.sh); nothing where none may."""
    if not (want.hook and want.identity):
        return "metrics() { :; }"
    asked = 'metrics() { ask GET /metrics && [ "$CODE" = 200 ] && cat "$ANSWER"; }'
    return "\n".join([prelude(Address(want.address, want.port)), script("client"), asked])


def _probe(want: Expectation) -> str:
    """True once the server has answered anything at all."""
    probe = want.probe
    if probe is None:
        return "probe() { :; }"
    request = _request(
        want, probe.method, probe.path, body=probe.body, mark=want.mark, timeout=5, anonymous=probe.anonymous
    )
    if request is None:
        return "probe() { false; }"
    if want.identity and want.identity.client == "curl":
        return f'probe() {{ [ "$({request})" != 000 ]; }}'
    # kubectl says NotFound or Forbidden for an answered request, and something else for an unanswered one
    return f"probe() {{ {request} 2>&1 | grep -qE 'NotFound|Forbidden|BadRequest|Invalid|Unauthorized|kind|[{{]'; }}"


def _request(
    want: Expectation,
    method: str,
    path: str,
    *,
    timeout: int,
    body: str = "",
    mark: str = "",
    anonymous: bool = False,
) -> str | None:
    """One shell command that sends the request to this very server; None where nothing on the node can.

    With curl it prints the HTTP status; kubectl prints the body.
    """
    if want.identity is None:
        return None
    address = f"[{want.address}]" if ":" in want.address else want.address
    if want.identity.client == "kubectl":
        verb = KUBECTL_VERBS[method]
        kubectl = ["kubectl", "--server", f"https://{address}:{want.port}", f"--request-timeout={timeout}s"]
        kubectl += ["--tls-server-name", "kubernetes.default.svc", verb, "--raw", path]
        text = f"KUBECONFIG=$(admin_conf) {shlex.join(kubectl)}"
        return f"printf %s {shlex.quote(body)} | {text} -f -" if method in {"POST", "PUT"} else text
    # kubeadm's serving certificate always names kubernetes.default.svc; the address may not be in it
    host = "kubernetes.default.svc"
    curl = [
        "curl",
        "-q",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-m",
        str(timeout),
        "-X",
        method,
    ]
    curl += ["--noproxy", "*", "--resolve", f"{host}:{want.port}:{address}"]
    if mark:
        curl += ["-H", f"Audit-ID: {mark}"]
    if anonymous:
        curl += ["-H", f"Authorization: Bearer {mark}"]
    if body:
        curl += ["-H", "Content-Type: application/json", "--data-binary", body]
    text = shlex.join(curl) + f' --cacert "$R"{_PKI}/ca.crt'
    if not anonymous:
        text += f' --cert "$R"{_PKI}/apiserver-kubelet-client.crt --key "$R"{_PKI}/apiserver-kubelet-client.key'
    return text + " " + shlex.quote(f"https://{host}:{want.port}{path}")
