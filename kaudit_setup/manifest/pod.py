"""What a kube-apiserver manifest says, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaudit_setup.manifest import mounts, shape
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.manifest.shape import Shape
from kaudit_setup.model import KubeVersion
from kaudit_setup.units import natural

DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ApiServerPod:
    """The static Pod as kubelet would run it.

    `container`: index of the kube-apiserver container. `argv`: the server's arguments behind its own name, `$(VAR)`
    expanded where the variable is in the manifest. `all_flags`: every flag with its effective (last) value,
    names with dashes. `version`: from the image's tag.
    `grace_seconds`: how long kubelet lets the old server drain. `probe_host`: where kubelet asks for its health.
    `runs_as`: `uid:gid` of the server's process.
    """

    name: str
    namespace: str
    container: int
    container_name: str
    image: str
    version: KubeVersion | None
    argv: tuple[str, ...]
    all_flags: Mapping[str, str]
    mounts: tuple[Mount, ...]
    annotations: Mapping[str, str]
    grace_seconds: int
    probe_host: str
    json: bool
    runs_as: str

    @property
    def flags(self) -> dict[str, str]:
        """The audit flags only, in the order of the command line."""
        return {name: value for name, value in self.all_flags.items() if name.startswith("audit-")}

    def flag(self, name: str, default: str = "") -> str:
        """The effective value of any flag, `default` if it is not given."""
        return self.all_flags.get(name, default)


def read(text: str) -> ApiServerPod:
    """What the manifest says. Raises ManifestError as shape.find does."""
    found = shape.find(text)
    spec, container = found.spec, found.container
    annotations = found.metadata.get("annotations")
    grace = spec.get("terminationGracePeriodSeconds")
    seconds = natural(grace.text) if grace else None
    name, namespace = found.metadata.get("name"), found.metadata.get("namespace")
    container_name, image = container.get("name"), container.get("image")
    probe_host = container.at("livenessProbe", "httpGet", "host")
    return ApiServerPod(
        name=name.text if name else "",
        namespace=namespace.text if namespace else "default",
        container=found.index,
        container_name=container_name.text if container_name else "",
        image=image.text if image else "",
        version=image_version(image.text if image else ""),
        argv=tuple(word.text for word in found.words),
        all_flags={flag.name: flag.value for flag in found.flags},
        mounts=found.mounts,
        annotations={k.text: v.text for k, v in annotations.entries} if annotations else {},
        grace_seconds=DEFAULT_GRACE_SECONDS if seconds is None else seconds,
        probe_host=probe_host.text if probe_host else "",
        json=found.document.json,
        runs_as=f"{_security(found, 'runAsUser')}:{_security(found, 'runAsGroup')}",
    )


def _security(found: Shape, key: str) -> str:
    """The container's, else the Pod's (pkg/securitycontext/util.go), else root's."""
    value = found.container.at("securityContext", key) or found.spec.at("securityContext", key)
    return value.text if value and value.text.isdecimal() else "0"


def host_path(pod: ApiServerPod, container_path: str) -> str | None:
    """Where a path of the server's container is on the node; None if it is not on the node."""
    return mounts.host_path(pod.mounts, container_path)


def image_version(image: str) -> KubeVersion | None:
    """The Kubernetes version in an image's tag; None for a digest, `latest` and other names."""
    last = image.partition("@")[0].rpartition("/")[2]
    _, colon, tag = last.partition(":")
    try:
        return KubeVersion.parse(tag) if colon else None
    except ValueError:
        return None
