"""One node as it was observed, its manifest read once: what every plan, check and status is made from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaudit_setup.change.permissions import LogGroup
from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest.pod import ApiServerPod, host_path, read
from kaudit_setup.model import AuditSettings, KubeVersion, read_as
from kaudit_setup.node.installers import Installer, recognise
from kaudit_setup.node.observe import FileSeen, Observed


@dataclass(frozen=True, slots=True)
class AuditPaths:
    """Where the files that the audit flags name are on the node; empty where there is none (`-` is no file)."""

    policy: str = ""
    log: str = ""
    webhook: str = ""

    @classmethod
    def of(cls, settings: AuditSettings, pod: ApiServerPod) -> AuditPaths:
        """Behind the mounts of `pod`."""

        def on_host(path: str) -> str:
            return "" if path in {"", "-"} else host_path(pod, path) or path

        return cls(on_host(settings.policy_path), on_host(settings.log_path), on_host(settings.webhook_path))

    def arguments(self) -> list[str]:
        """The same as arguments of `observe`."""
        named = (("policy:", self.policy), ("log:", self.log), ("secret:", self.webhook))
        return [prefix + path for prefix, path in named if path]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the node's journal: a change that was made, or taken back.

    `files`: path → SHA-256 after it, or `absent`. `flags`: the audit flags after it. `data`: the line as it is there.
    """

    action: str = ""
    result: str = ""
    time: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Entry:
        """What is missing or damaged is empty."""
        words = {name: str(data.get(name, "")) for name in ("action", "result", "time")}
        return cls(**words, files=_mapping(data.get("files")), flags=_mapping(data.get("flags")), data=data)


def _mapping(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class NodeState:
    """What was observed, and what the manifest says. `paths`: of the files that its present audit flags name."""

    observed: Observed
    pod: ApiServerPod
    settings: AuditSettings
    paths: AuditPaths
    journal: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, observed: Observed, before: NodeState | None = None) -> NodeState:
        """`before`: the same node a moment ago; an unchanged manifest is not parsed again.

        Raises ManifestError that names the file.
        """
        if before and before.observed.manifest.content == observed.manifest.content:
            pod = before.pod
        else:
            pod = _pod(observed.manifest, recognise(observed.installers))
        settings = AuditSettings(pod.flags)
        journal = tuple(map(Entry.parse, observed.journal))
        return cls(observed, pod, settings, AuditPaths.of(settings, pod), journal)

    @property
    def version(self) -> KubeVersion:
        """The Kubernetes version whose rules the server follows: the newest known one where its image does not say,
        or says a newer one.
        """
        return read_as(self.pod.version)[0]

    @property
    def policy(self) -> FileSeen | None:
        """The policy file that the flags name."""
        return self.observed.file(self.paths.policy) if self.paths.policy else None

    @property
    def last(self) -> Entry:
        """The newest line of the journal."""
        return self.journal[-1] if self.journal else Entry()

    @property
    def log_group(self) -> LogGroup:
        """The group that this tool last let read the log."""
        noted = (e.data["log_group"] for e in reversed(self.journal) if "log_group" in e.data)
        return LogGroup.parse(next(noted, None))

    @property
    def ours(self) -> Entry | None:
        """The last time that this tool wrote the manifest."""
        return next((e for e in reversed(self.journal) if self.observed.manifest.target in e.files), None)

    @property
    def changed_since(self) -> Entry | None:
        """`ours` if somebody else has changed the manifest since, whatever in it."""
        manifest, ours = self.observed.manifest, self.ours
        return ours if ours and ours.files[manifest.target] != manifest.sha256 else None

    def has_seen(self, paths: AuditPaths) -> bool:
        """Whether the node was asked about all of these."""
        files = {path for path in (paths.policy, paths.webhook) if path}
        return files <= self.observed.files.keys() and paths.log in {"", self.observed.log.path}


def _pod(seen: FileSeen, other: Installer | None) -> ApiServerPod:
    """`other`: the installer that the node seems to be of where it has no manifest."""
    if seen.kind != "file" or seen.content is None:
        reasons = {"absent": "is not there", "file": "is too large", "directory": "is a directory"}
        reason = reasons.get(seen.kind, "is not a regular file")
        if other and seen.kind == "absent":
            raise ManifestError(f"{seen.path} {reason}: this is {other.title}", hint=other.advice)
        raise ManifestError(
            f"{seen.path} {reason}",
            hint="is this a kubeadm control-plane node? --manifest names another file",
        )
    try:
        return read(seen.text)
    except ManifestError as error:
        raise ManifestError(f"{seen.path}: {error.message}", hint=error.hint, details=error.details) from error


def drift(now: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """In what audit flags are not as recorded in the node's journal, one flag a sentence."""

    def describe(name: str) -> str:
        if name not in recorded:
            return f"--{name}={now[name]} was added"
        if name not in now:
            return f"--{name}={recorded[name]} was removed"
        return f"--{name}={recorded[name]} was changed to {now[name]}"

    return [describe(name) for name in sorted({*now, *recorded}) if now.get(name) != recorded.get(name)]
