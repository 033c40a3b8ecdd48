"""A document in the form that `-o` names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kaudit_setup.report.documents.document import Envelope
from kaudit_setup.report.documents.json import to_json, to_plain
from kaudit_setup.report.escape import safe


def render(document: Envelope[Any], form: str, *, headers: bool = True) -> str:
    """`form`: json, yaml, csv or tsv. No newline at the end."""
    if form == "yaml":
        return to_yaml(to_plain(document))
    if form in {"csv", "tsv"}:
        return "\n".join(rows_of(map(to_plain, document.items), form, headers=headers))
    return to_json(document)


def to_yaml(value: dict[str, Any]) -> str:
    """YAML that readers of YAML 1.1 and 1.2 understand alike (`yes` and times are quoted), in ASCII. No newline at
    the end.
    """
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, width=4096)
    return text.rstrip("\n")


def rows_of(items: Iterable[dict[str, Any]], form: str, *, headers: bool = True) -> Iterator[str]:
    """A line for each item, below one with the names of the columns. Those of the first item are the columns, so that
    any number of rows is printed as they come; keys of objects inside are joined with a dot, lists with a semicolon.
    """
    columns: Sequence[str] = ()
    for item in items:
        flat = dict(_flat(item, ""))
        if not columns:
            columns = tuple(flat)
            if headers:
                yield _line(columns, form)
        yield _line([flat.get(name, "") for name in columns], form)


def _line(cells: Sequence[str], form: str) -> str:
    if form == "tsv":
        return "\t".join(map(safe, cells))
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([_harmless(safe(cell)) for cell in cells])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes what begins so for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in {"=", "+", "@"} else cell


def _flat(item: dict[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for name, value in item.items():
        key = before + name
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, list):
            yield key, ";".join(map(_cell, value))
        else:
            yield key, _cell(value)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)
