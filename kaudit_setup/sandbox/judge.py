"""The stand-in's policy: read once at start with the project's own reader, asked for every request."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy import load as policy
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.model import Attributes, Decision

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def attributes(method: str, url: str) -> Attributes:
    """Everything but the user."""
    split = urlsplit(url)
    parts = [unquote(p) for p in split.path.split("/") if p]
    prefix = 2 if parts[:1] == ["api"] else 3 if parts[:1] == ["apis"] else 0
    if not prefix or len(parts) <= prefix:
        return Attributes(None, verb=method.lower(), is_resource=False, path=split.path)
    group = "" if prefix == 2 else parts[1]
    rest = parts[prefix:]
    verb = _VERBS.get(method, "")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if not name and verb == "get":
        watch = parse_qs(split.query, keep_blank_values=True).get("watch", ["false"])[0]
        verb = "list" if watch.lower() in ("false", "0", "f") else "watch"
    if not name and verb == "delete":
        verb = "deletecollection"
    return Attributes(
        None,
        verb=verb,
        api_group=group,
        resource=rest[0],
        subresource=subresource,
        namespace=namespace,
        name=name,
        path=split.path,
    )


def load(data: bytes, path: str, version: KubeVersion) -> Callable[[Attributes], Decision]:
    """The policy as a function. Raises ValueError with kube-apiserver's words."""
    loaded = policy.load(data, version)
    if loaded.policy is None:
        errors = [str(error) for error in loaded.errors]
        text = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
        raise ValueError(f"loading audit policy file: {text}: from file {path}")
    return compile(loaded.policy, version)
