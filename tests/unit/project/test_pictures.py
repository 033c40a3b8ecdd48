"""The pictures of the pages: each is made by contrib/pictures.py, shown somewhere, small and harmless."""

from __future__ import annotations

import re
import runpy
import struct
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs/pictures"
SHOWN = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]

SCRIPT = runpy.run_path(str(ROOT / "contrib/pictures.py"))
PICTURES, settled, repacked = SCRIPT["PICTURES"], SCRIPT["settled"], SCRIPT["repacked"]


def shown() -> list[Path]:
    """What the pages show."""
    return [
        (page.parent / target).resolve()
        for page in PAGES
        for target in SHOWN.findall(page.read_text(encoding="utf-8"))
    ]


def test_every_picture_is_made_by_the_script_and_shown() -> None:
    made = {FOLDER / name for name in PICTURES}
    assert set(FOLDER.iterdir()) == made
    assert set(shown()) == made


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_asks_nobody_for_anything(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    assert len(data) <= 150_000
    assert not re.search(rb"@font-face|<script|url\(\s*['\"]?http|/tmp/", data)


def test_what_was_moved_along_and_taken_away_is_not_in_a_picture() -> None:
    spinner = "\x1b[2K| 1 of 2\r\x1b[2K/ 2 of 2\n\x1b[1A\x1b[2K"
    assert settled(f"before\r\n{spinner}\x1b[32mafter\x1b[0m\r\n") == "before\n\x1b[32mafter\x1b[0m\n"


def test_a_picture_that_is_packed_anew_has_the_same_pixels() -> None:
    """A row for each filter of PNG."""
    rows = [
        bytes(range(10, 16)),
        bytes([9, 8, 7, 200, 100, 50]),
        bytes(6),
        bytes([255] * 6),
        bytes([1, 2, 3, 4, 5, 6]),
    ]
    filtered, above = b"", bytes(6)
    for kind, row in enumerate(rows):
        filtered += bytes([kind, *(_filtered(kind, row, above, x) for x in range(6))])
        above = row
    header = struct.pack(">IIBBBBB", 2, len(rows), 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 0)), (b"IEND", b""))
    )
    packed = repacked(png)
    assert len(packed) < len(png)
    length = struct.unpack(">I", packed[33:37])[0]
    assert zlib.decompress(packed[41 : 41 + length]) == b"".join(b"\0" + row for row in rows)


def _filtered(kind: int, row: bytes, above: bytes, x: int) -> int:
    left, corner = (row[x - 3], above[x - 3]) if x >= 3 else (0, 0)
    up = above[x]
    guess = left + up - corner
    nearest = min((abs(guess - one), n, one) for n, one in enumerate((left, up, corner)))[2]
    return (row[x] - (0, left, up, (left + up) // 2, nearest)[kind]) & 255
