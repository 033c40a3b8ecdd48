"""The page itself: templates/report/, filled in by Jinja2; everything that it needs is in the one file.

Charts are drawn by uPlot, because it is the smallest library that zooms a line with thousands of points without delay
(51 kB); its code is templates/report/uplot.js. The content security policy allows these scripts and styles by
their hashes, and nothing else: no network, no script that a string from a log could bring.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from kaudit_setup import __version__
from kaudit_setup.auditlog.scan_statistics import Coverage, unreadable_notes
from kaudit_setup.report.coverage import LogCoverage, coverage_notes, covered
from kaudit_setup.report.documents.document import Json
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.content import Content, Notable, Source, Weight
from kaudit_setup.report.quantities import size
from kaudit_setup.resources import template


@dataclass(frozen=True, slots=True)
class Page:
    """All that is on the page. `answers`: (cluster, the answer as `who -o json` has it, its text)."""

    title: str
    made: str
    answers: Sequence[tuple[str, Json, str]]
    content: Content
    weights: Sequence[Weight]
    notables: Sequence[Notable]
    cover: Sequence[Coverage]
    sources: Sequence[Source]
    missing: Sequence[str] = ()
    deeds_cut: int = 0


def render(page: Page) -> str:
    """The whole file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = template("report")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "safe_text": safe}
    scripts = [_read("uplot.js"), _read("report.js")]
    styles = [_read("uplot.css"), _read("report.css")]
    cover: tuple[LogCoverage, ...] = covered(page.cover)
    return environment.get_template("report.html.j2").render(
        page=page,
        cover=cover,
        notes=[safe(note) for note in (*unreadable_notes(page.cover), *coverage_notes(page.cover), *page.missing)],
        version=__version__,
        scripts=scripts,
        styles=styles,
        policy=_policy(scripts, styles),
        data=_data(page.content),
    )


def _read(name: str) -> str:
    return template("report", name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """The content security policy."""
    allowed = {"script-src": scripts, "style-src": styles}
    hashes = [f"{what} {' '.join(map(_hash, parts))}" for what, parts in allowed.items()]
    return "; ".join(["default-src 'none'", *hashes, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(content: Content) -> str:
    """JSON that can stand in an element: nothing in it ends one, and it is ASCII."""
    text = msgspec.json.encode(content).decode()
    return "".join(_in_ascii(c) for c in text) if not text.isascii() else _closed(text)


def _closed(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _in_ascii(char: str) -> str:
    import json

    return _closed(char) if char.isascii() else json.dumps(char)[1:-1]
