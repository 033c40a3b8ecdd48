"""known_hosts as ssh reads it: markers, patterns, hashes, damaged lines; and whether a key may be trusted."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.node.ssh.known_hosts import Trust, fingerprint, line_for, parse


def blob(kind: str, rest: bytes = b"key") -> bytes:
    return len(kind).to_bytes(4, "big") + kind.encode() + len(rest).to_bytes(4, "big") + rest


def line(names: str, kind: str = "ssh-ed25519", rest: bytes = b"key", marker: str = "") -> str:
    return f"{marker} {names} {kind} {base64.b64encode(blob(kind, rest)).decode()}".strip()


def judged(text: str, name: str, kind: str = "ssh-ed25519", rest: bytes = b"key") -> Trust:
    return parse(text).judge(name, kind, blob(kind, rest))


def hashed(name: str) -> str:
    salt = b"0123456789abcdef0123"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("text", "name", "trust"),
    [
        (line("cp1"), "cp1", Trust.KNOWN),
        (line("CP1"), "cp1", Trust.KNOWN),
        (line("cp1,10.0.0.1"), "10.0.0.1", Trust.KNOWN),
        (line("*.example.com"), "cp1.example.com", Trust.KNOWN),
        (line("*.example.com,!cp9.example.com"), "cp9.example.com", Trust.UNKNOWN),
        (line("cp?"), "cp1", Trust.KNOWN),
        (line("cp?"), "cp10", Trust.UNKNOWN),
        (line("[cp1]:2222"), "[cp1]:2222", Trust.KNOWN),
        (line("[cp1]:2222"), "cp1", Trust.UNKNOWN),
        (line(hashed("cp1")), "cp1", Trust.KNOWN),
        (line(hashed("cp1")), "cp2", Trust.UNKNOWN),
        (line("|1|broken|"), "cp1", Trust.UNKNOWN),
        ("", "cp1", Trust.UNKNOWN),
        (line("cp1", rest=b"another"), "cp1", Trust.CHANGED),
        (line("cp1", rest=b"another") + "\n" + line("cp1"), "cp1", Trust.KNOWN),
        (line("cp1", "ssh-rsa"), "cp1", Trust.OTHER_TYPE),
        (line("*", marker="@cert-authority"), "cp1", Trust.AUTHORITY),
        (line("*", marker="@cert-authority") + "\n" + line("cp1"), "cp1", Trust.KNOWN),
        (line("cp1") + "\n" + line("*", marker="@revoked"), "cp1", Trust.REVOKED),
        (line("cp1") + "\n" + line("*", rest=b"another", marker="@revoked"), "cp1", Trust.KNOWN),
    ],
)
def test_trust(text: str, name: str, trust: Trust) -> None:
    assert judged(text, name) is trust


@pytest.mark.parametrize(
    "damaged",
    ["cp1 1024 35 1234567890", "cp1 ssh-ed25519", "cp1 ssh-ed25519 not/base64!", "@new cp1 ssh-rsa AAAA", "cp1"],
)
def test_a_line_that_cannot_be_read_is_skipped_and_named(damaged: str) -> None:
    found = parse(f"# comment\n\n{damaged}\n{line('cp1')}\n", "/home/ann/.ssh/known_hosts")
    assert found.judge("cp1", "ssh-ed25519", blob("ssh-ed25519")) is Trust.KNOWN
    assert found.notes == ("/home/ann/.ssh/known_hosts line 3 cannot be read and is skipped, as ssh does",)


def test_a_key_that_says_another_type_than_its_line_is_not_believed() -> None:
    text = line("cp1").replace(" ssh-ed25519 ", " ssh-rsa ")
    assert judged(text, "cp1") is Trust.UNKNOWN


def test_known_types_come_first_and_once() -> None:
    text = "\n".join([line("cp1", "ssh-rsa"), line("cp1"), line("c*", "ssh-rsa", b"x"), line("*", marker="@revoked")])
    assert parse(text).types("cp1") == ["ssh-rsa", "ssh-ed25519"]


def test_a_line_written_is_a_line_read() -> None:
    key = blob("ssh-ed25519")
    assert parse(line_for("[cp1]:22", "ssh-ed25519", key)).judge("[cp1]:22", "ssh-ed25519", key) is Trust.KNOWN
    assert fingerprint(b"") == "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    found = parse(text)
    found.judge("cp1", "ssh-ed25519", b"")
    found.types("cp1")
