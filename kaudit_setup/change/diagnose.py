"""What the last lines of a failed kube-apiserver mean. Pure; hostile text in, plain sentences out."""

from __future__ import annotations

import re

from kaudit_setup.change.verify import NotProved

# (what its log says, what that means); sources: kube-apiserver's own messages, seen by running 1.20 and 1.36
_MEANINGS = (
    (r"unknown flag: (--\S+)", "this kube-apiserver does not know the flag {0}"),
    (r'invalid argument "(.*?)" for "?(--[\w-]+)', "the value {0} of {1} is not of the flag's type"),
    (
        r"loading audit policy file: failed to read file path .*?: open (\S+?):? ",
        "the policy file {0} is not visible inside the container: its volume or mount is missing",
    ),
    (r"loading audit policy file: (.*)", "kube-apiserver refuses the policy: {0}"),
    (r"ensureLogFile: (.*)", "the audit log cannot be created: {0}"),
    (r"bind: address already in use", "another server still holds the port"),
    (
        r"failed to store audit event",
        "events cannot be written to the log, and audit-log-mode=blocking-strict refuses requests for it",
    ),
    (r"(no space left on device)", "a disk of the node is full"),
    (r"(permission denied)", "a file or folder is not readable or writable for the server"),
    (r"(read-only file system)", "the log's folder is mounted read-only"),
    (r"context deadline exceeded|connection refused.*2379", "etcd did not answer"),
)


def meaning(server_log: str) -> str:
    """One sentence, empty if nothing known is said."""
    for line in reversed(server_log.splitlines()):
        for pattern, sentence in _MEANINGS:
            found = re.search(pattern, line)
            if found:
                return sentence.format(*(g.strip('"\\') for g in found.groups()))
    return ""


_CRI_PREFIX = re.compile(r"^\S+ (?:stdout|stderr) [FP] ")
_TELLING = re.compile(r"^[EF]\d{4} |^Error: |panic|fatal|failed|refused|denied", re.IGNORECASE)


def telling_lines(server_log: str, most: int = 8) -> str:
    """The lines of a container log that say what went wrong, without kubelet's prefix and without Go stacks."""
    lines = [_CRI_PREFIX.sub("", line).rstrip() for line in server_log.splitlines()]
    stack = ("\t", "goroutine ", "k8s.io/", "net/", "created by ")
    telling = [line for line in lines if _TELLING.search(line) and not line.startswith(stack)]
    return "\n".join(line[:400] for line in (telling or [line for line in lines if line])[-most:])


def phase_words(phase: str, *, restarts: bool = True) -> str:
    """What was being waited for, in words. `restarts`: whether an old server has to go first."""
    new = "the new kube-apiserver" if restarts else "kube-apiserver"
    return {
        "restart": "kubelet to restart kube-apiserver" if restarts else "kube-apiserver to run with these settings",
        "drain": "the old kube-apiserver to end",
        "start": f"{new} to answer",
        "again": "kube-apiserver to start again after it ended",
        "backoff": "kubelet, which holds back a server that was started several times within minutes (up to 5 "
        "minutes; `systemctl restart kubelet` on the node ends that, as does --restart-kubelet)",
        "kubelet": "kubelet, which was restarted because it held back the server",
        "event": "the marked request to appear in the audit log",
        "ready": f"/readyz of {new}",
        "settle": "kube-apiserver to stay up",
        "webhook": "the webhook's receiver to take the marked event",
    }.get(phase, "the node")


def why_not_proved(seen: NotProved) -> str:
    """The reason in words, with what the server's own log says of it."""
    known = meaning(seen.server_log)
    because = f": {known}" if known else ""
    reasons = {
        "crash": f"kube-apiserver does not start with the new settings{because}",
        "webhook": "kube-apiserver could not deliver events to the webhook's receiver",
        "event": "what was found in the audit log is not a valid event of the marked request",
    }
    return reasons.get(seen.reason, f"timed out waiting for {phase_words(seen.phase)}{because}")
