"""What a user asked for, what the node has and the defaults → the settings that shall be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kaudit_setup.errors import InputError
from kaudit_setup.manifest import flags
from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG, AuditSettings, KubeVersion

DEFAULT_POLICY_PATH = "/etc/kubernetes/audit-policy.yaml"
DEFAULT_LOG_PATH = "/var/log/kubernetes/audit/audit.log"
DEFAULT_WEBHOOK_PATH = "/etc/kubernetes/audit-webhook.kubeconfig"
# CIS Kubernetes Benchmark 1.2.17 to 1.2.19
ROTATION = {"audit-log-maxage": "30", "audit-log-maxbackup": "10", "audit-log-maxsize": "100"}
# The order in which the flags are appended where order is free; the others follow by name.
_FIRST = (POLICY_FLAG, LOG_FLAG, *ROTATION)


def desired(
    explicit: Mapping[str, str],
    existing: Mapping[str, str],
    policy_sha256: str,
    version: KubeVersion | None = None,
    *,
    webhook_sha256: str = "",
) -> AuditSettings:
    """The audit flags that the node shall have: what the user said, else what is there, else the defaults.

    A flag on the node that kube-apiserver of that version does not have is left out: no server starts with it.

    `explicit`, `existing`: audit flags without the leading dashes; an explicit empty value takes the flag away (an
    empty log path leaves the webhook alone). Audit that somebody set up by hand is adopted: its paths stay unless
    told otherwise. Log path `-` is standard output and has no rotation.
    Raises InputError if kube-apiserver of that version would refuse them, or audit nothing.
    """
    wanted = _wanted(explicit, existing, table(version))
    settings = AuditSettings(
        {name: wanted[name] for name in sorted(wanted, key=_rank)},
        policy_sha256 if wanted.get(POLICY_FLAG) else "",
        webhook_sha256 if wanted.get(WEBHOOK_FLAG) else "",
    )
    _refuse(settings, version)
    return settings


def _wanted(explicit: Mapping[str, str], existing: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The flags in no order."""
    wanted = {POLICY_FLAG: DEFAULT_POLICY_PATH, LOG_FLAG: DEFAULT_LOG_PATH}
    wanted |= {name: value for name, value in existing.items() if name in known and (value or name not in wanted)}
    wanted |= explicit
    if wanted[LOG_FLAG] in {"", "-"}:
        unasked = ROTATION.keys() - explicit
        wanted = {name: value for name, value in wanted.items() if name not in unasked}
    else:
        wanted = ROTATION | wanted
    return {name: value for name, value in wanted.items() if value or not _droppable(name, known)}


def parse_set(words: list[str]) -> dict[str, str]:
    """`NAME=VALUE` words of --set as flags; a leading `--` is taken away. Raises InputError for anything else."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals or not name.startswith("audit-"):
            raise InputError(
                f"--set {word} does not set an audit flag",
                hint="write it as the server's flag without dashes, e.g. --set audit-log-batch-max-size=100",
            )
        if name in found and found[name] != value:
            raise InputError(f"--set gives {name} twice: {found[name]} and {value}", hint="give it once")
        found[name] = value
    return found


def _droppable(name: str, known: Collection[str]) -> bool:
    """Whether an empty value means that the flag is not given: of paths, and of flags that there are not."""
    return name in {POLICY_FLAG, LOG_FLAG, WEBHOOK_FLAG} or name not in known


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _refuse(settings: AuditSettings, version: KubeVersion | None) -> None:
    problems = [*flags.check(settings.flags, version), *_silent(settings), *_bad_paths(settings)]
    if problems:
        what = f"kube-apiserver {version}" if version else "kube-apiserver"
        raise InputError(
            f"{what} would not audit with these settings: {problems[0]}",
            hint="take it away, or give its right name: `kube-apiserver --help` lists all --audit-* flags"
            if "is not a flag" in problems[0]
            else "fix that value; `kaudit-setup manifest patch --help` has examples",
            details="\n".join(problems[1:]),
        )


def _silent(settings: AuditSettings) -> Iterator[str]:
    """Why nothing would be audited."""
    if not settings.policy_path:
        yield f"without --{POLICY_FLAG} nothing would be audited"
    if not settings.log_path and not settings.webhook_path:
        yield f"without --{LOG_FLAG} and --{WEBHOOK_FLAG} nothing would be audited"


def _bad_paths(settings: AuditSettings) -> Iterator[str]:
    for name in (POLICY_FLAG, LOG_FLAG, WEBHOOK_FLAG):
        path = settings.flags.get(name, "")
        if path not in {"", "-"} and not _is_file_path(path):
            quoted = "; the quotes are part of it: write it without them" if path[0] in "\"'" else ""
            yield f"--{name}={path} is not the absolute path of a file{quoted}"


def _is_file_path(path: str) -> bool:
    parts = path.split("/")
    return (
        path.startswith("/") and not path.startswith("//") and parts[-1] not in {"", ".", ".."} and ".." not in parts
    )
