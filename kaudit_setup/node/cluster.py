"""What a node's own API server knows of its cluster: asked while the node is looked at, nothing is changed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaudit_setup.errors import NodeError
from kaudit_setup.node.frames import Frames
from kaudit_setup.node.peers import NOBODY, Address, Silent, announced, canonical, control_plane, silent
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """ConfigMap kube-system/kubeadm-config. `text` is its ClusterConfiguration; `whole` the object as it was read."""

    text: str
    resource_version: str
    whole: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """What one API server said.

    `config` is None where there is none, and `config_why` says why. `servers`: every API server of the cluster as
    they announce themselves, empty if it was not said, and `servers_why` says why. `endpoint`: controlPlaneEndpoint
    of the configuration.
    `holds_endpoint`: whether it points to this very node now; None where that cannot be known. `silent`: the
    control-plane nodes that are known to the cluster and whose API server does not announce itself; `nodes_why` says
    why these are not known. `answered`: there was an answer for the configuration, which a refusal is, too.
    """

    config: StoredConfig | None
    config_why: str = ""
    servers: tuple[Address, ...] = ()
    endpoint: str = ""
    holds_endpoint: bool | None = None
    servers_why: str = ""
    silent: Silent = NOBODY
    nodes_why: str = ""
    answered: bool = False


def prelude(at: Address) -> str:
    """The shell variables that client.sh needs."""
    return f"ADDRESS={shlex.quote(at.host)} PORT={at.port}"


def parse(found: Sequence[tuple[str, bytes]]) -> ClusterSeen:
    """The frames of cluster.sh as values. Pure."""
    last = dict(found)
    code = last.get("config.code", b"").decode()
    config, why = _config(code, last.get("config.body", b""))
    endpoints, servers_why = _answered(last, "servers", "endpoints/kubernetes")
    nodes, nodes_why = _answered(last, "nodes", "the list of nodes")
    servers = announced(endpoints)
    if not servers:
        servers_why = servers_why or "endpoints/kubernetes names none"
    endpoint = last.get("endpoint", b"").decode("utf-8", "replace")
    here = {canonical(v) for k, v in found if k == "address"}
    points_to = {canonical(v) for k, v in found if k == "endpoint.address"}
    holds: bool | None = None
    # a name with several addresses points everywhere, so it names nobody
    if len(points_to) == 1 and here:
        holds = points_to <= here
    asked = last.get("host", b"").decode("utf-8", "replace")
    known = control_plane(nodes, config.whole if config else {})
    return ClusterSeen(
        config,
        why,
        servers,
        endpoint,
        holds,
        servers_why,
        silent=silent(known, servers, name=asked, addresses=here) if servers else NOBODY,
        nodes_why=nodes_why,
        answered=code.isdigit() and code != "000",
    )


def _answered(last: Mapping[str, bytes], key: str, what: str) -> tuple[bytes, str]:
    """The body of an answer, and why there is none: then it is that of an empty object."""
    code = last.get(f"{key}.code", b"").decode()
    return (last.get(f"{key}.body", b""), "") if code == "200" else (b"{}", _why(code, what))


def _why(code: str, what: str) -> str:
    """Why this was not answered, in words."""
    if code in {"401", "403"}:
        return f"the node may not read {what} ({code} for each credential there: its client certificate, admin.conf)"
    if code == "none":
        return "the node has no client for its API server (curl, or kubectl with admin.conf)"
    return f"the API server did not answer about {what} ({code or 'not asked'})"


def _config(code: str, body: bytes) -> tuple[StoredConfig | None, str]:
    if code == "404":
        return None, "the cluster has no ConfigMap kube-system/kubeadm-config (was it made by kubeadm?)"
    if code != "200":
        return None, _why(code, "ConfigMap kube-system/kubeadm-config")
    try:
        whole = json.loads(body)
        text, version = whole["data"]["ClusterConfiguration"], whole["metadata"]["resourceVersion"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None, "ConfigMap kube-system/kubeadm-config has no ClusterConfiguration"
    if not (_is_text(text) and _is_text(version)):
        return None, "ConfigMap kube-system/kubeadm-config has no ClusterConfiguration"
    return StoredConfig(text, version, whole), ""


def _is_text(value: object) -> bool:
    """Whether it can be stored again: half of a UTF-16 pair, which JSON may hold, cannot."""
    return isinstance(value, str) and not _HALF_PAIR.search(value)


def wait_ready(
    node: Node,
    servers: Sequence[Address],
    *,
    limit: int,
    progress: Callable[[str], None] = lambda _what: None,
) -> tuple[str, ...]:
    """Wait on `node`, at most `limit` seconds, until each of `servers` says /readyz; those that still do not.

    Raises what `Node.sh` raises.
    """
    if not servers:
        return ()
    splitter, found = Frames(), dict[str, bytes]()

    def sink(chunk: bytes) -> None:
        for key, value in splitter.feed(chunk):
            found[key] = value
            if key == "waiting":
                progress("waiting for the other API servers: " + value.decode("utf-8", "replace").replace(",", ":"))

    words = [f"{s.host},{s.port}" for s in servers]
    ran = node.sh(script("lib") + script("peers"), [str(limit), *words], sink=sink, timeout=limit + 60)
    if "ready" in found:
        return ()
    if "notready" not in found:
        said = ran.err.decode("utf-8", "replace").strip() or f"exit status {ran.code}"
        raise NodeError(f"{node.name}: waiting for the other API servers failed: {said}")
    late = set(found["notready"].decode("utf-8", "replace").split())
    return tuple(str(server) for word, server in zip(words, servers, strict=True) if word in late)
