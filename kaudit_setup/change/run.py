"""Carrying out a plan on one node: back up, arm the watchdog, apply, prove, confirm; or undo."""

from __future__ import annotations

import posixpath
import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kaudit_setup.change import backup as backups
from kaudit_setup.change.cancel import Brake, Level, PulledError
from kaudit_setup.change.diagnose import meaning, phase_words, telling_lines
from kaudit_setup.change.plan import Plan, WriteFile, sha256
from kaudit_setup.change.probe import choose, identity
from kaudit_setup.change.script import Run, apply_script, confirm_script, undo_script
from kaudit_setup.change.verify import Expectation, NotProved, Proof, address_of, log_on_host, verify, webhook_on_host
from kaudit_setup.errors import (
    AuthError,
    BrokenError,
    ChangeError,
    HostKeyError,
    LostError,
    NodeError,
    PendingError,
    ScriptError,
    StoppedError,
    UntouchedError,
)
from kaudit_setup.manifest.pod import ApiServerPod, host_path, read
from kaudit_setup.model import NEWEST, AuditSettings
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Observed, Process
from kaudit_setup.node.port import Node, Ran
from kaudit_setup.policy.load import load

Progress = Callable[[str], None]

# Time for what follows the proof (confirming) and for a connection that has to be made anew meanwhile.
_WATCHDOG_SLACK_S = 45
# How long a node that does not answer is asked to put the old state back, before that is left to its watchdog.
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """How a change is made. `timeout`: seconds for the proof beside the old server's drain; `prove` False on a
    folder that holds a node's files; `by`: who asked; `kubeadm_config`: what the cluster has stored now, to be kept
    in the backup. `brake` breaks off what is not proved yet once it is pulled to `heeds`.
    """

    by: str
    timeout: int = 180
    keep: int = 20
    prove: bool = True
    kubeadm_config: str = ""
    brake: Brake = field(default_factory=Brake, repr=False)
    heeds: Level = Level.STOP


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the backup's name and the proof; both None where nothing had to change."""

    backup: str | None
    proof: Proof | None
    note: str = ""
    seconds: float = 0.0


def expectation(plan: Plan, observed: Observed, mark: str) -> Expectation:
    """What must be true once the plan is carried out; also for an empty plan, of the node as it is."""
    after = {c.path: c.after for c in plan.changes if isinstance(c, WriteFile)}
    manifest = after.get(plan.manifest, observed.manifest.content or b"")
    pod = read(manifest.decode("utf-8", "surrogateescape"))
    settings = AuditSettings(pod.flags)
    address, port = address_of(pod)
    who = identity(observed)
    probe = None
    log = log_on_host(pod, settings)
    hook, hook_wait = webhook_on_host(pod, settings)
    if (log or hook) and who:
        path = host_path(pod, settings.policy_path) or settings.policy_path
        policy = load(after.get(path, observed.file(path).content or b""), pod.version or NEWEST).policy
        probe = choose(policy, who, mark, pod.version or NEWEST) if policy else None
    return Expectation(
        argv=pod.argv,
        address=address,
        port=port,
        log=log,
        mark=mark,
        identity=who,
        probe=probe,
        old=observed.servers if plan.restarts else (),
        # its metrics count from the server's start, so they say something of a new server only
        hook=hook if probe and plan.restarts else "",
        hook_wait=hook_wait,
    )


