"""The same audit settings in kubeadm's ClusterConfiguration, so that `kubeadm upgrade` keeps them: text → text.

Formats: cmd/kubeadm/app/apis/kubeadm/v1beta1 … v1beta4 types.go. Up to v1beta3 `apiServer.extraArgs` is a map of
strings, from v1beta4 a list of {name, value}; `apiServer.extraVolumes` is the same in all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import commandline, edit, mounts
from kaudit_setup.manifest.documents import documents
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.manifest.nodes import Document, Kind, Node, TextError
from kaudit_setup.manifest.scalars import Value
from kaudit_setup.model import AuditSettings
from kaudit_setup.units import natural

_API = re.compile(r"kubeadm\.k8s\.io/v(?:1beta([1-9][0-9]*)|1)\Z")
# cmd/kubeadm/app/phases/controlplane/volumes.go: what kubeadm mounts by itself
_OWN = (Mount("k8s-certs", "/etc/kubernetes/pki", "/etc/kubernetes/pki", True, "DirectoryOrCreate"),)
_ARGS, _VOLUMES = "extraArgs", "extraVolumes"


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The ClusterConfiguration among the documents of a text. `as_list`: extraArgs are a list (v1beta4)."""

    document: Document
    api: Node | None
    as_list: bool

    @property
    def args(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every extra argument, in order; `$$` is `$`, as kubelet will read it in the manifest."""
        node = self.part(_ARGS)
        if node is None:
            return ()
        # a list has items, a map has entries
        pairs = [(_text(item, "name"), _text(item, "value")) for item in node.items]
        pairs += [(key.text, value.text) for key, value in node.entries]
        return tuple((name, commandline.expand(value, {})) for name, value in pairs)

    @property
    def flags(self) -> dict[str, str]:
        """Every extra argument with its effective (last) value."""
        return dict(self.args)

    @property
    def volumes(self) -> tuple[Mount, ...]:
        """The extra volumes, in order."""
        node = self.part(_VOLUMES)
        return tuple(map(_mount, node.items)) if node else ()

    def part(self, key: str) -> Node | None:
        """What `apiServer` has under `key`."""
        return self.api.get(key) if self.api else None


def _mount(item: Node) -> Mount:
    read_only = item.get("readOnly")
    return Mount(
        _text(item, "name"),
        _text(item, "mountPath"),
        _text(item, "hostPath") or None,
        bool(read_only and read_only.truth),
        _text(item, "pathType"),
    )


# edit.py leaves a space where empty brackets were, to put them back. In the ConfigMap that space would make kubectl
# show the whole text as one quoted line, and `apiServer: {}` is what kubeadm writes: here the key that was not
# there at all that is marked, and the usual one that is not.
_OPEN_HEAD = re.compile(r"^apiServer:( ?)$", re.MULTILINE)


def _swap_mark(text: str) -> str:
    return _OPEN_HEAD.sub(lambda found: "apiServer:" if found[1] else "apiServer: ", text)


def read_cluster_configuration(text: str) -> dict[str, str]:
    """The audit flags among `apiServer.extraArgs`, effective values.

    Raises ManifestError if the text is not valid YAML or holds no ClusterConfiguration.
    """
    return {name: value for name, value in _find(text).flags.items() if _is_audit(name)}


def patch_cluster_configuration(text: str, settings: AuditSettings, node_mounts: Sequence[Mount] = ()) -> str:
    """The text whose audit extraArgs are exactly `settings.flags`, with the extraVolumes they need.

    Everything else keeps its bytes, other documents included; the same text comes back if nothing changes.
    `node_mounts`: the mounts of the node's manifest, which say where on the node a path of the container is.
    Raises ManifestError for invalid YAML, no ClusterConfiguration, or fields that kubeadm would refuse.
    """
    new = _swap_mark(_patched(_swap_mark(text), settings, node_mounts))
    if new != text:
        _prove(text, new, settings)
    return new


def _patched(text: str, settings: AuditSettings, node_mounts: Sequence[Mount]) -> str:
    found = _find(text)
    own = found.volumes
    plan = mounts.plan((*own, *_OWN), found.flags, settings.flags, elsewhere=node_mounts)
    gone = [i for i in plan.removed if i < len(own)]
    added = _volumes(own, gone, plan.added)
    new = _whole(found, settings, gone, added)
    if new is None:
        new = _args(found, settings)
        found = _find(new)
        if found.api is not None:
            order = [(_by_name(own, gone, name), value) for name, value in added]
            new = edit.change_list(found.document, found.api, _VOLUMES, removed=gone, added=order)
    return new


def _whole(
    found: _Cluster, settings: AuditSettings, gone: Sequence[int], added: Sequence[tuple[str, Value]]
) -> str | None:
    """The text if `apiServer` comes or goes as a whole, else None."""
    document, api = found.document, found.api
    if api is None or not api.entries:
        return _new_section(found, settings, added) if settings.flags else document.text
    if settings.flags or not _made_by_us(found, api, len(gone) == len(found.volumes)):
        return None
    return edit.change_map_in(document, document.root, "apiServer", removed=[key.text for key, _ in api.entries])


def _new_section(found: _Cluster, settings: AuditSettings, added: Sequence[tuple[str, Value]]) -> str:
    value: dict[str, Value] = {_ARGS: _args_value(found, settings.flags)}
    if added:
        value[_VOLUMES] = [volume for _, volume in added]
    return edit.change_map_in(found.document, found.document.root, "apiServer", added=value)


def _made_by_us(found: _Cluster, api: Node, no_volume_stays: bool) -> bool:
    """Whether nothing but auditing is in `apiServer`, and each part of it was absent before."""
    emptied = {_ARGS: all(map(_is_audit, found.flags)), _VOLUMES: no_volume_stays}
    keys = [key.text for key, _ in api.entries]
    return all(emptied.get(key) and edit.made_by_fill(found.document, api, key) for key in keys)


def _is_audit(name: str) -> bool:
    return name.startswith("audit-")


def _args_value(found: _Cluster, flags: Mapping[str, str]) -> Value:
    if found.as_list:
        return [{"name": name, "value": commandline.escape(value)} for name, value in flags.items()]
    return {name: commandline.escape(value) for name, value in sorted(flags.items())}


def _args(found: _Cluster, settings: AuditSettings) -> str:
    if found.api is None:
        return found.document.text
    present = found.flags
    wanted = {name: commandline.escape(value) for name, value in settings.flags.items()}
    missing = {name: value for name, value in wanted.items() if name not in present}
    changed = {name: wanted[name] for name, value in settings.flags.items() if present.get(name, value) != value}
    if found.as_list:
        return _args_in_list(found, found.api, wanted, changed, missing)
    return edit.change_map_in(
        found.document,
        found.api,
        _ARGS,
        removed=[name for name in present if _is_audit(name) and name not in wanted],
        added=missing,
        replaced=changed,
    )


def _args_in_list(
    found: _Cluster, api: Node, wanted: Mapping[str, str], changed: Mapping[str, str], missing: Mapping[str, str]
) -> str:
    """As `_args` for v1beta4. The last one of a name counts, so the others of a wanted name go."""
    names = [name for name, _ in found.args]
    for name, value in changed.items():
        found = _with_value(found, len(names) - 1 - names[::-1].index(name), value)
    removed = [
        i for i, name in enumerate(names) if _is_audit(name) and (name not in wanted or name in names[i + 1 :])
    ]
    added: list[edit.Added] = [(len(names), {"name": name, "value": value}) for name, value in missing.items()]
    return edit.change_list(found.document, found.api or api, _ARGS, removed=removed, added=added)


def _with_value(found: _Cluster, index: int, value: str) -> _Cluster:
    """The configuration with another value in one of the list of extra arguments."""
    node = found.part(_ARGS)
    if node is None:
        return found
    return _find(edit.change_map(found.document, node.items[index], replaced={"value": value}))


def _volumes(own: Sequence[Mount], gone: Sequence[int], added: Sequence[Mount]) -> list[tuple[str, Value]]:
    taken = {mount.name for i, mount in enumerate(own) if i not in gone}
    values: list[tuple[str, Value]] = []
    for mount in added:
        name = mounts.free_name(mount.name, taken)
        taken.add(name)
        value: dict[str, Value] = {
            "hostPath": mount.host or mount.path,
            "mountPath": mount.path,
            "name": name,
            "pathType": mount.type,
        }
        values.append((name, value | {"readOnly": True} if mount.read_only else value))
    return sorted(values, key=lambda v: v[0])


def _by_name(own: Sequence[Mount], gone: Sequence[int], name: str) -> int:
    """Before which volume one goes: kubeadm sorts them when it writes the manifest, so order is for people only."""
    names = [mount.name for mount in own]
    if names != sorted(names):
        return len(names)
    return next((i for i, other in enumerate(names) if other > name and i not in gone), len(names))


def _find(text: str) -> _Cluster:
    try:
        found = [d for d in documents(text) if _text(d.root, "kind") == "ClusterConfiguration"]
    except TextError as error:
        edit_it = "fix it, e.g. with `kubectl -n kube-system edit configmap kubeadm-config`"
        raise error.of("kubeadm's configuration", edit_it) from None
    if len(found) != 1:
        raise ManifestError(
            "there is no ClusterConfiguration in kubeadm's configuration"
            if not found
            else "there are several ClusterConfigurations in kubeadm's configuration",
            hint="give the text of key ClusterConfiguration of ConfigMap kube-system/kubeadm-config",
        )
    return _cluster(found[0])


def _cluster(document: Document) -> _Cluster:
    """A ClusterConfiguration whose parts are written as they can be patched. Raises ManifestError."""
    version = _API.match(_text(document.root, "apiVersion"))
    if not version:
        raise ManifestError(
            f"kubeadm's configuration has apiVersion {_text(document.root, 'apiVersion') or 'missing'}, which is not "
            "known",
            hint="v1beta1 to v1beta4 are; `kubeadm config migrate` can convert others",
        )
    as_list = (natural(version[1] or "99") or 99) >= 4
    _expect(document, document.root, "apiServer", Kind.MAP, None)
    api = document.root.get("apiServer")
    if api is None or api.is_null:
        return _Cluster(document, None, as_list)
    args = (Kind.LIST, Kind.MAP) if as_list else (Kind.MAP, Kind.SCALAR)
    _expect(document, api, _ARGS, *args)
    _expect(document, api, _VOLUMES, Kind.LIST, Kind.MAP)
    return _Cluster(document, api, as_list)


def _expect(document: Document, owner: Node, key: str, kind: Kind, inner: Kind | None) -> None:
    node = owner.get(key)
    if node is None or node.is_null:
        return
    wrong = node if node.kind is not kind or node.anchor else _odd(node, inner)
    if wrong:
        raise ManifestError(
            f"line {document.line(wrong.start)} of kubeadm's configuration: {key} is not written as "
            f"{kind.value}{f' of {inner.value.split()[-1]}s' if inner else ''} of its own",
            hint="kubeadm would refuse it too; fix it with `kubectl -n kube-system edit configmap kubeadm-config`"
            if wrong.kind is not Kind.ALIAS and not wrong.anchor
            else "write the alias or anchor out, so that a change there cannot change something else too",
        )


def _odd(node: Node, inner: Kind | None) -> Node | None:
    """The first part of `node` that is not of the kind `inner`."""
    parts = [*node.items, *(value for _, value in node.entries)]
    return next((part for part in parts if inner and part.kind is not inner), None)


def _prove(before: str, after: str, settings: AuditSettings) -> None:
    old, new = _find(before), _find(after)
    audit = [(name, value) for name, value in new.args if _is_audit(name)]
    paths = [*mounts.audit_paths(old.flags), *mounts.audit_paths(new.flags)]
    changed = set(old.volumes) ^ set(new.volumes)
    if (
        sorted(audit) != sorted(settings.flags.items())
        or not all(any(map(mount.holds, paths)) for mount in changed)
        or _others(old, changed) != _others(new, changed)
        or _neighbours(before) != _neighbours(after)
    ):
        raise ManifestError(
            "patching would change more than the audit settings of kubeadm's configuration",
            hint="write apiServer.extraArgs and extraVolumes as plain YAML, one item a line",
        )


def _others(found: _Cluster, changed: Collection[Mount]) -> str:
    """Every value of the configuration but audit flags and the given volumes."""
    whole = found.document.root.plain()
    api = whole.pop("apiServer", None) or {}
    volumes = api.pop(_VOLUMES, None) or []
    api.pop(_ARGS, None)
    rest = [arg for arg in found.args if not _is_audit(arg[0])]
    kept = [volume for volume, mount in zip(volumes, found.volumes, strict=True) if mount not in changed]
    return repr((whole, api, rest, kept))


def _neighbours(text: str) -> list[str]:
    """The other documents of the text."""
    return [repr(d.root.plain()) for d in documents(text) if _text(d.root, "kind") != "ClusterConfiguration"]


def _text(owner: Node, key: str) -> str:
    node = owner.get(key)
    return node.text if node else ""
