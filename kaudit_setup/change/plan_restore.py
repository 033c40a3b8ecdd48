"""Plans that take auditing away, and that put back the files of a backup. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kaudit_setup.change.loggroup import restores, without_group
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.permissions import LogGroup, Rights
from kaudit_setup.change.plan import Change, Plan, RemoveFile, WriteFile, sha256, write_file
from kaudit_setup.manifest.patch import unpatch
from kaudit_setup.manifest.pod import ApiServerPod, read
from kaudit_setup.node.observe import FileSeen


@dataclass(frozen=True, slots=True)
class FileWanted:
    """What a file shall be: `content` None for no file at all."""

    content: bytes | None = field(repr=False)
    mode: str
    owner: str
    secret: bool = False


def plan_disable(state: NodeState) -> Plan:
    """What takes auditing away again; the logs stay, they are evidence.

    A file that the flags name is removed if it is still as this tool wrote it, by the node's journal.
    """
    observed, before = state.observed, state.observed.manifest.text
    ours = {path: sha for entry in state.journal for path, sha in entry.files.items()}
    after = unpatch(before)
    changes: list[Change] = [
        *write_file(observed.manifest, after.encode("utf-8", "surrogateescape")),
        *without_group(state),
    ]
    notes: list[str] = []
    for path in filter(None, (state.paths.policy, state.paths.webhook)):
        seen = observed.file(path)
        if seen.kind != "file":
            continue
        if ours.get(path) == seen.sha256:
            changes.append(RemoveFile(path, seen, secret=path == state.paths.webhook))
        elif changes:
            notes.append(f"{path} stays: it is not a file that this tool wrote")
    pod = state.pod if after == before else read(after)
    return Plan("disable", tuple(changes), observed.manifest.target, pod, notes=tuple(notes))


def plan_write(
    action: str,
    state: NodeState,
    files: Mapping[str, FileWanted],
    rights: Mapping[str, Rights],
    log_group: LogGroup,
) -> Plan:
    """Put files back, by path; manifest first. `rights`: of log and folder, as they were under `log_group`.

    Raises ManifestError where the manifest to come is none.
    """
    manifest = state.observed.manifest
    changes: list[Change] = []
    for path in sorted(files, key=lambda p: p != manifest.target):
        changes += _put(path, manifest if path == manifest.target else state.observed.file(path), files[path])
    pod = _pod_after(state, changes)
    changes += restores(state.observed, dict(state.log_group.before) | dict(rights))
    return Plan(action, tuple(changes), manifest.target, pod, log_group=log_group)


def _put(path: str, seen: FileSeen, wanted: FileWanted) -> list[Change]:
    """What makes a file that was seen as it is wanted; nothing if it is so."""
    if wanted.content is None:
        return [RemoveFile(path, seen, wanted.secret)] if seen.kind == "file" else []
    if seen.kind == "file" and seen.sha256 == sha256(wanted.content):
        return []
    return [WriteFile(path, seen, wanted.content, wanted.mode, wanted.owner, wanted.secret)]


def _pod_after(state: NodeState, changes: Iterable[Change]) -> ApiServerPod:
    for change in changes:
        if isinstance(change, WriteFile) and change.before is state.observed.manifest:
            return read(change.after.decode("utf-8", "surrogateescape"))
    return state.pod