def enact(node: Node, plan: Plan, observed: Observed, terms: Terms, progress: Progress) -> Outcome:
    """Do it, prove it, keep it; or put the node back and say why.

    Raises UntouchedError (nothing was even begun), ChangeError (everything is back as it was), BrokenError (a person
    is needed), PendingError (left to the watchdog on the node), StoppedError (interrupted; the old files are back).
    """
    began = time.monotonic()
    run_id = secrets.token_hex(8)
    run = Run(
        run_id,
        backups.name_of(observed, run_id),
        static_dir=observed.static_dir,
        same_device=observed.static_same_device,
    )
    before = read(observed.manifest.text)
    limit = terms.timeout + _drain_s(before)
    want = expectation(plan, observed, f"kaudit-probe-{secrets.token_hex(8)}") if terms.prove else None
    if want is not None:
        want = replace(want, run=f"/var/lib/kaudit-setup/run/{run.id}")
    text, payload = apply_script(
        plan,
        run,
        backup=backups.describe(
            plan,
            observed,
            name=run.backup,
            by=terms.by,
            flags_before=dict(before.flags),
            kubeadm_config=terms.kubeadm_config,
        ),
        about={"action": plan.action, "by": terms.by, "deadline": observed.uptime + limit + _WATCHDOG_SLACK_S},
        watchdog_s=limit + _WATCHDOG_SLACK_S if terms.prove else None,
    )
    progress("backing up and writing")
    proof: Proof | None = None
    try:
        _applied(node, _begun(node, text, payload))
        if want is not None:
            seen = _patiently(node, want, limit, progress, terms.brake, terms.heeds)
            if isinstance(seen, NotProved):
                raise _UnprovedError(seen)
            proof = seen
        _confirm(node, plan, run, observed, terms, want)
    except (NodeError, PulledError, _UnprovedError) as failure:
        raise _take_back(node, plan, run, observed, limit, failure, progress, terms.brake) from failure
    note = unproved_note(want, proof) if want else "nothing was proved: this is a folder, not a living node"
    return Outcome(run.backup, proof, note, seconds=time.monotonic() - began)


def prove_unchanged(node: Node, plan: Plan, observed: Observed, terms: Terms, progress: Progress) -> Outcome:
    """The settings are in place already: prove that they work. Raises ChangeError where they do not, StoppedError."""
    began = time.monotonic()
    if not terms.prove:
        return Outcome(None, None, note="nothing was proved: this is a folder, not a living node")
    want = expectation(plan, observed, f"kaudit-probe-{secrets.token_hex(8)}")
    try:
        seen = _patiently(node, want, terms.timeout, progress, terms.brake, terms.heeds)
    except PulledError as pulled:
        raise StoppedError(f"{node.name}: interrupted; nothing was changed") from pulled
    if isinstance(seen, NotProved):
        why, details = _reason(_UnprovedError(seen))
        raise ChangeError(
            f"{node.name}: the settings are in place, but {why}; nothing was changed",
            hint="see `kaudit-setup status`",
            details=details,
        )
    return Outcome(None, seen, note=unproved_note(want), seconds=time.monotonic() - began)


def unproved_note(want: Expectation, proof: Proof | None = None) -> str:
    """Why no event was looked for, or not found at the webhook's receiver; empty if one was or auditing is off."""
    if want.hook and proof and proof.hook != "taken":
        return "the server has sent no event to the webhook's receiver yet, so that only the receiver can tell"
    if (want.log or want.hook) and want.probe is None:
        return "this policy logs no harmless request, so no event could be proved; the server runs with it"
    return ""


class _UnprovedError(Exception):
    def __init__(self, seen: NotProved) -> None:
        super().__init__(seen.reason)
        self.seen = seen


def _drain_s(pod: ApiServerPod) -> int:
    """How long the old server may go on: kubelet waits so long before it kills (kuberuntime_container.go)."""
    return pod.grace_seconds + 10


def _begun(node: Node, text: str, payload: bytes) -> Ran:
    """Send the steps. Only a connection that breaks under way leaves open whether they were done."""
    try:
        return node.sh(text, stdin=payload, timeout=120)
    except LostError:
        raise
    except NodeError as error:
        raise UntouchedError(
            f"{error.message}; nothing was changed on {node.name}", unreached=True, hint=error.hint
        ) from error


