"""Who wrote a line, as far as its record or the path of its file says: kube-apiserver, or somebody else.

Shippers keep the logs of all containers in one stream, and any Pod can write what looks like an audit event. So what
a shipper says of a line decides: only what kube-apiserver wrote counts, or what stands in an audit log file. What
nothing is said of is taken as it is.

Sources: Fluent Bit, filter `kubernetes`; Fluentd, fluent-plugin-kubernetes_metadata_filter; Vector, source
`kubernetes_logs`; Filebeat, processor `add_kubernetes_metadata` and ECS; Promtail and Alloy, labels; OpenTelemetry,
semantic conventions; Docker, log options; systemd.journal-fields(7); kubernetes/pkg/kubelet/kuberuntime/helpers.go
(the paths of container logs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

import msgspec

NAMESPACES: Final = frozenset(
    {"kube-system", "openshift-kube-apiserver", "openshift-apiserver", "openshift-oauth-apiserver"}
)
"""Where API servers run. A Pod of the same name in another namespace is somebody's own, or of another cluster."""
_POD: Final = r"(?:kube-|openshift-|openshift-oauth-)?apiserver(?:-|$)"
_CONTAINER: Final = r"(?:kube-|openshift-|oauth-)?apiserver$"
_AUDIT_FILE: Final = r"(?i)audit|apiserver|kube|k8s|k3s|k0s|rke2|openshift"
_PROGRAM: Final = (
    r"(?i)apiserver|k3s|rke2|k0s|kubelite|hyperkube|(?:kube|k8s|kubernetes)[-_.]?audit|^audit(?!d|sp)|^kubernetes$"
    r"|^k8s$"
)
# /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log
_IN_PODS: Final = r"[/.:]pods[/.]([a-z0-9-]+)_([a-z0-9.-]+)_[0-9a-f-]{8,}[/.]([a-z0-9-]+)[/.]"
# /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
_IN_CONTAINERS: Final = r"[/.:]containers[/.]([a-z0-9.-]+)_([a-z0-9-]+)_([a-z0-9-]+)-[0-9a-f]{6,64}\b"
# must-gather, and `oc adm inspect`: namespaces/NAMESPACE/pods/POD/CONTAINER/CONTAINER/logs/current.log
_GATHERED: Final = r"[/:]namespaces/([a-z0-9-]+)/pods/([a-z0-9.-]+)/([a-z0-9-]+)/.*\blogs/"
# dockershim's and cri-dockerd's names
_DOCKER_NAME: Final = r"/?k8s_([^_]+)_([^_]+)_([^_]+)_"
# kubectl logs --prefix
_KUBECTL: Final = r"\[pod/([^/\]]+)/([^/\]]+)\]"
_LOKI_LABEL: Final = r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"'

# what stands before the names of these fields, where it is a record's own; labels of a Pod are not
_PREFIX: Final = (
    r"^(?:kubernetes\.|k8s\.|labels\.|stream\.|attrs\.|fields\.|resource\.labels\.|resource\.attributes\.|attributes\."
    r"|io\.kubernetes\.)(?:k8s\.|io\.kubernetes\.)?"
)
_ROLES: Final[Mapping[str, str]] = {
    name: role
    for role, names in {
        "container": ("container", "container_name", "container.name", "containername"),
        "pod": ("pod", "pod_name", "pod.name", "podname"),
        "namespace": (
            "namespace",
            "namespace_name",
            "namespace.name",
            "pod_namespace",
            "pod.namespace",
            "podnamespace",
        ),
        "path": ("file", "file.path", "filename", "path", "log.file.path", "log_file", "log_path", "source"),
        "tag": ("tag", "fluent_tag", "logstream", "logstreamname"),
        "unit": ("_systemd_unit", "systemd.unit", "systemd_unit"),
        "program": ("syslog_identifier", "syslog.identifier", "program", "appname", "ident", "_comm"),
        "category": ("category",),
    }.items()
    for name in names
}
_HEADS: Final = frozenset(
    {name.partition(".")[0] for name in _ROLES}
    | {"kubernetes", "k8s", "labels", "stream", "attrs", "fields", "resource", "attributes", "io"}
)
_DEEPEST: Final = 4


class Place(NamedTuple):
    """A container, as far as it is said."""

    namespace: str = ""
    pod: str = ""
    container: str = ""

    @property
    def ours(self) -> bool:
        """Whether kube-apiserver may run there. All containers of its own Pod are of the node's administrator."""
        if (hosted := _HOSTED[-1]) is not None:
            return hosted.covers(self)
        return (not self.namespace or self.namespace in NAMESPACES) and self.like_a_server

    @property
    def like_a_server(self) -> bool:
        """Whether it is called like an API server."""
        if self.pod:
            return re.match(_POD, self.pod) is not None
        return not self.container or re.match(_CONTAINER, self.container) is not None

    def __str__(self) -> str:
        pod = "/".join(filter(None, (self.namespace, self.pod)))
        noun = "pod" if self.pod else "namespace"
        named = (f"{noun} {pod}" if pod else "", f"container {self.container}" if self.container else "")
        return ", ".join(filter(None, named))


class HostedServer(NamedTuple):
    """Where the API server of a hosted control plane runs: Pods of another cluster (HyperShift, Kamaji, vcluster,
    Gardener). Each namespace holds one cluster. `pod`: a glob; empty for those that are called like an API server.
    """

    namespace: str
    pod: str = ""

    @classmethod
    def parse(cls, text: str) -> HostedServer | None:
        """`NAMESPACE` or `NAMESPACE/POD`; None for anything else."""
        found = re.fullmatch(_HOSTED_FORM, text.strip())
        return cls(found[1], found[2] or "") if found else None

    def covers(self, place: Place) -> bool:
        """Whether it is that server."""
        if place.namespace != self.namespace:
            return False
        if self.pod:
            return fnmatchcase(place.pod, self.pod)
        return place.like_a_server or (bool(place.container) and re.match(_CONTAINER, place.container) is not None)


