"""A file of the static Pod folder as kubelet takes it, whether this tool could patch it or not.

Sources: pkg/kubelet/config/common.go:tryDecodeSinglePod, apimachinery/pkg/util/yaml/decoder.go:ToJSON,
pkg/apis/core/validation/validation.go:ValidatePodCreate. Of the validation, what a manifest that was changed by hand
fails: names, volumes and what mounts them, images.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kaudit_setup.kubeyaml import GoYamlError, compose, gojson
from kaudit_setup.kubeyaml.nodes import NOWHERE, Mapping, Mark, Node, Scalar, Sequence

# pkg/kubelet/config/file.go:maxConfigLength
MAX_BYTES: Final = 10 << 20
_LABEL: Final = re.compile(r"(?!.{64})[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN: Final = re.compile(r"(?!.{254})[a-z0-9]([-.a-z0-9]*[a-z0-9])?\Z")
_HOST_TYPES: Final = frozenset(
    ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"]
)
_BETWEEN_WORDS: Final = re.compile(r"[\s;&|()\"'`]+")


class NotAPodError(ValueError):
    """kubelet does not take the text for a Pod. `line` counts from 1, 0 means the text as a whole."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True, slots=True)
class Fault:
    """Why kubelet refuses a Pod that it could decode."""

    problem: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}" if self.line else self.problem


@dataclass(frozen=True, slots=True)
class StaticPod:
    """A decoded Pod. `runs_api_server`: by the name, the image or the command of one of its containers."""

    name: str
    namespace: str
    runs_api_server: bool
    faults: tuple[Fault, ...]


def read(data: bytes) -> StaticPod:
    """The Pod in `data`: of several documents the first, of a doubled key the last value, merge keys merged.

    Raises NotAPodError where kubelet could not decode it.
    """
    if len(data) > MAX_BYTES:
        raise NotAPodError("it is larger than 10 MB")
    json = gojson.is_json(data[:2048].decode("utf-8", "surrogateescape"))
    root = _parse(data, json=json)
    if not isinstance(root, Mapping):
        raise NotAPodError("it is not a map", root.mark.line)
    for key, wanted in (("apiVersion", "v1"), ("kind", "Pod")):
        written = _spelling(root, key, json=json)
        if (given := _text(root, written)) != wanted:
            raise NotAPodError(f"its {key} is {given or 'missing'}, not {wanted}", _mark(root, written).line)
    metadata, spec = _map(root, "metadata"), _map(root, "spec")
    containers = _maps(spec, "containers")
    return StaticPod(
        _text(metadata, "name"),
        _text(metadata, "namespace") or "default",
        any(map(_is_api_server, containers)),
        tuple(_faults(metadata, spec, containers)),
    )


def _parse(data: bytes, *, json: bool) -> Node:
    try:
        return gojson.parse(data) if json else compose(data).root
    except (GoYamlError, gojson.GoJsonError) as error:
        raise NotAPodError(f"it cannot be read: {error.message}", error.line) from None


def _spelling(root: Mapping, key: str, *, json: bool) -> str:
    """The key that is taken for `key`, in whatever case; YAML is turned into JSON with its keys sorted before.

    Source: apimachinery/pkg/runtime/serializer/json/meta.go:SimpleMetaFactory.Interpret, which reads these two only.
    """
    found = [entry.key for entry in root.entries if entry.key.lower() == key.lower()]
    return (found[-1] if json else max(found)) if found else key


# -- parts, typed as encoding/json decodes them into a Pod ---------------------------------------------------------


def _get(owner: Mapping, key: str) -> Node | None:
    """The value of `key`, None if it is absent or null; the last of doubled ones counts."""
    value = next((entry.value for entry in reversed(owner.entries) if entry.key == key), None)
    return None if isinstance(value, Scalar) and value.value is None else value


def _mark(owner: Mapping, key: str) -> Mark:
    return next((entry.mark for entry in reversed(owner.entries) if entry.key == key), owner.mark)


def _text(owner: Mapping, key: str) -> str:
    value = _get(owner, key)
    return _string(value, key) if value else ""


def _string(node: Node, what: str) -> str:
    if not isinstance(node, Scalar) or not isinstance(node.value, str | None):
        raise NotAPodError(f"{what} is not a text", node.mark.line)
    return node.value or ""


def _map(owner: Mapping, key: str) -> Mapping:
    value = _get(owner, key)
    if value is None:
        return Mapping([], NOWHERE, 0)
    if not isinstance(value, Mapping):
        raise NotAPodError(f"{key} is not a map", value.mark.line)
    return value


