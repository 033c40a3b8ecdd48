"""A search in another shape takes apart only the lines that may hold what is sought, and sees all the others, too."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from logkit import SCENARIO
from shapekit import SAME, Writer, cri, dump, gke, legacy

from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import candidates
from kaudit_setup.auditlog.shapes.odd_lines import ALL, Stream
from kaudit_setup.auditlog.shapes.reading import Texts

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:620]
NEEDLE = b'"name":"kube-controller-manager'
SHAPES = (
    "CRI",
    "docker",
    "RFC 3164",
    "RFC 5424",
    "CloudWatch export",
    "Fluent Bit",
    "Fluent Bit, parsed",
    "Fluentd",
    "Vector",
    "Logstash",
    "Filebeat",
    "Promtail",
    "journald JSON",
    "AKS",
    "twice encoded",
)
DOCUMENTS = (
    "pretty",
    "pretty array",
    "pretty EventList",
    "array",
    "array of lines",
    "EventList",
    "filter-log-events",
    "get-log-events",
    "AKS records",
)
NAMED = next(one for one in RECORDED if NEEDLE in one)
REORDERED = dump(dict(reversed(json.loads(NAMED).items())))
ODD: dict[str, list[bytes]] = {
    "nothing": [],
    "an event in another order": [REORDERED],
    "an event of an older API": [RECORDED[10].replace(b"audit.k8s.io/v1", b"audit.k8s.io/v1beta1")],
    "an event that is cut": [RECORDED[7][:300]],
    "an event that lost its beginning": [RECORDED[8][200:]],
    "the server's own message": [b"I0501 10:00:00.123456       1 server.go:42] my-suspicious-pod", b"F0501 x {"],
}
INSIDE: dict[str, list[bytes]] = {
    "what looks like two elements": [NAMED, NAMED],
    "what has as many IDs as elements": [b"{}", NAMED, NAMED],
    "what looks like two records": [b"{}", b'{"event":' + NAMED + b"}", b'{"event":' + NAMED + b"}"],
}
FORGED = {
    name: RECORDED[11].replace(b'"verb"', b'"requestObject":[' + b",".join(body) + b'],"verb"')
    for name, body in INSIDE.items()
}


def in_records(lines: Sequence[bytes]) -> bytes:
    """In a list, each event as an object in one of its own."""
    return dump({"records": [{"event": json.loads(line)} for line in lines]})


def search(log: Path, literals: Sequence[bytes] = (NEEDLE, b"auditd")) -> tuple[list[tuple[int, bytes]], Tally]:
    tallies: dict[str, Tally] = {}
    hits = candidates(find_logs([str(log)]).files, literals, tallies=tallies)
    found = [(hit.line, hit.text) for hit in hits]
    (tally,) = tallies.values()
    return found, tally


def takes_apart(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts became events, each time that some do."""
    taken: list[int] = []
    apply = Stream.apply

    def counted(self: Stream, found: Texts) -> Texts:
        taken.append(found.count)
        return apply(self, found)

    monkeypatch.setattr(Stream, "apply", counted)
    return taken


def ticking(write: Writer) -> Writer:
    """With another time in each record."""
    ticks = itertools.count()
    return lambda lines: re.sub(rb"10:00:(?=00[.0-9]*Z)", lambda _: b"10:%02d:" % (next(ticks) % 60), write(lines))


@pytest.mark.parametrize(
    ("shape", "write"),
    [
        *((shape, SAME[shape]) for shape in SHAPES),
        *((f"{shape} with times", ticking(SAME[shape])) for shape in ("CRI", "docker", "AKS", "Promtail")),
    ],
)
def test_a_search_sees_what_one_sees_who_reads_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: str, write: Writer
) -> None:
    del shape
    log = tmp_path / "audit.log"
    for name, odd in ODD.items():
        for raw in (False, True):
            try:
                between = b"".join(one + b"\n" for one in odd) if raw else write(odd)
            except ValueError:  # what is no JSON cannot stand in a record as an object
                continue
            log.write_bytes(write(RECORDED[:40]) + between + write(RECORDED[40:]) + between)
            found, tally = search(log)
            with monkeypatch.context() as patched:
                patched.setattr(Stream, "_others", lambda *_, **__: None)
                everything, whole = search(log)
            assert found == everything, (name, raw)
            # what was taken apart, and the time of what is damaged
            tally.size, tally.back = whole.size, whole.back
            assert tally == whole, (name, raw)
            assert [text for _, text in found if text in RECORDED] == [one for one in RECORDED if NEEDLE in one]


