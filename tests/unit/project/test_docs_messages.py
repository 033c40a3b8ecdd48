"""What the documentation quotes as a message is what the program says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from dockit import ROOT

from kaudit_setup.errors import Exit

GAP = "…"
ROWS = re.findall(r"(?m)^\| `([^`]+)` \|", (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8"))


def said(node: ast.AST) -> str:
    """A text as the code builds it, with a gap for what is known only when it runs."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(said(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return said(left) + said(right)
    return GAP


def of_module(tree: ast.Module) -> Iterator[str]:
    """Every text that is not a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    remarks = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and id(node) not in remarks:
            yield said(node)


@cache
def texts() -> tuple[str, ...]:
    modules = (ROOT / "kaudit_setup").rglob("*.py")
    return tuple(text for path in modules for text in of_module(ast.parse(path.read_text(encoding="utf-8"))) if text)


def is_said(message: str) -> bool:
    """Whether the code has texts with these words, in their order; a gap may join two texts."""
    parts = [part.strip() for part in message.split(GAP) if part.strip()]
    pattern = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
    return any(pattern.search(text) for text in texts()) or (
        len(parts) > 1 and all(any(part in text for text in texts()) for part in parts)
    )


@pytest.mark.parametrize("message", ROWS)
def test_a_message_that_is_explained_is_one_that_the_program_prints(message: str) -> None:
    code = re.fullmatch(r"exit code (\d+)", message)
    assert int(code[1]) in list(Exit) if code else is_said(message), message


def test_a_message_that_nobody_prints_would_be_found() -> None:
    assert len(ROWS) > 25
    assert not is_said("kubelet holds back a server that was started several times")
    assert not is_said("host key … is not known to anybody")


def test_the_exit_codes_are_those_of_the_code() -> None:
    page = (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"(?m)^\| (\d+) \|", page)] == sorted(Exit)


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            n
            for row in re.findall(
                r"\| `([a-z]+-[a-z-]+)`: ", (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
            )
            for n in [row]
        }
    ),
)
def test_a_finding_that_is_named_exists(name: str) -> None:
    assert name in texts()
