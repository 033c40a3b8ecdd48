"""A static Pod manifest, read as kubelet reads it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kaudit_setup.kubeyaml import GoYamlError, compose
from kaudit_setup.kubeyaml.nodes import Float, Mapping, Node, Sequence
from kaudit_setup.values import replace


class InvalidPodError(ValueError):
    """kubelet would not take this file for a Pod; says why."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A hostPath volume where a container sees it."""

    inside: str
    host: str
    kind: str
    read_only: bool
    volume: str


@dataclass(frozen=True, slots=True)
class Pod:
    """What of a static Pod matters here. `argv` and `mounts` are those of its kube-apiserver container, if any."""

    key: str
    uid: str
    argv: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    container: str = ""
    image: str = ""

    @property
    def is_server(self) -> bool:
        """Whether this is the Pod that the sandbox brings to life."""
        return bool(self.argv)


def plain(node: Node) -> Any:
    """Dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value.text if isinstance(node.value, Float) else node.value


@lru_cache(maxsize=64)  # kubelet lists the same few files every second
def read(data: bytes) -> Pod:
    """One manifest, its first document. Raises InvalidPodError.

    Source: pkg/kubelet/config/common.go:tryDecodeSinglePod, pkg/apis/core/validation/validation.go:ValidatePodSpec
    (the checks that a wrongly patched manifest could fail).
    """
    try:
        tree = plain(compose(data).root)
    except GoYamlError as error:
        raise InvalidPodError(f"couldn't parse as pod(yaml: {error})") from error
    if not isinstance(tree, dict):
        raise InvalidPodError("couldn't parse as pod(Object 'Kind' is missing in 'null')")
    if tree.get("kind") != "Pod" or tree.get("apiVersion") != "v1":
        raise InvalidPodError(f'no kind "{tree.get("kind")}" is registered for version "{tree.get("apiVersion")}"')
    try:
        return _pod(tree)
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidPodError(f"couldn't parse as pod({error})") from error


def _strings(items: list[Any], where: str) -> list[str]:
    for item in items:
        if not isinstance(item, str):
            kind = "bool" if isinstance(item, bool) else "number"
            raise InvalidPodError(f"json: cannot unmarshal {kind} into Go struct field {where} of type string")
    return items


def _pod(tree: dict[str, Any]) -> Pod:
    metadata, spec = tree.get("metadata") or {}, tree.get("spec") or {}
    for kind in ("annotations", "labels"):
        _strings([*(metadata.get(kind) or {}).values()], f"ObjectMeta.metadata.{kind}")
    name, space = metadata.get("name"), metadata.get("namespace") or "default"
    if not name:
        raise InvalidPodError("invalid pod: metadata.name: Required value: name or generateName is required")
    if not spec.get("containers"):
        raise InvalidPodError("invalid pod: spec.containers: Required value")
    volumes = _volumes(spec.get("volumes") or [])
    pods = [_with_container(Pod(f"{space}/{name}", _uid(tree)), each, volumes) for each in spec["containers"]]
    return next((pod for pod in pods if pod.is_server), pods[0])


def _volumes(given: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Name → hostPath, empty for a volume of another kind."""
    volumes: dict[str, dict[str, Any]] = {}
    for volume in given:
        if volume["name"] in volumes:
            raise InvalidPodError(f'invalid pod: spec.volumes.name: Duplicate value: "{volume["name"]}"')
        volumes[volume["name"]] = volume.get("hostPath") or {}
    return volumes


def _with_container(pod: Pod, container: dict[str, Any], volumes: dict[str, dict[str, Any]]) -> Pod:
    """The Pod as its kube-apiserver container makes it; unchanged for any other container, which is checked, too."""
    if not container.get("name") or not container.get("image"):
        raise InvalidPodError("invalid pod: spec.containers: name and image are required")
    mounts = _mounts(container, volumes)
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    argv = _unwrapped([expand(w) for w in _strings(words, "Container.spec.containers.command")])
    if not argv or argv[0].rpartition("/")[2] != "kube-apiserver":
        return pod
    return replace(pod, argv=argv, mounts=mounts, container=container["name"], image=container["image"])


def _mounts(container: dict[str, Any], volumes: dict[str, dict[str, Any]]) -> tuple[Mount, ...]:
    found: list[Mount] = []
    for mount in container.get("volumeMounts") or []:
        name, inside = mount["name"], mount["mountPath"]
        if name not in volumes:
            raise InvalidPodError(f'invalid pod: spec.containers.volumeMounts.name: Not found: "{name}"')
        if any(inside == other.inside for other in found):
            raise InvalidPodError(
                f'invalid pod: spec.containers.volumeMounts.mountPath: Invalid value: "{inside}": must be unique'
            )
        source = volumes[name]
        if source.get("path"):
            read_only = mount.get("readOnly") is True
            found.append(Mount(inside, source["path"], source.get("type") or "", read_only, name))
    return tuple(found)


def expand(word: str) -> str:
    """`$$` is `$`; `$(NAME)` stays, as no such variable is set (third_party/forked/golang/expansion/expand.go)."""
    return re.sub(r"\$\$|\$\([^)]*\)", lambda found: "$" if found.group() == "$$" else found.group(), word)


def _unwrapped(argv: list[str]) -> tuple[str, ...]:
    """`sh -c "exec kube-apiserver …"` as the process that comes out of it."""
    if len(argv) > 2 and argv[0].rpartition("/")[2] in {"sh", "bash"} and argv[1] == "-c":
        argv = shlex.split(argv[2])
        if argv[:1] == ["exec"]:
            argv = argv[1:]
    return tuple(argv)


def _uid(tree: dict[str, Any]) -> str:
    # pkg/kubelet/config/common.go:applyDefaults hashes the decoded Pod: comments, order and white space do not count
    return hashlib.md5(json.dumps(tree, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
