"""Finds the parts of a kube-apiserver static Pod, and refuses what must not be patched."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import commandline
from kaudit_setup.manifest.commandline import Flag
from kaudit_setup.manifest.documents import first_document
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.manifest.nodes import Document, Kind, Node, TextError

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "busybox", "env", "ksh", "zsh"})
_SERVERS = frozenset({"kube-apiserver", "apiserver"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the command line: in which list (`command` or `args`) and where, and what it expands to."""

    key: str
    index: int
    text: str
    node: Node


@dataclass(frozen=True, slots=True)
class Shape:
    """The nodes of a manifest that auditing is about. `words` begins behind the server's own name."""

    document: Document
    metadata: Node
    spec: Node
    container: Node
    index: int
    words: tuple[Word, ...]

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Every flag in order; first and last index into `words`."""
        return commandline.parse([word.text for word in self.words])

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """The server's mounts, in the order of its volumeMounts."""
        volumes = {volume_name(v): v for v in items(self.spec, "volumes")}
        return tuple(_mount(m, volumes.get(_text(m, "name"))) for m in items(self.container, "volumeMounts"))


def find(text: str) -> Shape:
    """The parts of the kube-apiserver Pod in `text`.

    Raises ManifestError that names place and fix for: no or malformed YAML or JSON, a key given twice, not a Pod,
    no kube-apiserver container, one that is started through a shell, and aliases or merge keys where auditing is set.
    """
    try:
        document = first_document(text)
    except TextError as error:
        raise error.of("the manifest", "fix it there, or put a backup in its place") from None
    root = document.root
    if root.kind is not Kind.MAP:
        raise ManifestError(
            f"the manifest is {root.kind.value}, not a Pod", hint="give the kube-apiserver's static Pod"
        )
    _refuse_merges(document, root)
    kind = _text(root, "kind")
    if kind != "Pod":
        raise ManifestError(
            f"the manifest's kind is {kind or 'missing'}, not Pod",
            hint="give the kube-apiserver's static Pod (kubelet reads only the first document of a file)",
        )
    metadata, spec = _map(document, root, "metadata"), _map(document, root, "spec")
    _expect(document, metadata, "annotations", Kind.MAP)
    _expect(document, spec, "volumes", Kind.LIST)
    containers = spec.get("containers")
    _refuse_shared(document, "containers", containers)
    if containers and containers.kind is not Kind.LIST:
        raise _wrong_kind(document, "containers is", containers, Kind.LIST)
    index, container = _server(spec)
    _refuse_shared(document, "the kube-apiserver container", container)
    for key in ("command", "args", "volumeMounts"):
        _expect(document, container, key, Kind.LIST)
    return Shape(document, metadata, spec, container, index, _words(document, container))


def items(owner: Node, key: str) -> tuple[Node, ...]:
    """The items of the list at `owner[key]`; none if it is absent."""
    node = owner.get(key)
    return node.items if node else ()


def volume_name(volume: Node) -> str:
    """The name of a volume, empty if it has none."""
    return _text(volume, "name")


