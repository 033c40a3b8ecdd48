"""From a request to a plan that can be reviewed: look, look again where the plan needs it, plan, inspect."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from kaudit_setup.change.backup import Backup, backups_of
from kaudit_setup.change.plan import (
    FileWanted,
    Plan,
    Wanted,
    look_at,
    paths_of,
    plan_disable,
    plan_enable,
    plan_write,
    pod_of,
    settings_for,
    sha256,
)
from kaudit_setup.change.preflight import Finding, inspect
from kaudit_setup.errors import ChangeError, InputError, PolicyError
from kaudit_setup.manifest.patch import patch
from kaudit_setup.manifest.pod import read
from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH
from kaudit_setup.model import LOG_FLAG, NEWEST, POLICY_FLAG, WEBHOOK_FLAG, AuditSettings, KubeVersion
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Observed, observe
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script
from kaudit_setup.policy.load import load


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with what it was made from and what stands in its way.

    `kubeadm_config`: where a backup is put back, the cluster's ClusterConfiguration as the backup has it.
    """

    observed: Observed
    plan: Plan
    findings: tuple[Finding, ...]
    kubeadm_config: str = field(default="", repr=False)


_PATH_FLAGS = {"policy": POLICY_FLAG, "log": LOG_FLAG, "webhook": WEBHOOK_FLAG}


def look(node: Node, manifest: str, paths: Callable[[Observed], list[str]], *, first: Sequence[str] = ()) -> Observed:
    """Look once; and once more if the plan turns on files that the first look did not know of.

    `first`: what is known to be wanted before anything was seen.
    """
    observed = observe(node, manifest=manifest, look_at=first)
    missing = [p for p in paths(observed) if not _was_seen(observed, p)]
    return observe(node, manifest=manifest, look_at=paths(observed)) if missing else observed


def _was_seen(observed: Observed, path: str) -> bool:
    if path.startswith("log:"):
        return observed.log.path == path.removeprefix("log:")
    return path.removeprefix("secret:").removeprefix("policy:") in observed.files


def prepare_enable(node: Node, wanted: Wanted, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Raises ManifestError, InputError, NodeError."""

    def paths(observed: Observed) -> list[str]:
        pod = pod_of(observed)
        refuse_bad_policy(wanted.policy, pod.version or NEWEST)
        settings = settings_for(observed, pod, wanted)
        after = read(patch(observed.manifest.text, settings, pod.version or NEWEST))
        return look_at(paths_of(settings, after))

    named = {kind: wanted.flags.get(flag, "") for kind, flag in _PATH_FLAGS.items()}
    if wanted.webhook_config is not None:
        named["webhook"] = named["webhook"] or DEFAULT_WEBHOOK_PATH
    # as they are on the node, too, unless a mount says otherwise: then there is a second look
    first = look_at({kind: path for kind, path in named.items() if path.startswith("/")})
    observed = look(node, manifest, paths, first=first)
    plan = plan_enable(observed, wanted)
    pod = pod_of(observed)
    found = inspect(observed, pod, plan, prove=prove)
    return Prepared(observed, plan, (*found, *(_lint(wanted.policy, pod.version or NEWEST) if plan else ())))


def _lint(policy: bytes, version: KubeVersion) -> Iterator[Finding]:
    """What `policy lint` calls an error, as findings that block."""
    from kaudit_setup.policy.lint import lint

    for finding in lint(load(policy, version), version):
        if finding.severity == "error":
            where = f"line {finding.line} of the policy: " if finding.line else "the policy: "
            yield Finding("policy-lint", True, where + finding.message, finding.mend)


def refuse_bad_policy(policy: bytes, version: KubeVersion) -> None:
    """Raises PolicyError with every reason for which kube-apiserver of that version would not start with it."""
    errors = [str(problem) for problem in load(policy, version).errors]
    if errors:
        raise PolicyError(
            f"kube-apiserver {version} would refuse the policy and not start: {errors[0]}",
            problems=tuple(errors),
            hint="`kaudit-setup policy validate FILE` says where",
            details="\n".join(errors[1:]),
        )


def look_at_current(node: Node, manifest: str = "") -> Observed:
    """The node as it is, with the files that its present audit flags name."""

    def paths(observed: Observed) -> list[str]:
        pod = pod_of(observed)
        return look_at(paths_of(AuditSettings(pod.flags), pod))

    return look(node, manifest, paths)


def prepare_disable(node: Node, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Raises ManifestError, NodeError."""
    observed = look_at_current(node, manifest)
    ours = {path: sha for entry in observed.journal for path, sha in entry.get("files", {}).items()}
    plan = plan_disable(observed, ours)
    return Prepared(observed, plan, inspect(observed, pod_of(observed), plan, prove=prove))


def prepare_rollback(node: Node, to: str | None, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Plan to put back the files of backup `to`, the newest if None. Raises InputError, ChangeError, NodeError."""
    observed = observe(node, manifest=manifest)
    backup = pick(backups_of(observed), to, node.name)
    contents = fetch(node, backup)
    observed = observe(
        node, manifest=manifest, look_at=[f"secret:{f.path}" if f.secret else f.path for f in backup.files]
    )
    files = {f.path: FileWanted(contents.get(f.path), f.mode, f.owner, f.secret) for f in backup.files}
    plan = plan_write("rollback", observed, files)
    return Prepared(observed, plan, inspect(observed, pod_of(observed), plan, prove=prove), backup.kubeadm_config)


def pick(found: tuple[Backup, ...], wanted: str | None, where: str) -> Backup:
    """The backup with that name, or an unambiguous part of one; the newest if nothing is named."""
    if not found:
        raise InputError(f"{where} has no backups", hint="nothing was ever changed there by this tool")
    if wanted is None:
        return found[-1]
    if wanted == "first":
        return found[0]
    matching = [b for b in found if wanted in b.name]
    if len(matching) != 1:
        raise InputError(
            f"{where}: {wanted!r} names {'no backup' if not matching else f'{len(matching)} backups'}",
            hint="see `kaudit-setup backups list`",
        )
    return matching[0]


def fetch(node: Node, backup: Backup) -> dict[str, bytes]:
    """The files of a backup, byte for byte; raises ChangeError if one is damaged."""
    names = [str(f.number) for f in backup.files if f.sha256]
    folder = posixpath.join("/var/lib/kaudit-setup/backups", backup.name, "files")
    ran = node.sh(script("lib") + script("fetch"), [folder, *names], timeout=60)
    by_number = dict(frames(ran.out)) if ran.code == 0 else {}
    contents = {f.path: by_number.get(str(f.number), b"") for f in backup.files if f.sha256}
    for file in backup.files:
        if file.sha256 and sha256(contents[file.path]) != file.sha256:
            raise ChangeError(
                f"{node.name}: backup {backup.name} is damaged: {file.path} does not have the recorded SHA-256",
                hint="take another one: `kaudit-setup backups list`",
            )
    return contents


def remove_backups(node: Node, names: Sequence[str]) -> None:
    """Remove backups by name. Raises ChangeError if one could not be removed."""
    if not names:
        return
    ran = node.sh(script("lib") + script("prune"), list(names), timeout=60)
    if ran.code != 0:
        raise ChangeError(f"{node.name}: backups could not be removed: {ran.err.decode('utf-8', 'replace').strip()}")
