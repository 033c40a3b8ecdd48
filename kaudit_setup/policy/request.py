"""Method and URL → what the policy is asked about, and whether the request is a long one.

Source: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go:NewRequestInfo,
pkg/server/filters/longrunning.go:BasicLongRunningRequestCheck with the verbs and subresources of kube-apiserver
(cmd/kube-apiserver/app/server.go, since 1.27 pkg/controlplane/apiserver/config.go), net/url of Go 1.17 and later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from kaudit_setup.errors import InputError
from kaudit_setup.kubeyaml.resolve import go_utf8
from kaudit_setup.policy.model import Attributes
from kaudit_setup.policy.selectors import exact_field, is_int64, parse_labels

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_LONG_VERBS: Final = frozenset({"watch", "proxy"})
_LONG_SUBRESOURCES: Final = frozenset({"attach", "exec", "proxy", "log", "portforward"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile("%(?![0-9a-fA-F]{2})")
_SERVER: Final = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request as the audit filter meets it. `error`: why it never does (the server answers 500 before)."""

    attributes: Attributes
    api_version: str = ""
    error: str = ""

    @property
    def long_running(self) -> bool:
        """Whether its response is announced by an event of stage ResponseStarted."""
        return is_long_running(self.attributes)


def is_long_running(attributes: Attributes) -> bool:
    """Whether kube-apiserver expects the response to take its time: watches, logs, exec and their like."""
    if attributes.verb in _LONG_VERBS:
        return True
    if attributes.is_resource:
        return attributes.subresource in _LONG_SUBRESOURCES
    return attributes.path.startswith("/debug/pprof/")


def from_url(method: str, url: str, user: str | None = "", groups: tuple[str, ...] = ()) -> RequestInfo:
    """The request that `method` and `url` make. The URL is a path with its query, or a whole one.

    Raises InputError where Go's HTTP server would not take the URL.
    """
    path, query = _split(url)
    place = _api_place(path)
    if place is None:
        return RequestInfo(Attributes(user, groups, method.lower(), is_resource=False, path=path))
    group, version, rest = place
    verb = _VERBS.get(method, "")
    if rest[0] in _LONG_VERBS:
        if len(rest) < 2:
            partial = Attributes(user, groups, method.lower(), group, path=path)
            return RequestInfo(partial, version, f"unable to determine kind and namespace from url, {url}")
        verb, rest = rest[0], rest[1:]
    namespace, rest = _namespace(rest)
    resource, name, subresource = (*rest, "", "")[:3]
    if not name:
        verb, name = _for_collection(verb, query)
    if verb == "proxy":
        subresource = ""
    attributes = Attributes(user, groups, verb, group, resource, subresource, namespace, name, True, path)
    return RequestInfo(attributes, version)


def _api_place(path: str) -> tuple[str, str, list[str]] | None:
    """Group, version and what follows them in the path of a resource request; None for any other path."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    return (parts[1], parts[2], parts[3:]) if parts[0] == "apis" and len(parts) > 3 else None


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """The namespace, and the rest of the path from the resource on; a namespace itself is both."""
    if rest[0] != "namespaces" or len(rest) < 2:
        return "", rest
    return rest[1], rest[2:] if len(rest) > 2 and rest[2] not in ("status", "finalize") else rest


def _for_collection(verb: str, query: dict[str, list[str]]) -> tuple[str, str]:
    """Verb and name of a request whose path names no object."""
    if verb == "get":
        return _list_or_watch(query)
    return ("deletecollection" if verb == "delete" else verb), ""


def _split(url: str) -> tuple[str, dict[str, list[str]]]:
    """net/url.ParseRequestURI and URL.Query."""
    if _CONTROL.search(url):
        raise InputError("the URL holds control characters")
    rest = _SERVER.sub("", url, count=1)
    if rest != url and not rest.startswith("/"):
        rest = "/" + rest
    if not rest.startswith("/") and rest != "*":
        raise InputError(f"{url!r} is not the URL of a request", hint="give a path, e.g. 'GET /api/v1/pods?watch=1'")
    raw_path, _, raw_query = rest.partition("?")
    if _BAD_ESCAPE.search(raw_path):
        raise InputError(f"{url!r} holds a '%' that no two hexadecimal digits follow", hint="write %25 for '%'")
    return _unescape(raw_path), _query(raw_query)


def _query(raw: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for pair in raw.split("&"):
        # net/url drops what it cannot read, and since Go 1.17 every pair with a semicolon
        if pair and ";" not in pair and not _BAD_ESCAPE.search(pair):
            key, _, value = pair.partition("=")
            query.setdefault(_unescape(key.replace("+", " ")), []).append(_unescape(value.replace("+", " ")))
    return query


def _unescape(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    # an argument that is not UTF-8 is here as surrogates
    return go_utf8(unquote_to_bytes(text.encode("utf-8", "surrogateescape")))


def _list_or_watch(query: dict[str, list[str]]) -> tuple[str, str]:
    """Verb and name of a request for a whole resource: a field selector for one name names it."""
    watch = query.get("watch", ["0"])[0]
    verb = "list" if watch == "0" or watch.lower() == "false" else "watch"
    try:
        name = _selected_name(query)
    except ValueError:
        # parameters that cannot be read are logged and forgotten, all but `watch`
        return verb, ""
    return verb, "" if name in (".", "..") or "/" in name or "%" in name else name


def _selected_name(query: dict[str, list[str]]) -> str:
    """The name that a field selector asks for. Raises ValueError where Kubernetes cannot read the parameters."""
    if not all(is_int64(query[key][0]) for key in ("limit", "timeoutSeconds") if key in query):
        raise ValueError("no number")
    parse_labels(query.get("labelSelector", [""])[0])
    return exact_field(query.get("fieldSelector", [""])[0], "metadata.name") or ""
