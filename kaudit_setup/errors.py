"""Every error that a user can meet, and the exit code that it ends with.

    KauditError              1  failed; the node was left or put back in its old state
    ├── InputError           2  wrong usage or bad input (a flag, a file, a policy, an inventory)
    │   ├── ManifestError    2  the manifest cannot be read or must not be patched
    │   └── PolicyError      2  kube-apiserver would refuse this policy; `problems` has every reason
    ├── NodeError            1  the node could not be reached or did not answer as it should
    │   ├── HostKeyError     1  its host key is unknown or has changed
    │   ├── AuthError        1  login or sudo was refused
    │   ├── ScriptError      1  a script ran on the node and did not say what it should
    │   └── LostError        1  the connection broke while something was under way
    ├── StoreError           1  an archive or a store of logs did not answer as it should
    ├── RefusedError         1  preflight found something that would break the API server; nothing was changed
    ├── ChangeError          1  the change was not made, or was undone; the node works as before
    │   ├── UntouchedError   1  it was not even begun: the node said no, or could not be reached any more
    │   └── PendingError     1  the node is out of reach; its watchdog puts the old state back
    ├── BrokenError          4  the node needs a person; `hint` says exactly what to type
    └── StoppedError     130  Ctrl-C

Each error is one sentence that names the thing and the place, and a `hint` that names the fix.
The one error boundary is `cli.main`.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    WOULD_CHANGE = 3
    NEEDS_PERSON = 4
    INTERRUPTED = 130
    UNREAD = 141


class KauditError(Exception):
    """Base of all expected failures: one sentence, a fix, an exit code."""

    exit_code: Exit = Exit.FAILED

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        """`details` may hold several lines of evidence (a log's tail); it is printed below the sentence."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


class InputError(KauditError):
    """Wrong usage or bad input."""

    exit_code = Exit.USAGE


class ManifestError(InputError):
    """The kube-apiserver manifest cannot be read, or patching it would alter something else."""


class PolicyError(InputError):
    """kube-apiserver would refuse this policy file."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details)
        self.problems = problems


class StoreError(KauditError):
    """An archive or a store of logs could not be reached, or did not answer as it should."""


class StoredObjectError(StoreError):
    """One object of a store could not be read; the others may be."""


class RefusedError(KauditError):
    """Preflight found something that would break the API server; nothing was changed."""


class NodeError(KauditError):
    """The node could not be reached, or did not answer as it should."""


class HostKeyError(NodeError):
    """The node's host key is unknown or has changed; the connection was refused."""


class AuthError(NodeError):
    """Login or sudo was refused."""


class ScriptError(NodeError):
    """A script ran on the node and did not say what it should; running it again will not help."""


class LostError(NodeError):
    """The connection broke while something was under way."""


class ChangeError(KauditError):
    """The change was not made, or was undone; the node works as before."""


class UntouchedError(ChangeError):
    """The change was not even begun: the node refused it, or could not be reached any more (`unreached`)."""

    def __init__(self, message: str, *, unreached: bool = False, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details)
        self.unreached = unreached


class PendingError(ChangeError):
    """The node cannot be reached any more; the watchdog on it puts the old state back by itself."""


class BrokenError(KauditError):
    """The node needs a person; the hint says exactly what to type."""

    exit_code = Exit.NEEDS_PERSON


class StoppedError(KauditError):
    """The user interrupted the run."""

    exit_code = Exit.INTERRUPTED
