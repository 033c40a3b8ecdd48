"""Findings about the webhook's kubeconfig: what client-go makes of it when kube-apiserver starts. Pure.

Source: staging/src/k8s.io/client-go/tools/clientcmd/{loader,client_config,validation}.go of Kubernetes 1.36. Of its
values only host names and paths are shown: the rest may be secret.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from kaudit_setup.change.nodestate import AuditPaths
from kaudit_setup.change.plan import Plan, WriteFile
from kaudit_setup.change.preflight import hosts
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.preflight.kubeconfig_auth import refused_credentials
from kaudit_setup.kubeyaml import GoYamlError, compose
from kaudit_setup.kubeyaml.nodes import plain
from kaudit_setup.manifest.pod import ApiServerPod, host_path
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.observe import FileSeen, Observed

_HINT = "give --webhook-config a kubeconfig with clusters, contexts and current-context"
_FILES = (
    ("cluster", "certificate-authority"),
    ("user", "client-certificate"),
    ("user", "client-key"),
    ("user", "tokenFile"),
)


def webhook_kubeconfig(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """Of the kubeconfig that the plan writes, or of the one that is there."""
    settings = plan.settings or AuditSettings({})
    path = AuditPaths.of(settings, plan.pod).webhook
    seen = observed.file(path)
    content = _content(seen, plan)
    if content is not None:
        yield from judge(content, settings.webhook_path, plan.pod)
    elif path and plan.restarts and seen.kind != "file":
        yield Finding(
            "webhook-config",
            True,
            f"the webhook's kubeconfig {path} is not there, so that kube-apiserver would not start",
            "give it with --webhook-config FILE",
        )


def _content(seen: FileSeen, plan: Plan) -> bytes | None:
    """What will be in it. One that was named before is not read: it is secret, and a server runs with it."""
    written = (c.after for c in plan.files if isinstance(c, WriteFile) and seen.path in {c.path, c.before.path})
    return next(written, seen.content)


def judge(content: bytes, path: str, pod: ApiServerPod) -> Iterator[Finding]:
    """`path`: where the container of `pod` has the file; relative names in it are beside that."""
    try:
        config = plain(compose(content).root)
    except GoYamlError as error:
        yield _refused(f"it is not YAML: {error.message}")
        return
    wrong, used = _used(config)
    if used is None:
        yield _refused(wrong)
        return
    yield from _server(used.cluster.get("server"))
    yield from map(_refused, refused_credentials(used.cluster, used.user))
    yield from _plugin(used.user)
    yield from _files(used, path, pod)


def _refused(why: str) -> Finding:
    return Finding(
        "webhook-config", True, f"kube-apiserver would not start with the webhook's kubeconfig: {why}", _HINT
    )


@dataclass(frozen=True, slots=True)
class _Used:
    """The parts of a kubeconfig that its current context names; a user that is not there is an empty one."""

    cluster: Mapping[str, object]
    user: Mapping[str, object]


def _used(config: object) -> tuple[str, _Used | None]:
    """Why there is no cluster to talk to, or the parts that are used."""
    if not isinstance(config, dict) or config.get("kind", "Config") != "Config":
        return "it is not a kubeconfig", None
    current = config.get("current-context")
    if not current:
        return "it has no current-context", None
    context = _named(config, "contexts", "context", current)
    if context is None:
        return f"its current-context {current} is not among its contexts", None
    cluster = _named(config, "clusters", "cluster", context.get("cluster"))
    if cluster is None:
        return f"its context {current} names no cluster that it has", None
    return "", _Used(cluster, _named(config, "users", "user", context.get("user")) or {})


def _named(config: Mapping[str, object], key: str, inner: str, name: object) -> Mapping[str, object] | None:
    listed = config.get(key)
    for item in listed if isinstance(listed, list) else ():
        value = item.get(inner) if isinstance(item, dict) and item.get("name") == name else None
        if isinstance(value, dict):
            return value
    return None


def _server(server: object) -> Iterator[Finding]:
    try:
        url = urlsplit(server if isinstance(server, str) else "")
        host = url.hostname or ""
    except ValueError:
        yield _refused("its server is not a URL")
        return
    if url.scheme not in {"http", "https"} or not host:
        yield _refused("its server is not a URL that begins with https://")
        return
    yield from _port(url)
    if why := hosts.needs_cluster_dns(host):
        yield Finding(
            "webhook-cluster-dns",
            False,
            f"{host} {why}, which kube-apiserver on the node's network does not ask: if the node's own resolver does "
            "not know the name, the server starts, and every event is lost",
            "name an address, or a name that the node itself can resolve",
        )
    if url.scheme == "http" and not hosts.is_loopback(host):
        yield Finding(
            "webhook-unencrypted",
            False,
            f"events travel to {host} unencrypted, and anybody can answer in its place",
            "use https:// with certificate-authority-data",
        )


def _port(url: SplitResult) -> Iterator[Finding]:
    """Go takes any number for a port until it connects; what is no number is no URL (net/url: validOptionalPort)."""
    try:
        if url.port != 0:
            return
    except ValueError:
        pass
    written = url.netloc.rpartition(":")[2]
    if not (written.isascii() and written.isdigit()):
        yield _refused("its server has a port that is not a number")
        return
    yield Finding(
        "webhook-port",
        True,
        f"the server of the webhook's kubeconfig has port {written[:20]}, which is not between 1 and 65535: "
        "kube-apiserver starts, and every event is lost",
        "give the receiver's port",
    )


def _plugin(user: Mapping[str, object]) -> Iterator[Finding]:
    for key, follows in (
        ("exec", "kube-apiserver's image has no such program: the server starts, and every event is lost"),
        ("auth-provider", "kube-apiserver has none built in: it does not start, or every event is lost"),
    ):
        if user.get(key):
            yield Finding(
                "webhook-plugin",
                False,
                f"the webhook's kubeconfig gets its credentials from a plugin ({key}); {follows}",
                "give its user a client certificate, a token or a tokenFile",
            )


def _files(used: _Used, path: str, pod: ApiServerPod) -> Iterator[Finding]:
    parts = {"cluster": used.cluster, "user": used.user}
    for part, key in _FILES:
        value = parts[part].get(key)
        # what is given as data, too, is not read from the file
        if not isinstance(value, str) or not value or parts[part].get(f"{key}-data"):
            continue
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), value))
        if host_path(pod, inside) is None:
            yield Finding(
                "webhook-file",
                True,
                f"the webhook's kubeconfig names {key} {inside}, which is in no mount of the kube-apiserver Pod",
                f"put its content into the kubeconfig as {key}-data, or the file into a folder that is mounted",
            )
