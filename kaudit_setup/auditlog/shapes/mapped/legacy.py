"""kube-apiserver's text format `legacy` → audit events.

Source: staging/src/k8s.io/apiserver/pkg/audit/format.go:EventString.

A line says who asked what, when it was received and the code of the response. What it does not say stays out: the
level, the names of objects that were created, bodies, the decision of the authorizer. Its `ip` is the first of
sourceIPs, which the client may choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import damaged
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError

LINE: Final = re.compile(rb'\A(\S+) AUDIT: (id="[^"\\]*+(?:\\.[^"\\]*+)*+" .*)\Z')
_PAIR: Final = re.compile(r'([a-z-]+)=((?:"[^"\\]*+(?:\\.[^"\\]*+)*+",?)+|<[a-z]+>)')
_QUOTED: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|U([0-9a-f]{8})|([av]))")
_SAID: Final = {"a": "\\u0007", "v": "\\u000b"}
_CODE: Final = re.compile(r"[0-9]{1,3}")
_MOST_KNOWN, _SHORT = 4096, 1024  # objects that are remembered, and characters of their URIs
_NOTHING: Final = frozenset({"<none>", "<self>", "<lookup>", "<deferred>", "<unknown>", ""})


class Legacy:
    """Lines of the format become events; any other line stays as it is."""

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([_event(text) for text in found.texts])


def _event(line: bytes) -> bytes:
    found = LINE.match(line.strip())
    if found is None:
        return damaged(line) if b" AUDIT: id=" in line else line
    said = {name: _strings(value) for name, value in _PAIR.findall(found[2].decode("utf-8", "replace"))}
    try:
        return msgspec.json.encode(_mapped(restamp(found[1].decode("ascii", "replace")), said))
    except InputError:
        return damaged(line)


def _mapped(at: str, said: dict[str, list[str]]) -> dict[str, Any]:
    def one(name: str) -> str:
        texts = said.get(name, ())
        return "" if not texts or texts[0] in _NOTHING else texts[0]

    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": one("id"),
        "stage": one("stage"),
        "requestURI": one("uri"),
        "verb": one("method"),
        "user": _user(one("user"), said.get("groups", [])),
    }
    if one("as"):
        event["impersonatedUser"] = _user(one("as"), said.get("asgroups", []))
    event["sourceIPs"] = [one("ip")] if one("ip") else []
    event["userAgent"] = one("user-agent")
    uri, namespace = one("uri"), one("namespace")
    ref = (_known_object if len(uri) < _SHORT else _object)(uri, namespace)
    if ref:
        event["objectRef"] = ref
    if _CODE.fullmatch(one("response")):
        event["responseStatus"] = {"metadata": {}, "code": int(one("response"))}
    return event | {"requestReceivedTimestamp": at, "stageTimestamp": at}


def _user(name: str, groups: list[str]) -> dict[str, Any]:
    return {"username": name, "groups": [group for group in groups if group not in _NOTHING]}


def _object(uri: str, namespace: str) -> Mapping[str, str]:
    """What the URI names."""
    from kaudit_setup.policy.request import from_url

    try:
        info = from_url("GET", uri)
    except InputError:
        return {}
    asked = info.attributes
    if not asked.is_resource:
        return {}
    found = {
        "resource": asked.resource,
        "namespace": asked.namespace or namespace,
        "name": asked.name,
        "apiGroup": asked.api_group,
        "apiVersion": info.api_version,
        "subresource": asked.subresource,
    }
    return {key: value for key, value in found.items() if value}


_known_object = lru_cache(maxsize=_MOST_KNOWN)(_object)


def _strings(text: str) -> list[str]:
    r"""The strings in Go's %q, which is nearly JSON: it has \x and \U besides."""
    if text.startswith("<"):
        return [text]
    if "\\" not in text:
        return text.rstrip(",")[1:-1].split('","')
    found = []
    for quoted in _QUOTED.findall(text):
        try:
            found.append(str(json.loads(f'"{_ESCAPE.sub(_in_json, quoted)}"')))
        except ValueError:
            found.append(quoted)
    return found


def _in_json(found: re.Match[str]) -> str:
    if found[3]:
        return _SAID[found[3]]
    return json.dumps(chr(min(int(found[1] or found[2], 16), 0x10FFFF)))[1:-1]