def _applied(node: Node, ran: Ran) -> None:
    """Nothing if the steps were done; else the error that says what state the node is in."""
    found = dict(frames(ran.out)) if ran.out else {}
    if ran.code == 0 and "applied" in found:
        return
    reason = found.get("error", ran.err.strip() or b"the node did not say why").decode("utf-8", "replace")
    if ran.code == 13 or (found.get("undone") == b"no"):
        raise BrokenError(
            f"{node.name}: {reason}; and not everything could be put back",
            hint="see `kaudit-setup backups list`; the old files are whole below /var/lib/kaudit-setup/backups",
        )
    hint = {
        10: "look at what changed and run the command again",
        11: "wait for it, or see `kaudit-setup status`",
        12: "make room there, or make it writable, and run the command again",
    }
    raise UntouchedError(f"{node.name}: {reason}; nothing was changed", hint=hint.get(ran.code, ""))


def _patiently(
    node: Node, want: Expectation, limit: int, progress: Progress, brake: Brake, heeds: Level
) -> Proof | NotProved:
    """`verify`, begun again on a new connection when the old one breaks, until the time is up. Raises PulledError."""
    deadline = time.monotonic() + limit

    def told(phase: str) -> None:
        progress(f"waiting for {phase_words(phase)}")

    while True:
        try:
            with brake.frees(heeds, node.close):
                return verify(node, want, limit=max(1, int(deadline - time.monotonic())), progress=told)
        except (ScriptError, HostKeyError, AuthError):
            raise
        except NodeError as error:
            if time.monotonic() >= deadline - 2:
                raise LostError(error.message, hint=error.hint) from error
            progress(f"the connection broke; connecting again, for {limit} s at most")
            brake.pause(1, heeds)


def _confirm(node: Node, plan: Plan, run: Run, observed: Observed, terms: Terms, want: Expectation | None) -> None:
    names = [b.name for b in backups.backups_of(observed)]
    entry = {
        "action": plan.action,
        "run": run.id,
        "result": "proved" if want and want.probe else "done",
        "by": terms.by,
        "backup": run.backup,
        "flags": dict(plan.settings.flags) if plan.settings else {},
        "files": {c.path: (sha256(c.after) if isinstance(c, WriteFile) else "absent") for c in plan.files},
    }
    ran = node.sh(
        confirm_script(plan, run, entry=entry, prune=backups.prune([*names, run.backup], terms.keep)), timeout=60
    )
    found = dict(frames(ran.out)) if ran.out else {}
    if "late" in found:
        raise ChangeError(
            f"{node.name}: the proof came too late; the watchdog had already put the old state back",
            hint="run again with a longer --timeout",
        )
    if "confirmed" not in found:
        raise LostError(
            f"{node.name}: the change could not be confirmed: {ran.err.decode('utf-8', 'replace').strip()}"
        )


