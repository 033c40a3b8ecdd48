"""The kube-apiserver manifest with auditing as wanted: text → text, everything else byte for byte as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import commandline, edit, mounts, shape
from kaudit_setup.manifest.commandline import Flag
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.manifest.nodes import Node
from kaudit_setup.manifest.pod import image_version
from kaudit_setup.manifest.scalars import Value
from kaudit_setup.manifest.shape import Shape
from kaudit_setup.model import POLICY_ANNOTATION, RESTART_ANNOTATION, WEBHOOK_ANNOTATION, AuditSettings, KubeVersion

# Up to here kubeadm sorts all flags (util/arguments.go:BuildArgumentListFromMap); later ones append extraArgs in
# the order given (ArgumentsToCommand).
LAST_SORTED = KubeVersion(1, 30)


def patch(text: str, settings: AuditSettings, version: KubeVersion | None = None) -> str:
    """The manifest whose audit flags are exactly `settings.flags`, with the mounts, volumes and annotations for them.

    Audit flags that `settings` does not name are removed, as are mounts and volumes that only they used. `version`
    (default: the image's tag) says where kubeadm would put flags. The same text comes back if nothing changes.
    Raises ManifestError if the text is no manifest to patch, if a path cannot be mounted, or if anything outside
    the audit settings would differ.
    """
    found = shape.find(text)
    image = found.container.get("image")
    version = version or image_version(image.text if image else "")
    before = {flag.name: flag.value for flag in found.flags}
    plan = mounts.plan(found.mounts, before, settings.flags)
    new = _flags(found, settings, version)
    now = _parsed(new, found)
    new, added = _volumes(now, plan)
    now = _parsed(new, now)
    now = _parsed(_mounts(now, plan.removed, added), now)
    now = _parsed(_annotations(now, settings), now)
    if now is not found:
        _prove(found, now, settings)
    return now.document.text


def _parsed(text: str, last: Shape) -> Shape:
    """`text` as the next step needs it; a step that changed nothing costs no parsing."""
    return last if text == last.document.text else shape.find(text)


def unpatch(text: str) -> str:
    """The manifest without auditing: all audit flags, our annotations, mounts and volumes that only auditing used.

    Undoes patch byte for byte. Raises ManifestError as patch does.
    """
    return patch(text, AuditSettings({}))


def _prove(before: Shape, found: Shape, settings: AuditSettings) -> None:
    from kaudit_setup.manifest import difference

    difference.only_audit_differs(before, found)
    flags = {flag.name: flag.value for flag in found.flags if flag.is_audit}
    left = mounts.plan(found.mounts, {flag.name: flag.value for flag in found.flags}, settings.flags)
    if flags != dict(settings.flags) or left != mounts.MountPlan():
        raise ManifestError(
            "the manifest has a shape that cannot be patched safely",
            hint="write the container's command, volumeMounts and volumes as plain YAML lists, one item a line",
        )


# -- flags ------------------------------------------------------------------------------------------------------


def _flags(found: Shape, settings: AuditSettings, version: KubeVersion | None) -> str:
    """The text with the command line changed: first `command`, then `args`."""
    wanted = dict(settings.flags)
    flags = [flag for flag in found.flags if flag.is_audit]
    last = {flag.name: flag for flag in flags}
    kept = {name: flag for name, flag in last.items() if name in wanted}
    removed: dict[str, set[int]] = {"command": set(), "args": set()}
    replaced: dict[str, dict[int, str]] = {"command": {}, "args": {}}
    for flag in flags:
        words = found.words[flag.first : flag.last + 1]
        if kept.get(flag.name) is not flag:
            for word in words:
                removed[word.key].add(word.index)
        else:
            for word, new in zip(words, _rewritten(flag, [w.text for w in words], wanted[flag.name]), strict=True):
                if new != word.text:
                    replaced[word.key][word.index] = commandline.escape(new)
    missing = [(name, value) for name, value in wanted.items() if name not in kept]
    home = _home(found)
    added = _placed(found, home, missing, version)
    text = found.document.text
    for key in ("command", "args"):
        # the texts of both lists are changed one after the other: each change moves the spans of what follows
        here = _parsed(text, found)
        text = edit.change_list(
            here.document,
            here.container,
            key,
            removed=removed[key],
            added=added if key == home else (),
            replaced=replaced[key],
        )
    return text


def _rewritten(flag: Flag, words: Sequence[str], value: str) -> list[str]:
    """The words of a flag for a new value, in the form in which it was given."""
    if len(words) == 2:
        return [f"--{flag.name}", value]
    if "=" not in words[0] and value == flag.value:
        return [f"--{flag.name}"]
    return [f"--{flag.name}={value}"]


def _home(found: Shape) -> str:
    """The list that gets new flags: the one that has flags already, `args` before `command`."""
    if found.words:
        return found.words[-1].key
    return "args" if found.container.get("command") is None else "command"


def _placed(
    found: Shape, home: str, missing: Iterable[tuple[str, str]], version: KubeVersion | None
) -> list[edit.Added]:
    count = len(shape.items(found.container, home))
    words = [word for word in found.words if word.key == home]
    ends = [word.index for word in words if word.text == "--"]
    last = ends[0] if ends else count
    flags = [(found.words[f.first], f.name) for f in found.flags]
    mine = [(word.index, name) for word, name in flags if word.key == home]
    added: list[tuple[int, str, str]] = []
    for name, value in missing:
        at = last
        if version and version <= LAST_SORTED:
            at = next((index for index, other in mine if other > name), last)
        added.append((at, name, commandline.escape(f"--{name}={value}")))
    if version and version <= LAST_SORTED:
        added.sort(key=lambda a: (a[0], a[1]))
    return [(at, text) for at, _, text in added]


# -- volumes, mounts, annotations -------------------------------------------------------------------------------


def _volumes(found: Shape, plan: mounts.MountPlan) -> tuple[str, list[Mount]]:
    """The text with volumes changed, and the added mounts with the volume names they got."""
    volumes = shape.items(found.spec, "volumes")
    mine = found.mounts
    leaving = [mine[i].name for i in plan.removed]
    uses = [name for _, name in shape.references(found.spec)]
    gone = {name for name in leaving if uses.count(name) == leaving.count(name)}
    names = {shape.volume_name(v) for v in volumes}
    added: list[Mount] = []
    fresh: list[Mount] = []
    for mount in plan.added:
        # left over from a setup that was taken back by half, or shared with a log shipper beside the server
        name = next((n for n in _same(volumes, mount) if n.startswith(mount.name)), "")
        placed = replace(mount, name=name or mounts.free_name(mount.name, names - gone))
        gone.discard(name)
        names.add(placed.name)
        added.append(placed)
        fresh += [] if name else [placed]
    removed = {i for i, v in enumerate(volumes) if shape.volume_name(v) in gone}
    values: list[tuple[str, Value]] = [
        (m.name, {"hostPath": {"path": m.host or m.path, "type": m.type}, "name": m.name}) for m in fresh
    ]
    order = _sorted_in([shape.volume_name(v) for v in volumes], removed, values)
    text = edit.change_list(found.document, found.spec, "volumes", removed=removed, added=order)
    return text, added


def _same(volumes: Sequence[Node], mount: Mount) -> list[str]:
    found = []
    for volume in volumes:
        path, kind = volume.at("hostPath", "path"), volume.at("hostPath", "type")
        if path and path.text == mount.host and (kind.text if kind else "") == mount.type:
            found.append(shape.volume_name(volume))
    return found


def _mounts(found: Shape, removed: Sequence[int], added: Sequence[Mount]) -> str:
    values: list[tuple[str, Value]] = []
    for mount in added:
        value: dict[str, Value] = {"mountPath": mount.path, "name": mount.name}
        if mount.read_only:
            value["readOnly"] = True
        values.append((mount.name, value))
    names = [mount.name for mount in found.mounts]
    placed = _sorted_in(names, removed, values)
    return edit.change_list(found.document, found.container, "volumeMounts", removed=removed, added=placed)


def _sorted_in(names: Sequence[str], removed: Iterable[int], values: Iterable[tuple[str, Value]]) -> list[edit.Added]:
    """Where named items go: by name among sorted ones, as kubeadm does, else at the end."""
    gone = set(removed)
    staying = [name for i, name in enumerate(names) if i not in gone]
    if any(a > b for a, b in pairwise(staying)):
        return [(len(names), value) for _, value in values]
    placed: list[edit.Added] = []
    for name, value in sorted(values, key=lambda v: v[0]):
        at = next((i for i, other in enumerate(names) if i not in gone and other > name), len(names))
        placed.append((at, value))
    return placed


def _annotations(found: Shape, settings: AuditSettings) -> str:
    wanted = {POLICY_ANNOTATION: settings.policy_sha256, WEBHOOK_ANNOTATION: settings.webhook_sha256}
    if settings.restarted_at or not settings.flags:
        wanted[RESTART_ANNOTATION] = settings.restarted_at
    node = found.metadata.get("annotations")
    present = {k.text: v.text for k, v in node.entries} if node else {}
    return edit.change_map_in(
        found.document,
        found.metadata,
        "annotations",
        removed=[k for k, v in wanted.items() if not v],
        added={k: v for k, v in wanted.items() if v and k not in present},
        replaced={k: v for k, v in wanted.items() if v and present.get(k, v) != v},
    )