def references(spec: Node) -> Iterator[tuple[Node, str]]:
    """(container, volume name) for every use of a volume in any container of the Pod."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in items(spec, key):
            for uses in ("volumeMounts", "volumeDevices"):
                for use in items(container, uses):
                    yield container, _text(use, "name")


def _text(owner: Node, key: str) -> str:
    node = owner.get(key)
    return node.text if node else ""


def _map(document: Document, owner: Node, key: str) -> Node:
    node = owner.get(key)
    _refuse_shared(document, key, node)
    if node is None or node.kind is not Kind.MAP:
        raise ManifestError(
            f"the manifest has no {key}"
            if node is None
            else f"{key} in the manifest is {node.kind.value}, not a map",
            hint="kubelet could not run this Pod; fix it or put a backup in its place",
        )
    return node


def _expect(document: Document, owner: Node, key: str, kind: Kind) -> None:
    """Refuses `owner[key]` unless it is absent, null or of that kind, with maps or scalars of its own in it."""
    node = owner.get(key)
    if node is None or node.is_null:
        return
    parts = [node, *node.items, *(v for _, v in node.entries)]
    _refuse_shared(document, key, *parts)
    inner = Kind.MAP if key not in {"command", "args", "annotations"} else Kind.SCALAR
    wrong = node if node.kind is not kind else next((part for part in parts[1:] if part.kind is not inner), None)
    if wrong:
        is_itself = wrong is node
        raise _wrong_kind(document, f"{key} {'is' if is_itself else 'holds'}", wrong, kind if is_itself else inner)


def _wrong_kind(document: Document, what: str, node: Node, wanted: Kind) -> ManifestError:
    return ManifestError(
        f"line {document.line(node.start)} of the manifest: {what} {node.kind.value} where {wanted.value} belongs",
        hint="kubelet could not run this Pod; fix that line",
    )


def _refuse_shared(document: Document, what: str, *parts: Node | None) -> None:
    shared = next((part for part in parts if part and (part.anchor or part.kind is Kind.ALIAS)), None)
    if shared:
        raise ManifestError(
            f"line {document.line(shared.start)} of the manifest: {what} uses a YAML anchor or alias",
            hint="write it out, so that a change there cannot change something else too",
        )


def _refuse_merges(document: Document, node: Node) -> None:
    for key, value in node.entries:
        if key.value == "<<" and not key.style:
            raise ManifestError(
                f"line {document.line(key.start)} of the manifest uses a YAML merge key (<<)",
                hint="write the merged keys out",
            )
        _refuse_merges(document, value)
    for item in node.items:
        _refuse_merges(document, item)


def _server(spec: Node) -> tuple[int, Node]:
    containers = items(spec, "containers")
    by_name = [i for i, c in enumerate(containers) if _text(c, "name") == "kube-apiserver"]
    by_command = [i for i, c in enumerate(containers) if any(map(_is_server, _raw_words(c)))]
    by_image = [i for i, c in enumerate(containers) if _image_name(c) == "kube-apiserver"]
    for found in (by_name, by_command, by_image):
        if len(found) > 1:
            names = ", ".join(_text(containers[i], "name") or f"number {i + 1}" for i in found)
            raise ManifestError(
                f"several containers of the Pod look like kube-apiserver: {names}",
                hint="leave one of them, or name it kube-apiserver",
            )
        if found:
            return found[0], containers[found[0]]
    raise ManifestError(
        "the manifest has no kube-apiserver container",
        hint="give the kube-apiserver's static Pod, usually /etc/kubernetes/manifests/kube-apiserver.yaml",
    )


def _raw_words(container: Node) -> list[str]:
    return [node.text for key in ("command", "args") for node in items(container, key)]


def _is_server(word: str) -> bool:
    return posixpath.basename(word) == "kube-apiserver"


def _image_name(container: Node) -> str:
    return posixpath.basename(_text(container, "image")).partition("@")[0].partition(":")[0]


def _words(document: Document, container: Node) -> tuple[Word, ...]:
    env = {_text(e, "name"): _text(e, "value") for e in items(container, "env") if not e.get("valueFrom")}
    words = [
        Word(key, i, commandline.expand(node.text, env), node)
        for key in ("command", "args")
        for i, node in enumerate(items(container, key))
    ]
    command = [word for word in words if word.key == "command"]
    if command and posixpath.basename(command[0].text) in _SHELLS:
        raise ManifestError(
            f"line {document.line(command[0].node.start)} of the manifest starts kube-apiserver through "
            f"{command[0].text!r}, so its flags cannot be told from the script",
            hint="let the container's command be kube-apiserver itself with one flag in each item",
        )
    if not command:
        # the image's own entry point is the server
        return tuple(words)
    for at, word in enumerate(words):
        if posixpath.basename(word.text) in _SERVERS:
            return tuple(words[at + 1 :])
    raise ManifestError(
        f"line {document.line(command[0].node.start)} of the manifest starts {command[0].text!r}, not kube-apiserver",
        hint="let the container's command be kube-apiserver itself with one flag in each item",
    )


def _mount(node: Node, volume: Node | None) -> Mount:
    host: str | None = None
    kind = ""
    source = volume.get("hostPath") if volume else None
    if source and source.kind is Kind.MAP:
        host, kind = _text(source, "path") or None, _text(source, "type")
    if host and (inside := _text(node, "subPath")):
        host = posixpath.join(host, inside)
    if node.get("subPathExpr"):
        host = None
    read_only = node.get("readOnly")
    return Mount(_text(node, "name"), _text(node, "mountPath"), host, bool(read_only and read_only.truth), kind)