@pytest.mark.parametrize("shape", [*DOCUMENTS, "records"])
@pytest.mark.parametrize("odd", ["nothing", "an event in another order", *FORGED])
def test_a_search_in_documents_sees_all_elements(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: str, odd: str
) -> None:
    log = tmp_path / "audit.log"
    between = [FORGED[odd]] if odd in FORGED else ODD[odd]
    write = SAME.get(shape, in_records)
    log.write_bytes(write([*RECORDED[:40], *between, *RECORDED[40:]]))
    found, tally = search(log)
    with monkeypatch.context() as patched:
        patched.setattr(Stream, "telling", lambda *_: ALL)
        everything, whole = search(log)
    assert found == everything
    assert [text for _, text in found if text in RECORDED] == [one for one in RECORDED if NEEDLE in one]
    tally.size, tally.back = whole.size, whole.back
    tally.notes, whole.notes = [], []  # of the order of what was taken apart
    assert tally == whole


@pytest.mark.parametrize("shape", ["pretty", "pretty array", "array", "array of lines", "EventList"])
def test_a_search_in_documents_goes_on_behind_damage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: str
) -> None:
    """In the first element, from which it is learned what stands between elements."""
    log = tmp_path / "audit.log"
    whole = SAME[shape](RECORDED)
    for key in (b"requestURI", b"username", b"reason", b"stageTimestamp"):
        at = whole.index(b'"', whole.index(key) + len(key) + 1) + 3
        for damage in (b'"', b"}", b"{", b'":{"'):
            log.write_bytes(whole[:at] + damage + whole[at:])
            found, _ = search(log)
            with monkeypatch.context() as patched:
                patched.setattr(Stream, "telling", lambda *_: ALL)
                everything, _ = search(log)
            assert {text for _, text in found} == {text for _, text in everything}, (key, damage)


@pytest.mark.parametrize("shape", DOCUMENTS)
def test_an_element_has_one_offset_whatever_finds_it(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    whole = SAME[shape](RECORDED)
    log.write_bytes(whole)
    files = find_logs([str(log)]).files
    offsets = [
        {hit.text: hit.offset for hit in candidates(files, literals) if NEEDLE in hit.text}
        for literals in ([NEEDLE], [NEEDLE, b"kube-scheduler"])
    ]
    assert offsets[0] == offsets[1]
    for text, at in offsets[0].items():
        assert whole[at : at + 1] == b"{"
        assert json.loads(text)["auditID"].encode() in whole[at : at + len(text)]


@pytest.mark.parametrize("shape", ["pretty", "array", "EventList"])
def test_a_search_counts_a_hole_in_a_document(tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    whole = bytearray(SAME[shape](RECORDED))
    at = whole.index(b"userAgent", len(whole) // 2)
    whole[at : at + 4] = bytes(4)
    log.write_bytes(whole)
    assert search(log)[1].damaged == 1


@pytest.mark.parametrize("odd", [b"", b'{"protoPayload": {"serviceName":"k8s.io"\n', b"a word\n"])
def test_a_search_in_entries_of_gke_sees_all_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, odd: bytes
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(gke(RECORDED[:40]) + odd + gke(RECORDED[40:]))
    found, tally = search(log)
    with monkeypatch.context() as patched:
        patched.setattr(Stream, "_signed", lambda *_: ALL)
        everything, whole = search(log)
    assert found == everything
    assert found
    tally.size, tally.back = whole.size, whole.back
    assert tally == whole


HIDDEN = re.sub(rb' uri="[^"]*', b' uri="/api/v1/namespaces/shop/pods/auditd', legacy([RECORDED[3]]))


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        HIDDEN.replace(b"auditd", b"%61uditd"),
        HIDDEN.replace(b"auditd", b"\\x61uditd"),
        HIDDEN.replace(b"auditd", b'\\"auditd'),
        HIDDEN.replace(b'id="', b'id="auditd'),
        re.sub(rb"-\d\d-", b"-13-", HIDDEN),
        HIDDEN.replace(b"Z AUDIT", b"+01:00 AUDIT"),
        HIDDEN[:100] + b"\n",
        b"auditd\n",
        RECORDED[4] + b"\n",
        dump(json.loads(RECORDED[5])) + b"\n\n",
    ],
)
def test_a_search_in_lines_of_the_format_legacy_sees_all_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, odd: bytes
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(legacy(RECORDED[:40]) + odd + legacy(RECORDED[40:]) + odd)
    for literals in ([NEEDLE, b"auditd"], [b"\\u0061", b"\\u006"], [b"code"], [rb"\u003cnone"]):
        found, tally = search(log, literals)
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "_told", lambda *_: ALL)
            everything, whole = search(log, literals)
        assert found == everything, literals
        tally.size, tally.back = whole.size, whole.back
        assert tally == whole, literals


