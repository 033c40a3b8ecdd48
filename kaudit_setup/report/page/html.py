"""The report as a page.

Charts are drawn by uPlot, because it is the smallest library that zooms a line with thousands of points without
delay (51 kB); its code is templates/report/uplot.js. The timeline is drawn by the page's own script: what it shows
(states of objects, chains of owners, who is behind a request) no small library knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.auditlog.coverage.node import Coverage, unreadable_notes
from kaudit_setup.report.coverage import coverage_notes, covered
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.answers import MEANINGS, PageAnswer
from kaudit_setup.report.page.content import Content, Notable, Source, Weight
from kaudit_setup.report.page.frame import fill

_SCRIPTS = ("uplot.js", "frame.js", "chart.js", "timeline.js")
_STYLES = ("uplot.css", "frame.css", "report.css")


@dataclass(frozen=True, slots=True)
class Page:
    """All that is on the page."""

    title: str
    made: str
    answers: Sequence[PageAnswer]
    content: Content
    weights: Sequence[Weight]
    notables: Sequence[Notable]
    cover: Sequence[Coverage]
    sources: Sequence[Source]
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()


def render(page: Page) -> str:
    """The whole file."""
    notes = (*unreadable_notes(page.cover), *coverage_notes(page.cover), *page.notes, *page.missing)
    values = {
        "page": page,
        "cover": covered(page.cover),
        "notes": [safe(note) for note in notes],
        "meanings": MEANINGS,
    }
    return fill("report.html.j2", values, _SCRIPTS, _STYLES, page.content)
