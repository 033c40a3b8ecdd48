"""A plan as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kaudit_setup.report.escape import safe


@dataclass(frozen=True, slots=True)
class Line:
    """One change: `verb` is create, write, change or remove."""

    verb: str
    path: str
    remark: str


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a person should see before it happens. `diff` is unified, `structural` one fact a line."""

    host: str
    action: str
    lines: tuple[Line, ...]
    diff: str
    structural: tuple[str, ...]
    findings: tuple[tuple[str, bool, str, str], ...]  # name, blocks, message, hint
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterReview:
    """What concerns a cluster as a whole: its nodes in the order of doing, remarks, and its stored configuration.

    `diff` is that of ConfigMap kubeadm-config; `why` says why there is none.
    """

    name: str
    ca: str
    nodes: tuple[str, ...]
    said: tuple[str, ...]
    diff: str
    why: str


def together(reviews: Sequence[Review]) -> list[Review]:
    """What is the same for several nodes once, under all their names.

    Lines of a difference that stay as they are may differ: every manifest has its own address.
    """
    found: dict[tuple[object, ...], list[Review]] = {}
    for review in reviews:
        changed = tuple(line for line in review.diff.split("\n") if line.startswith(("+", "-")))
        key = (review.action, review.lines, changed, review.structural, review.findings, review.notes)
        found.setdefault(key, []).append(review)
    return [replace(same[0], host=", ".join(r.host for r in same)) for same in found.values()]


def cluster_head(review: ClusterReview, *, alone: bool) -> list[str]:
    """The lines before those of its nodes: who comes after whom (unless there is but one), and remarks."""
    lines: list[str] = []
    if not alone:
        ca = f" (CA {review.ca[:12]})" if review.ca else ""
        lines.append(f"{safe(review.name)}{ca}: {', '.join(map(safe, review.nodes))}, one after the other")
    return [*lines, *(f"  note    {safe(said)}" for said in review.said)]


def cluster_tail(review: ClusterReview, colour: bool) -> list[str]:
    """The lines after those of its nodes: what is stored for the cluster as a whole, or why nothing is."""
    if review.diff:
        return [
            "kubeadm-config, so that kubeadm upgrade makes the same manifest (a control-plane node that joins later",
            "needs the policy file before it does):",
            *(_paint(safe(line), colour) for line in review.diff.split("\n")),
        ]
    return [f"  note    {safe(review.why)}"] if review.why else []


def as_text(review: Review, colour: bool) -> str:
    """The whole review; colours only where asked for."""
    return "\n".join(_lines(review, colour))


def _lines(review: Review, colour: bool) -> Iterator[str]:
    yield f"{safe(review.host)}: {review.action}"
    for line in review.lines:
        yield f"  {line.verb:<7} {safe(line.path)}{'  ' + line.remark if line.remark else ''}"
    for note in review.notes:
        yield f"  note    {safe(note)}"
    yield from findings_as_text(review.findings)
    if review.diff:
        yield ""
        yield from (_paint(safe(line), colour) for line in review.diff.split("\n"))
    if review.structural:
        yield "what that changes in the Pod:"
        yield from (f"  {safe(fact)}" for fact in review.structural)


def findings_as_text(findings: Sequence[tuple[str, bool, str, str]]) -> Iterator[str]:
    """One line for each finding, and its mend below it."""
    for name, blocks, message, hint in findings:
        yield f"  {'REFUSED' if blocks else 'warning'} {name}: {safe(message)}"
        if hint:
            yield f"          {safe(hint)}"


def _paint(line: str, colour: bool) -> str:
    if not colour or not line:
        return line
    code = {"+": "32", "-": "31", "@": "36"}.get(line[0])
    return f"\x1b[{code}m{line}\x1b[0m" if code else line


def as_data(review: Review) -> dict[str, Any]:
    """The same for `-o json`."""
    return {
        "host": review.host,
        "action": review.action,
        "changes": [{"do": line.verb, "path": line.path, "remark": line.remark} for line in review.lines],
        "diff": review.diff,
        "structural": list(review.structural),
        "findings": [
            {"name": name, "blocks": blocks, "message": message, "hint": hint}
            for name, blocks, message, hint in review.findings
        ],
        "notes": list(review.notes),
    }
