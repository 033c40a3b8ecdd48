"""The house, as docs/architecture.md draws it, held against the imports: arrows, importers of libraries, sizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from kaudit_setup.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kaudit_setup"
GROUND = "ground floor"
LINES_OF_A_MODULE = 500
MODULES_OF_A_FOLDER = 20


def table(file: str, heading: str) -> list[list[str]]:
    """The cells of the first table below that heading, without its head."""
    text = (ROOT / file).read_text().partition(f"\n## {heading}\n")[2]
    rows = re.search(r"(?m)^\|.*\n\|[-| ]+\n((?:\|.*\n)+)", text)
    assert rows, f"{file} has no table below {heading!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1].splitlines()]


def words(cell: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`]+)`", cell)


@cache
def may_import() -> dict[str, set[str]]:
    """Room → the rooms that it may import; the ground floor is the rooms before the first that stands on it."""
    rows = [(words(room)[0], cell) for room, _, cell in table("docs/architecture.md", "Rooms")]
    first = next(number for number, (_, cell) in enumerate(rows) if GROUND in cell)
    ground = {room for room, _ in rows[:first]}
    return {room: set(words(cell)) | (ground if GROUND in cell else set()) for room, cell in rows}


@cache
def importers() -> dict[str, tuple[str, ...]]:
    """Library → the modules (`a/b.py`) and folders (`a/`) that may import it."""
    return {words(name)[0]: tuple(words(where)) for name, where, _ in table("docs/architecture.md", "Libraries")}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    return set(_imported(ast.walk(ast.parse(path.read_text())), path))


def _imported(nodes: Iterable[ast.AST], path: Path) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def named(path: Path) -> str:
    """`kaudit_setup.policy.load` of its file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_down_and_each_library_has_its_importer(path: Path) -> None:
    here, place = room(path), str(path.relative_to(PACKAGE))
    for name in imports(path):
        library, _, rest = name.partition(".")
        there = rest.partition(".")[0]
        if library == "kaudit_setup" and there not in {here, "__version__", ""} and not here.startswith("__"):
            assert there in may_import()[here], f"{here} may not import {there}"
        allowed = importers().get(library, (place,))
        assert any(place == each or (each.endswith("/") and place.startswith(each)) for each in allowed), (
            f"{library} is not imported here"
        )


def test_every_room_is_in_the_table_and_stands_below_those_that_import_it() -> None:
    rooms = {room(p) for p in modules()} - {"__init__", "__main__"}
    assert rooms == set(may_import())
    order = list(may_import())
    for here, below in may_import().items():
        assert all(order.index(other) < order.index(here) for other in below - {here}), here


def test_values_are_replaced_in_one_way() -> None:
    """mypy takes a Struct for a dataclass, and `dataclasses.replace` fails with one."""
    elsewhere = [named(path) for path in modules() if "dataclasses.replace" in imports(path)]
    assert elsewhere == ["kaudit_setup.values"]


def test_no_modules_import_each_other_in_a_circle() -> None:
    """As they are loaded: what is imported inside a function, or for types only, does not count."""
    known = {named(path): path for path in modules()}

    def loaded(path: Path) -> set[str]:
        nodes = [node for top in ast.parse(path.read_text()).body for node in _run_at_import(top)]
        found = {name if name in known else name.rpartition(".")[0] for name in _imported(nodes, path)}
        return found & set(known) - {named(path)}

    try:
        TopologicalSorter({name: loaded(path) for name, path in known.items()}).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler):
            yield from _run_at_import(child)


def packages() -> list[Path]:
    return sorted(PACKAGE.rglob("__init__.py"))


@pytest.mark.parametrize("package", packages(), ids=lambda p: str(p.parent.relative_to(PACKAGE)))
def test_what_a_package_names_in_its_docstring_is_in_it(package: Path) -> None:
    """It leads strangers: a name of four letters or more is a module, or defined in one, or a command."""
    said = ast.get_docstring(ast.parse(package.read_text())) or ""
    inside = [path for path in package.parent.rglob("*.py") if path != package]
    known = {part for path in inside for part in path.relative_to(package.parent).with_suffix("").parts}
    known |= _defined("\n".join(path.read_text() for path in inside)) | set(COMMANDS)
    named = re.findall(r"`([a-z_]{4,}(?:[./][a-z_]+)*)`", said)
    assert [name for name in named if re.split(r"[./]", name.removesuffix(".py"))[-1] not in known] == []


def _defined(text: str) -> set[str]:
    return {name for pair in re.findall(r"(?m)(?:def|class) (\w+)|^ *(\w+)(?::| =)", text) for name in pair}


def test_no_module_is_too_long_and_no_folder_too_full() -> None:
    long = {named(p): n for p in modules() if (n := len(p.read_text().splitlines())) > LINES_OF_A_MODULE}
    folders = {path.parent for path in modules()}
    full = {str(f.relative_to(ROOT)): n for f in folders if (n := len(list(f.glob("*.py")))) > MODULES_OF_A_FOLDER}
    assert (long, full) == ({}, {})