def _take_back(
    node: Node,
    plan: Plan,
    run: Run,
    observed: Observed,
    limit: int,
    failure: BaseException,
    progress: Progress,
    brake: Brake,
) -> ChangeError | BrokenError | StoppedError:
    """Undo and say what the node is like now."""
    why, details = _reason(failure)
    why = why.removeprefix(f"{node.name}: ")
    progress("putting the old state back")
    try:
        ran = _reconnecting(node, undo_script(plan, run), brake)
    except (NodeError, PulledError) as error:
        left = "it was left at once" if isinstance(error, PulledError) else str(error)
        return PendingError(
            f"{node.name}: {why}; and then {left}",
            hint=f"while the node runs, its watchdog puts the old state back within {limit + _WATCHDOG_SLACK_S} s; "
            "when it answers again, see `kaudit-setup status` and run the same command again",
            details=details,
        )
    found = list(frames(ran.out)) if ran.out else []
    if ("outcome", b"undone") not in found:
        return _needs_person(node, plan, run, f"{why}; and not everything could be put back", details)
    foreign = [v.decode("utf-8", "replace") for k, v in found if k == "foreign"]
    if foreign:
        details += f"\n{', '.join(foreign)} was changed by somebody else meanwhile and was left alone"
    running = [tuple(map(int, v.split())) for k, v in found if k == "server" and len(v.split()) == 2]
    kept = {(p.pid, p.start) for p in observed.servers}
    since = tuple(Process(pid, start, ()) for pid, start in running if (pid, start) not in kept)
    if ("late", b"yes") in found:
        # the watchdog was first: what runs by now may well be the old state already
        since = ()
    now = expectation(Plan("undo", (), plan.manifest, None), observed, "none")
    back = replace(now, log="", probe=None, old=since, settle=3, crashes=False)
    kind = StoppedError if isinstance(failure, PulledError) else ChangeError
    try:
        healthy = _patiently(node, back, limit, progress, brake, Level.LEAVE) if observed.servers else None
    except PulledError:
        return StoppedError(
            f"{node.name}: {why}; the old files are back, and its API server was not waited for",
            hint="see `kaudit-setup status`",
            details=details,
        )
    except NodeError as error:
        return kind(f"{node.name}: {why}; the old files are back", hint=error.message, details=details)
    if isinstance(healthy, NotProved):
        return _needs_person(
            node, plan, run, f"{why}; the old files are back, but {phase_words(healthy.phase)} took too long", details
        )
    return kind(f"{node.name}: {why}; the old state is back and the API server answers", details=details)


def _reconnecting(node: Node, text: str, brake: Brake) -> Ran:
    """Raises PulledError once the brake says to leave; what was sent is done on the node all the same."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with brake.frees(Level.LEAVE, node.close):
                return node.sh(text, timeout=120)
        except NodeError:
            if time.monotonic() >= deadline:
                raise
            brake.pause(1, Level.LEAVE)


def _reason(failure: BaseException) -> tuple[str, str]:
    if isinstance(failure, _UnprovedError):
        seen = failure.seen
        known = meaning(seen.server_log)
        if seen.reason == "crash":
            why = f"kube-apiserver does not start with the new settings{': ' + known if known else ''}"
        elif seen.reason == "webhook":
            why = "kube-apiserver could not deliver events to the webhook's receiver"
        elif seen.reason == "event":
            why = "what was found in the audit log is not a valid event of the marked request"
        else:
            why = f"waited in vain for {phase_words(seen.phase)}{': ' + known if known else ''}"
        return why, telling_lines(seen.server_log)
    if isinstance(failure, PulledError):
        return "interrupted", ""
    return str(failure), ""


def _needs_person(node: Node, plan: Plan, run: Run, why: str, details: str) -> BrokenError:
    """Says exactly what to type on the node."""
    files = f"/var/lib/kaudit-setup/backups/{run.backup}/files"
    mends = []
    for number, change in enumerate(plan.files):
        path = shlex.quote(change.path)
        if change.before.kind == "file":
            # by way of a dot-file: kubelet must never see half of a manifest
            between = shlex.quote(f"{posixpath.dirname(change.path)}/.kaudit.mend")
            mends.append(f"cp -p {files}/{number} {between} && mv -f {between} {path}")
        else:
            mends.append(f"rm -f {path}")
    return BrokenError(
        f"{node.name}: {why}",
        hint="on the node, as root: " + "; ".join(reversed(mends)) + "; then see why with: crictl ps -a --name "
        "kube-apiserver; journalctl -u kubelet",
        details=details,
    )


def probe_now(node: Node, observed: Observed, *, limit: int) -> Proof | NotProved | None:
    """Send a marked request to the server as it runs; None where auditing is off or writes no log."""
    pod = read(observed.manifest.text)
    if not log_on_host(pod, AuditSettings(pod.flags)):
        return None
    plan = Plan("verify", (), observed.manifest.target, AuditSettings(pod.flags))
    want = expectation(plan, observed, f"kaudit-probe-{secrets.token_hex(8)}")
    return _patiently(node, want, limit, lambda _what: None, Brake(), Level.STOP)