def _list(owner: Mapping, key: str) -> list[Node]:
    value = _get(owner, key)
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise NotAPodError(f"{key} is not a list", value.mark.line)
    return value.items


def _maps(owner: Mapping, key: str) -> list[Mapping]:
    found: list[Mapping] = []
    for item in _list(owner, key):
        if isinstance(item, Scalar) and item.value is None:
            item = Mapping([], item.mark, item.end_line)
        if not isinstance(item, Mapping):
            raise NotAPodError(f"{key} holds something that is not a map", item.mark.line)
        found.append(item)
    return found


def _words(container: Mapping) -> list[str]:
    return [_string(word, key) for key in ("command", "args") for word in _list(container, key)]


# -- what it runs --------------------------------------------------------------------------------------------------


def _is_api_server(container: Mapping) -> bool:
    image = posixpath.basename(_text(container, "image").partition("@")[0]).partition(":")[0]
    # a shell's script is one word, and names the server somewhere in it
    named = (part for word in _words(container) for part in _BETWEEN_WORDS.split(word) if not part.startswith("-"))
    return "kube-apiserver" in {_text(container, "name"), image, *map(posixpath.basename, named)}


# -- what kubelet refuses ------------------------------------------------------------------------------------------


def _faults(metadata: Mapping, spec: Mapping, containers: list[Mapping]) -> Iterator[Fault]:
    for key in ("annotations", "labels"):
        for entry in _map(metadata, key).entries:
            _string(entry.value, f"the value of {key} {entry.key}")
    yield from _misnamed("the Pod", metadata, _SUBDOMAIN)
    if not containers:
        yield Fault("the Pod has no containers", spec.mark.line)
    volumes = _maps(spec, "volumes")
    yield from _all_named("volume", volumes)
    for volume in volumes:
        yield from _volume(volume)
    names = {_text(volume, "name") for volume in volumes}
    everyone = [*containers, *_maps(spec, "initContainers")]
    yield from _all_named("container", everyone)
    for container in everyone:
        yield from _container(container, names)


def _misnamed(what: str, owner: Mapping, form: re.Pattern[str]) -> Iterator[Fault]:
    name = _text(owner, "name")
    if not name:
        yield Fault(f"{what} has no name", owner.mark.line)
    elif not form.match(name):
        yield Fault(f"{what} is called {name!r}: only a-z, 0-9 and - are allowed", _mark(owner, "name").line)


def _all_named(what: str, owners: list[Mapping]) -> Iterator[Fault]:
    seen: set[str] = set()
    for owner in owners:
        yield from _misnamed(f"a {what}", owner, _LABEL)
        name = _text(owner, "name")
        if name and name in seen:
            yield Fault(f"two {what}s are called {name!r}", _mark(owner, "name").line)
        seen.add(name)


def _volume(volume: Mapping) -> Iterator[Fault]:
    name = _text(volume, "name")
    sources = [entry.key for entry in volume.entries if entry.key != "name" and _get(volume, entry.key)]
    if len(sources) > 1:
        yield Fault(f"volume {name!r} has {len(sources)} sources: {', '.join(sources)}", volume.mark.line)
    if _get(volume, "hostPath") is None:
        return
    host = _map(volume, "hostPath")
    path, kind = _text(host, "path"), _text(host, "type")
    if not path:
        yield Fault(f"the hostPath of volume {name!r} has no path", host.mark.line)
    if ".." in path.split("/"):
        yield Fault(f"the hostPath of volume {name!r} has .. in it", _mark(host, "path").line)
    if kind not in _HOST_TYPES:
        yield Fault(f"the hostPath of volume {name!r} has the unknown type {kind!r}", _mark(host, "type").line)


def _container(container: Mapping, volumes: set[str]) -> Iterator[Fault]:
    name = _text(container, "name")
    _words(container)
    if not _text(container, "image"):
        yield Fault(f"container {name!r} has no image", container.mark.line)
    seen: set[str] = set()
    for mount in _maps(container, "volumeMounts"):
        volume, path = _text(mount, "name"), _text(mount, "mountPath")
        if not volume:
            yield Fault("a volumeMount has no name", mount.mark.line)
        elif volume not in volumes:
            yield Fault(f"volumeMount {volume!r} has no volume of that name", _mark(mount, "name").line)
        if not path:
            yield Fault(f"volumeMount {volume!r} has no mountPath", mount.mark.line)
        elif path in seen:
            yield Fault(f"{path} is mounted twice", _mark(mount, "mountPath").line)
        seen.add(path)
