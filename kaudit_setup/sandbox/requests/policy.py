"""The stand-in's policy: read once at start with the project's own reader, asked for every request."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy import load as policy
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.model import Attributes, Decision

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# what may stand below /namespaces/NAME and is a subresource of the namespace, not a resource in it
_OF_A_NAMESPACE = ("status", "finalize")


def attributes(method: str, url: str) -> Attributes:
    """Everything but the user (staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go:NewRequestInfo)."""
    split = urlsplit(url)
    group, rest = _below_version([unquote(p) for p in split.path.split("/") if p])
    if not rest:
        return Attributes(None, verb=method.lower(), is_resource=False, path=split.path)
    namespace, rest = _below_namespace(rest)
    resource, name, subresource = (*rest[:3], "", "")[:3]
    return Attributes(
        None,
        verb=_verb(method, name, split.query),
        api_group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
        path=split.path,
    )


def _below_version(parts: list[str]) -> tuple[str, list[str]]:
    """API group, and what follows /api/VERSION or /apis/GROUP/VERSION: nothing where no resource is asked for."""
    if parts[:1] == ["api"]:
        return "", parts[2:]
    return ("".join(parts[1:2]), parts[3:]) if parts[:1] == ["apis"] else ("", [])


def _below_namespace(rest: list[str]) -> tuple[str, list[str]]:
    """Namespace, and what follows it; a request on the namespace itself keeps its words."""
    if rest[0] != "namespaces" or len(rest) == 1:
        return "", rest
    return rest[1], rest[2:] if len(rest) > 2 and rest[2] not in _OF_A_NAMESPACE else rest


def _verb(method: str, name: str, query: str) -> str:
    """The verb of a request on a resource; without a name it is about the whole collection."""
    verb = _VERBS.get(method, "")
    if name:
        return verb
    if verb == "get":
        watch = parse_qs(query, keep_blank_values=True).get("watch", ["false"])[0]
        return "list" if watch.lower() in ("false", "0", "f") else "watch"
    return "deletecollection" if verb == "delete" else verb


def load(data: bytes, path: str, version: KubeVersion) -> Callable[[Attributes], Decision]:
    """The policy as a function. Raises ValueError with kube-apiserver's words."""
    loaded = policy.load(data, version)
    if loaded.policy is None:
        errors = [str(error) for error in loaded.errors]
        text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
        raise ValueError(f"loading audit policy file: {text}: from file {path}")
    return compile(loaded.policy, version)