def test_a_search_in_lines_of_the_format_legacy_takes_few_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(legacy(RECORDED))
    taken = takes_apart(monkeypatch)
    found, tally = search(log)
    assert 0 < len(found) <= sum(taken) < 60
    assert tally.events == len(RECORDED)


@pytest.mark.parametrize("shape", [*SHAPES, *DOCUMENTS])
def test_a_search_takes_few_lines_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shape: str) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(SAME[shape](RECORDED))
    taken = takes_apart(monkeypatch)
    found, tally = search(log)
    assert 0 < len(found) <= sum(taken) < 60
    assert tally.events == len(RECORDED)


BEGINS_A_PART = "an event in a body where a part begins"
IN_PARTS = [*ODD, BEGINS_A_PART, "a part that nothing follows", "a space before a line", "an empty line"]


def begins_a_part(most: int) -> bytes:
    """An event with another one in its body, that begins where a part of so many bytes does."""
    before, behind = RECORDED[11].split(b'"verb"', 1)
    before += b'"requestObject":{"a":"'
    body = b'","b":'
    pad = b"a" * (-len(before + body) % most)
    return before + pad + body + RECORDED[12] + b'},"verb"' + behind


@pytest.mark.parametrize("odd", IN_PARTS)
def test_a_search_in_lines_in_parts_sees_what_one_sees_who_joins_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, odd: str
) -> None:
    """Wherever parts are cut, what is sought among them, and an event that is odd in whatever way."""
    log = tmp_path / "audit.log"
    head = b"2026-05-01T10:00:00.123456789Z stdout "
    between = {
        "a part that nothing follows": head + b"P " + NAMED[:300] + b"\n",
        "an empty line": b"\n",
        "a space before a line": b" " + head + b"F " + NAMED + b"\n",
    }
    for most in range(280, 281 + len(NEEDLE) * 2, 3):
        some = [begins_a_part(most)] if odd == BEGINS_A_PART else ODD.get(odd, [])
        lines = [cri(part, most) for part in (RECORDED[:40], some, RECORDED[40:])]
        log.write_bytes(lines[0] + between.get(odd, b"") + lines[1] + lines[2])
        found, tally = search(log, [NEEDLE])
        with monkeypatch.context() as patched:
            patched.setattr(Stream, "_in_parts", lambda *_: ALL)
            everything, whole = search(log, [NEEDLE])
        assert found == everything, most
        tally.size, tally.back, tally.notes = whole.size, whole.back, whole.notes  # of what was taken apart
        assert tally == whole, most
        assert tally.events > len(found)
        if odd == "nothing":
            assert [text for _, text in found] == [one for one in RECORDED if NEEDLE in one]
