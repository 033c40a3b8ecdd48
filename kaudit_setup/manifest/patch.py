"""The kube-apiserver manifest with auditing as wanted: text → text, everything else byte for byte as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from kaudit_setup.values import replace

# Up to here kubeadm sorts all flags (util/arguments.go:BuildArgumentListFromMap); later ones append extraArgs in
# the order given (ArgumentsToCommand).
LAST_SORTED = KubeVersion(1, 30)


def patch(text: str, settings: AuditSettings, version: KubeVersion | None = None) -> str:
    """The manifest whose audit flags are exactly `settings.flags`, with the mounts, volumes and annotations for them.

    Audit flags that `settings` does not name are removed, as are mounts and volumes that only they used. `version`
    (default: the image's tag) says where kubeadm would put flags. The same text comes back if nothing changes.
    Raises ManifestError if the text is not a manifest to patch, if a path cannot be mounted, or if anything outside
    the audit settings would differ.
    """
    found = shape.find(text)
    _refuse_words(found)
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
    _refuse_what_kubelet_refuses(now)
    return now.document.text


def _parsed(text: str, last: Shape) -> Shape:
    """`text` as the next step needs it; a step that changed nothing costs no parsing."""
    return last if text == last.document.text else shape.find(text)


def check_words(text: str) -> None:
    """Raises ManifestError for items of the command line with which kube-apiserver does not start."""
    _refuse_words(shape.find(text))


def _refuse_words(found: Shape) -> None:
    wrong = [
        f"line {found.document.line(found.words[index].node.start)} of the manifest: {problem}"
        for index, problem in commandline.problems([word.text for word in found.words])
    ]
    if wrong:
        raise ManifestError(
            wrong[0], hint="kube-apiserver does not start with it; fix that line", details="\n".join(wrong[1:])
        )


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


def _refuse_what_kubelet_refuses(found: Shape) -> None:
    """Raises ManifestError for what was wrong in the manifest before and is wrong after: no server comes of it."""
    from kaudit_setup.manifest import kubelet

    try:
        faults = kubelet.read(found.document.text.encode("utf-8", "surrogatepass")).faults
    except kubelet.NotAPodError as error:
        faults = (kubelet.Fault(error.problem, error.line),)
    if faults:
        where = f"line {faults[0].line} of the manifest" if faults[0].line else "the manifest"
        raise ManifestError(
            f"{where}: {faults[0].problem}",
            hint="this is not a Pod that kubelet could run, so the server is down or will be; fix it or put a backup "
            "in its place",
            details="\n".join(map(str, faults[1:])),
        )


# -- flags ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    """What becomes of the words of one list, `command` or `args`, by their index there."""

    removed: frozenset[int]
    replaced: dict[int, str]

    def __add__(self, other: _Words) -> _Words:
        return _Words(self.removed | other.removed, self.replaced | other.replaced)


def _flags(found: Shape, settings: AuditSettings, version: KubeVersion | None) -> str:
    """The text with the command line changed: first `command`, then `args`."""
    wanted = dict(settings.flags)
    flags = [flag for flag in found.flags if flag.is_audit]
    last = {flag.name: flag for flag in flags}
    missing = [(name, value) for name, value in wanted.items() if name not in last]
    home = _home(found)
    added = _placed(found, home, missing, version)
    text = found.document.text
    for key in ("command", "args"):
        # the texts of both lists are changed one after the other: each change moves the spans of what follows
        here = shape.find(text) if text != found.document.text else found
        words = _Words(frozenset(), {})
        for flag in flags:
            words += _changed(found, key, flag, wanted.get(flag.name) if last[flag.name] is flag else None)
        text = edit.change_list(
            here.document,
            here.container,
            key,
            removed=words.removed,
            added=added if key == home else (),
            replaced=words.replaced,
        )
    return text


def _changed(found: Shape, key: str, flag: Flag, wanted: str | None) -> _Words:
    """What becomes of the words of one flag that stand in the list `key`; `wanted` None: the flag goes."""
    words = found.words[flag.first : flag.last + 1]
    if wanted is None:
        return _Words(frozenset(word.index for word in words if word.key == key), {})
    new = zip(words, _rewritten(flag, [w.text for w in words], wanted), strict=True)
    return _Words(
        frozenset(), {w.index: commandline.escape(text) for w, text in new if w.key == key and text != w.text}
    )


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
    last = _end_of_flags(found, home)
    words = [(name, commandline.escape(f"--{name}={value}")) for name, value in missing]
    if not version or version > LAST_SORTED:
        return [(last, text) for _, text in words]
    mine = [(found.words[f.first].index, f.name) for f in found.flags if found.words[f.first].key == home]
    placed = [(_before_greater(mine, name, last), name, text) for name, text in words]
    return [(at, text) for at, _, text in sorted(placed, key=lambda a: (a[0], a[1]))]


def _end_of_flags(found: Shape, home: str) -> int:
    """The index in the list `home` before which new flags go where order is free: its end, or a word `--`."""
    ends = [word.index for word in found.words if word.key == home and word.text == "--"]
    return ends[0] if ends else len(shape.items(found.container, home))


def _before_greater(named: Iterable[tuple[int, str]], name: str, otherwise: int) -> int:
    """The index of the first of `named` whose name comes after `name`."""
    return next((index for index, other in named if other > name), otherwise)


# -- volumes, mounts, annotations -------------------------------------------------------------------------------


def _volumes(found: Shape, plan: mounts.MountPlan) -> tuple[str, list[Mount]]:
    """The text with volumes changed, and the added mounts with the volume names they got."""
    volumes = shape.items(found.spec, "volumes")
    gone = _only_used_by(found, [found.mounts[i].name for i in plan.removed])
    names = {shape.volume_name(v) for v in volumes}
    added: list[Mount] = []
    fresh: list[tuple[str, Value]] = []
    for mount in plan.added:
        # left over from a setup that was taken back by half, or shared with a log shipper beside the server
        there = next((n for n in _same(volumes, mount) if n.startswith(mount.name)), "")
        placed = replace(mount, name=there or mounts.free_name(mount.name, names - gone))
        gone.discard(there)
        names.add(placed.name)
        added.append(placed)
        if not there:
            fresh.append((placed.name, _volume(placed)))
    removed = {i for i, v in enumerate(volumes) if shape.volume_name(v) in gone}
    order = _sorted_in([shape.volume_name(v) for v in volumes], removed, fresh)
    text = edit.change_list(found.document, found.spec, "volumes", removed=removed, added=order)
    return text, added


def _only_used_by(found: Shape, leaving: Sequence[str]) -> set[str]:
    """The names among those of `leaving` mounts that no other mount uses."""
    uses = [name for _, name in shape.references(found.spec)]
    return {name for name in leaving if uses.count(name) == leaving.count(name)}


def _volume(mount: Mount) -> Value:
    return {"hostPath": {"path": mount.host or mount.path, "type": mount.type}, "name": mount.name}


def _same(volumes: Sequence[Node], mount: Mount) -> list[str]:
    """The names of the volumes that are the mount's folder or file of the node."""
    return [shape.volume_name(v) for v in volumes if _host_path(v) == (mount.host, mount.type)]


def _host_path(volume: Node) -> tuple[str, str] | None:
    path, kind = volume.at("hostPath", "path"), volume.at("hostPath", "type")
    return (path.text, kind.text if kind else "") if path else None


def _mounts(found: Shape, removed: Sequence[int], added: Sequence[Mount]) -> str:
    values = [(mount.name, _volume_mount(mount)) for mount in added]
    names = [mount.name for mount in found.mounts]
    placed = _sorted_in(names, removed, values)
    return edit.change_list(found.document, found.container, "volumeMounts", removed=removed, added=placed)


def _volume_mount(mount: Mount) -> Value:
    value: dict[str, Value] = {"mountPath": mount.path, "name": mount.name}
    return value | {"readOnly": True} if mount.read_only else value


def _sorted_in(names: Sequence[str], removed: Iterable[int], values: Iterable[tuple[str, Value]]) -> list[edit.Added]:
    """Where named items go: by name among sorted ones, as kubeadm does, else at the end."""
    gone = set(removed)
    staying = [(i, name) for i, name in enumerate(names) if i not in gone]
    if any(a > b for (_, a), (_, b) in pairwise(staying)):
        return [(len(names), value) for _, value in values]
    by_name = sorted(values, key=lambda v: v[0])
    return [(_before_greater(staying, name, len(names)), value) for name, value in by_name]


def _annotations(found: Shape, settings: AuditSettings) -> str:
    wanted = {POLICY_ANNOTATION: settings.policy_sha256, WEBHOOK_ANNOTATION: settings.webhook_sha256}
    if settings.restarted_at or not settings.flags:
        wanted[RESTART_ANNOTATION] = settings.restarted_at
    node = found.metadata.get("annotations")
    present = {k.text: v.text for k, v in node.entries} if node else {}
    set_to = {k: v for k, v in wanted.items() if v}
    return edit.change_map_in(
        found.document,
        found.metadata,
        "annotations",
        removed=[k for k in wanted if k not in set_to],
        added={k: v for k, v in set_to.items() if k not in present},
        replaced={k: v for k, v in set_to.items() if present.get(k, v) != v},
    )
