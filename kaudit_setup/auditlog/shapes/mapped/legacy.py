"""kube-apiserver's text format `legacy` → audit events.

Source: staging/src/k8s.io/apiserver/pkg/audit/format.go:EventString.

A line says who asked what, when it was received and the code of the response. What it does not say stays out: the
level, the names of objects that were created, bodies, the decision of the authorizer. Its `ip` is the first of
sourceIPs, which the client may choose.

A server writes the same again and again, but for the time and the Audit-ID: it is remembered what becomes of a line,
and of its parts (who asked, what for, the response). A line that has another form, quotes in a text for instance, is
taken apart by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.shapes.events import REFUSED, damaged
from kaudit_setup.auditlog.shapes.forms import Unwritten
from kaudit_setup.auditlog.shapes.mapped.legacy_heads import HEAD_BYTES, ID_BYTES, heads_of
from kaudit_setup.auditlog.shapes.mapped.projected import Sized, asks_for_kinds, learned, names_asked, said_times
from kaudit_setup.auditlog.shapes.mapped.times import TIME_BYTES
from kaudit_setup.auditlog.shapes.reading import Step, Texts
from kaudit_setup.auditlog.timestamps import restamp
from kaudit_setup.errors import InputError

LINE: Final = re.compile(rb'\A(\S+) AUDIT: (id="[^"\\]*+(?:\\.[^"\\]*+)*+" .*)\Z')
_PAIR: Final = re.compile(r'([a-z-]+)=((?:"[^"\\]*+(?:\\.[^"\\]*+)*+",?)+|<[a-z]+>)')
_QUOTED: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|U([0-9a-f]{8})|([av]))")
_SAID: Final = {"a": "\\u0007", "v": "\\u000b"}
_CODE: Final = re.compile(r"[0-9]{1,3}")
_NOTHING: Final = frozenset({"<none>", "<self>", "<lookup>", "<deferred>", "<unknown>", ""})

# the parts of a line in which no text holds a quote or a backslash
_PLAIN: Final = rb'"[^"\\\n]*"'
_LIST: Final = rb"(?:<[a-z]+>|" + _PLAIN + rb"(?:," + _PLAIN + rb")*)"
_ASKER: Final = re.compile(
    rb'" stage=%b ip=%b method=%b user=%b groups=%b as=%b asgroups=%b user-agent=%b'
    % (_PLAIN, _PLAIN, _PLAIN, _PLAIN, _LIST, _PLAIN, _LIST, _PLAIN)
)
_THING: Final = re.compile(rb'[^"\\\n]*" uri=%b' % _PLAIN)
_ANSWER: Final = re.compile(rb'[^"\\\n]*"\s*')
_NAMESPACE: Final = b' namespace="'
_URI: Final = b' uri="'
_RESPONSE: Final = b' response="'
# from inside the namespace's quotes: the namespace and the name of an object, which JSON has as they stand in the URI
_WORD: Final = rb"[A-Za-z0-9_.:-]+"
_IN_NAMESPACE: Final = re.compile(
    rb'[^"\\\n]*(" uri="/(?:api|apis/%b)/%b/namespaces/)'
    rb'(%b)(/(?!status[/?"]|finalize[/?"])%b)(?:/(%b))?(?=[/?"])' % ((_WORD,) * 5)
)
_MOST_KNOWN, _SHORT = 1 << 12, 1024  # parts that are remembered, and bytes of each

_BEGIN: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":'
_STAMPED: Final = b',"stageTimestamp":'

_Said = Mapping[str, list[str]]
K = TypeVar("K")


class Legacy:
    """Lines of the format become events; any other line stays as it is."""

    def __init__(self) -> None:
        self._rests: dict[bytes, bytes | None] = {}
        self._askers: dict[bytes, tuple[bytes, bytes] | None] = {}
        self._things: dict[bytes, tuple[bytes, bytes] | None] = {}
        self._refs: dict[bytes, bytes] = {}
        self._answers: dict[bytes, bytes | None] = {}

    def projected(self, decoder: Decoder, /) -> Step | None:
        """See `Projecting`."""
        return _Projected(self, decoder) if asks_for_kinds(decoder) else None

    def __call__(self, found: Texts, /) -> Texts:
        texts = found.texts
        heads = heads_of(texts)
        rests = self._rests
        parts: list[bytes] = []
        for number, (text, time, name) in enumerate(zip(texts, heads.times, heads.ids, strict=True)):
            rest = text[HEAD_BYTES:]
            made = rests[rest] if rest in rests else _learned(rests, rest, self.rest_of)
            if made is None or number in heads.odd:
                parts += (_event(text), b"\n")
            else:
                parts += (_OPEN, name, made, time, _AGAIN, time, _CLOSE)
        # what is no line of the format may have line breaks
        return found.become_lines(b"".join(parts)) or found.become(list(map(_event, texts)))

    def rest_of(self, rest: bytes) -> bytes | None:
        """What is in an event between its Audit-ID and its times."""
        head, _, tail = rest.partition(_NAMESPACE)
        named, _, answered = tail.rpartition(_RESPONSE)
        asker = _learned(self._askers, head, _asker_of)
        thing = _learned(self._things, named, self._thing_of)
        answer = _learned(self._answers, answered, _answer_of)
        if asker is None or thing is None or answer is None:
            return None
        stage, who = asker
        uri, ref = thing
        return stage + uri + who + ref + answer

    def _thing_of(self, part: bytes) -> tuple[bytes, bytes] | None:
        """From inside the namespace's quotes to the end of the URI's."""
        if not _THING.fullmatch(part):
            return None
        alike = _alike(part, 0)
        if alike is None:
            said = _said(_NAMESPACE + part)
            return _uri(said), _ref(said)
        uri = _json(part[part.index(_URI) + len(_URI) : -1].decode("utf-8", "replace"))
        ref = self._refs.get(alike.text) or learned(
            self._refs, alike.text, lambda: _ref(_said(_NAMESPACE + alike.text))
        )
        ref = ref.replace(b'"namespace":"-"', b'"namespace":"%b"' % alike.namespace)
        return uri, ref.replace(b'"name":"-"', b'"name":"%b"' % alike.name) if alike.name else ref


class _Projected:
    """As `Legacy`, for who asks the same few fields of all events: lines become what `decoder` fills of their events,
    which nobody writes. If that cannot be told of one of them, they are all written.
    """

    def __init__(self, step: Legacy, decoder: Decoder) -> None:
        self._step = step
        self._decoder = decoder
        self._known: dict[bytes, Sized] = {}
        self._known_alike: dict[bytes, Sized] = {}
        self._names = {"namespace", "name"} & names_asked(decoder)

    def __call__(self, found: Texts, /) -> Texts:
        texts = found.texts
        heads = heads_of(texts)
        if not texts or heads.odd:
            return self._step(found)
        known = self._known
        with suppress(*REFUSED):
            sized = [known.get(rest) or self._learn(rest) for rest in [text[HEAD_BYTES:] for text in texts]]
            events = [event for event, _ in sized]
            sizes = [size for _, size in sized]
            times = said_times(heads.times)
            return found.become_form(Unwritten(events, sizes, times, lambda: self._step(found).in_lines()))
        return self._step(found)

    def _learn(self, rest: bytes) -> Sized:
        """Raises one of `events.REFUSED` if the line has not the usual form."""
        return learned(self._known if len(rest) <= _SHORT else {}, rest, lambda: self._sized(rest))

    def _sized(self, rest: bytes) -> Sized:
        alike = None if self._names else _alike(rest, rest.find(_NAMESPACE) + len(_NAMESPACE))
        if alike is None:
            return self._decoded(rest)
        text = alike.text
        event, size = self._known_alike.get(text) or learned(self._known_alike, text, lambda: self._decoded(text))
        return event, size + 2 * alike.longer

    def _decoded(self, rest: bytes) -> Sized:
        made = self._step.rest_of(rest)
        if made is None:
            raise ValueError("a line that has another form")
        text = b"".join((_OPEN, made, _AGAIN, _CLOSE))
        return self._decoder.decode(text), len(text) + ID_BYTES + 2 * TIME_BYTES


_OPEN: Final = _BEGIN + b'"'
_AGAIN: Final = b'"' + _STAMPED + b'"'
_CLOSE: Final = b'"}\n'


class _Alike(NamedTuple):
    """A part of a line in which the names of an object and of its namespace are a dash each, and these names; an
    empty one is not there.
    """

    text: bytes
    namespace: bytes
    name: bytes

    @property
    def longer(self) -> int:
        """How many bytes the names have more than dashes."""
        return len(self.namespace) - 1 + (len(self.name) - 1 if self.name else 0)


def _alike(text: bytes, at: int) -> _Alike | None:
    """`text`, in which the namespace's quotes begin before `at`; None if there are no such names that JSON has as
    they stand there.
    """
    found = _IN_NAMESPACE.match(text, at)
    if found is None:
        return None
    begin, namespace, resource, name = found.groups(b"")
    parts = (text[:at], begin, b"-", resource, b"/-" if name else b"", text[found.end() :])
    return _Alike(b"".join(parts), namespace, name)


def _learned(known: dict[bytes, K | None], part: bytes, read: Callable[[bytes], K | None]) -> K | None:
    """What a part of a line becomes; None if it has not the usual form."""
    if part in known:
        return known[part]
    if len(part) > _SHORT:
        return read(part)
    if len(known) >= _MOST_KNOWN:
        known.clear()
    found = known[part] = read(part)
    return found


def _asker_of(part: bytes) -> tuple[bytes, bytes] | None:
    """From the end of the Audit-ID to the namespace."""
    said = _said(part) if _ASKER.fullmatch(part) else None
    return None if said is None else (b'"' + _stage(said), _who(said))


def _answer_of(part: bytes) -> bytes | None:
    """From inside the quotes of the response to the end of the line."""
    return _code(_said(_RESPONSE + part)) + b'"' if _ANSWER.fullmatch(part) else None


def _event(line: bytes) -> bytes:
    """The event of any line; the line itself if it is none of the format."""
    found = LINE.match(line.strip())
    if found is None:
        return damaged(line) if b" AUDIT: id=" in line else line
    try:
        at = msgspec.json.encode(restamp(found[1].decode("ascii", "replace")))
    except InputError:
        return damaged(line)
    said = _said(found[2])
    named = _BEGIN + _json(_one(said, "id")) + _stage(said) + _uri(said)
    return named + _who(said) + _ref(said) + _code(said) + at + _STAMPED + at + b"}"


def _said(text: bytes) -> _Said:
    return {name: _strings(value) for name, value in _PAIR.findall(text.decode("utf-8", "replace"))}


def _one(said: _Said, name: str) -> str:
    texts = said.get(name, ())
    return "" if not texts or texts[0] in _NOTHING else texts[0]


def _json(text: str) -> bytes:
    return msgspec.json.encode(text)


def _stage(said: _Said) -> bytes:
    return b',"stage":' + _json(_one(said, "stage")) + b',"requestURI":'


def _uri(said: _Said) -> bytes:
    return _json(_one(said, "uri"))


def _who(said: _Said) -> bytes:
    fields: dict[str, Any] = {"verb": _one(said, "method"), "user": _user(_one(said, "user"), said.get("groups", []))}
    if _one(said, "as"):
        fields["impersonatedUser"] = _user(_one(said, "as"), said.get("asgroups", []))
    fields["sourceIPs"] = [_one(said, "ip")] if _one(said, "ip") else []
    fields["userAgent"] = _one(said, "user-agent")
    return b"," + msgspec.json.encode(fields)[1:-1]


def _user(name: str, groups: list[str]) -> dict[str, Any]:
    return {"username": name, "groups": [group for group in groups if group not in _NOTHING]}


def _ref(said: _Said) -> bytes:
    uri, namespace = _telling(_one(said, "uri")), _one(said, "namespace")
    ref = (_known_object if len(uri) < _SHORT else _object)(uri, namespace)
    return b',"objectRef":' + msgspec.json.encode(ref) if ref else b""


def _code(said: _Said) -> bytes:
    """The response, and the beginning of what follows."""
    code = _one(said, "response")
    status = b',"responseStatus":{"metadata":{},"code":%d}' % int(code) if _CODE.fullmatch(code) else b""
    return status + b',"requestReceivedTimestamp":'


def _telling(uri: str) -> str:
    """As much of a URI as an object is named by: of a query only a field selector names one."""
    path, _, query = uri.partition("?")
    return path if query.isprintable() and "fieldSelector" not in query and "%" not in query else uri


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


_known_object: Final = lru_cache(maxsize=_MOST_KNOWN)(_object)


def _strings(text: str) -> list[str]:
    r"""The strings in Go's %q, which is nearly JSON: it has \x and \U besides."""
    if text.startswith("<"):
        return [text]
    if "\\" not in text:
        return text.rstrip(",")[1:-1].split('","')
    found = []
    for quoted in _QUOTED.findall(text):
        try:
            said = str(json.loads(f'"{_ESCAPE.sub(_in_json, quoted)}"'))
            # half of a UTF-16 pair, which no Go string has, is damage
            found.append(said.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
        except ValueError:
            found.append(quoted)
    return found


def _in_json(found: re.Match[str]) -> str:
    if found[3]:
        return _SAID[found[3]]
    return json.dumps(chr(min(int(found[1] or found[2], 16), 0x10FFFF)))[1:-1]