_HOSTED_FORM: Final = r"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:/([a-z0-9.*?\[\]!-]{1,253}))?"
_HOSTED: Final[list[HostedServer | None]] = [None]
"""Whose records count, as the user said. All that reads asks for it, in threads and forks too: it is set once, before
anything is read.
"""


@contextmanager
def believing(hosted: HostedServer | None) -> Iterator[None]:
    """Inside, of what containers wrote only that of this API server counts; None: as always."""
    _HOSTED.append(hosted)
    try:
        yield
    finally:
        _HOSTED.pop()


def advice(others: Iterable[str]) -> str:
    """What to do if records of these were left out, and one may be the API server of a hosted control plane; empty
    if none is called like one.
    """
    found = (re.fullmatch(_SAID, one) for one in others)
    places = (Place(one[1], one[2] or "", one[3] or "") for one in found if one)
    namespace = next(
        (one.namespace for one in places if one.namespace and HostedServer(one.namespace).covers(one)), ""
    )
    if not namespace or namespace in NAMESPACES:
        return ""
    return f"if the API server of a hosted control plane runs in namespace {namespace}, give --origin {namespace}"


# as a place is written
_SAID: Final = r"(?:pod|namespace) ([a-z0-9-]+)(?:/([a-z0-9.-]+))?(?:, container ([a-z0-9-]+))?"


def speaks(key: str) -> bool:
    """Whether a field of a record, by its name, may say who wrote the record."""
    return key.partition(".")[0].lower() in _HEADS


def whose(fields: Mapping[str, Any]) -> str:
    """Who wrote the record with these fields, if it says so and it was not kube-apiserver; empty otherwise."""
    said = _Said()
    for key, value in _flat(fields, "", 0):
        said.take(_ROLES.get(re.sub(_PREFIX, "", key.lower()), ""), value)
    return said.other()


def whose_path(path: str) -> str:
    """Whose a container's log is by its path, if it is not kube-apiserver's; empty if the path does not say it."""
    place = _place(path)
    return str(place) if place is not None and not place.ours else ""


def of_server(path: str) -> bool:
    """Whether a file is a container's log, and that of kube-apiserver, by its path."""
    place = _place(path)
    return place is not None and place.ours and re.match(_CONTAINER, place.container) is not None


def other_program(name: str) -> bool:
    """Whether a program or a systemd unit of this name is not kube-apiserver, nor what forwards its log."""
    return re.search(_PROGRAM, name) is None


class _Said:
    """What a record says of its writer, by role; every role may be said more than once."""

    def __init__(self) -> None:
        self._by: dict[str, list[str]] = {}

    def take(self, role: str, value: str) -> None:
        if role and value not in {"", "-"}:
            self._by.setdefault(role, []).append(value)

    def all(self, *roles: str) -> list[str]:
        return [value for role in roles for value in self._by.get(role, ())]

    def other(self) -> str:
        if any(one.startswith("kube-audit") for one in self.all("category")):
            return ""  # Azure's own word
        places = list(self._places())
        if places:
            return next((str(place) for place in places if not place.ours), "")
        return self._other_file() or self._other_program()

    def _places(self) -> Iterator[Place]:
        yield from filter(None, map(_place, self.all("path", "tag", "container")))
        containers = [name.lstrip("/") for name in self.all("container") if not re.match(_DOCKER_NAME, name)]
        named = (self.all("namespace"), self.all("pod"), containers)
        if any(named):
            yield Place(*("".join(names[:1]) for names in named))

    def _other_file(self) -> str:
        paths = [one for one in self.all("path") if one.startswith("/") and ("." in one or "log" in one)]
        return next((f"file {one}" for one in paths if not re.search(_AUDIT_FILE, one)), "")

    def _other_program(self) -> str:
        """A unit is systemd's word; the name that a program gives itself counts only without one."""
        role = "unit" if self.all("unit") else "program"
        return next((f"{role} {name}" for name in self.all(role) if other_program(name)), "")


def _place(text: str) -> Place | None:
    # each is sought only where its own word is: most texts are none of these, and are many
    if "pods" in text and (found := re.search(_IN_PODS, text) or re.search(_GATHERED, text)):
        return Place(found[1], found[2], found[3])
    if "containers" in text and (found := re.search(_IN_CONTAINERS, text)):
        return Place(found[2], found[1], found[3])
    if "[pod/" in text and (found := re.match(_KUBECTL, text)):
        return Place("", found[1], found[2])
    if "k8s_" in text and (found := re.match(_DOCKER_NAME, text)):
        return Place(found[3], found[2], found[1])
    return None


def _flat(value: object, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """The strings in a value, each with the way to it: in objects, OpenTelemetry's attributes, Loki's labels."""
    if isinstance(value, str):
        labels = re.findall(_LOKI_LABEL, value) if key == "labels" else ()
        yield from ((f"labels.{name}", text) for name, text in labels)
        yield key, value
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name, depth + 1)
    elif isinstance(value, list) and key.endswith("attributes"):
        yield from _attributes(key, value)


def _attributes(key: str, listed: Sequence[object]) -> Iterator[tuple[str, str]]:
    for one in listed:
        if isinstance(one, Mapping) and isinstance(one.get("value"), Mapping):
            yield f"{key}.{one.get('key')}", str(one["value"].get("stringValue", ""))


def whose_fields(fields: Mapping[str, msgspec.Raw]) -> str:
    """As `whose`, of fields that are not decoded yet."""
    return whose({key: _decoded(value) for key, value in fields.items() if speaks(key)})


def _decoded(value: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
