"""The house of DESIGN.md, read from the imports: arrows point down only, each library has one importer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "kaudit_setup"
GROUND = {"errors", "model", "yamltext", "resources", "kubeyaml", "rotation", "units"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "resources": set(),
    "rotation": {"model"},
    "units": {"errors"},
    "yamltext": {"errors"},
    "kubeyaml": set(),
    "manifest": GROUND,
    "policy": GROUND,
    "auditlog": GROUND | {"policy"},
    "attribution": GROUND | {"policy", "auditlog"},
    "node": GROUND,
    "change": GROUND | {"node", "manifest", "policy", "auditlog"},
    "fleet": GROUND | {"change", "node", "manifest", "policy"},
    "compliance": GROUND | {"policy", "change"},
    "sandbox": GROUND | {"node", "policy"},
    "demo": GROUND | {"node", "sandbox"},
    "report": GROUND
    | {"manifest", "policy", "auditlog", "attribution", "node", "change", "fleet", "demo", "compliance"},
    "cli": GROUND
    | {
        "manifest",
        "policy",
        "auditlog",
        "attribution",
        "node",
        "change",
        "fleet",
        "compliance",
        "sandbox",
        "demo",
        "report",
    },
}
ONLY_IMPORTERS: dict[str, set[str]] = {
    "ruamel": {"yamltext.py"},
    "yaml": {"kubeyaml/events.py"},
    "deepdiff": {"manifest/difference.py"},
    # the client, and the demo node's server: two different halves of the library
    "paramiko": {f"node/ssh/{name}.py" for name in ("config_fallback", "login", "paramiko_node")}
    | {"sandbox/sshd.py"},
}
ONLY_ROOMS: dict[str, set[str]] = {"typer": {"cli"}, "rich": {"report"}}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_down(path: Path) -> None:
    here = room(path)
    if here.startswith("__"):
        return
    for name in imports(path):
        if name.startswith("kaudit_setup."):
            there = name.split(".")[1]
            if there in {here, "__version__"}:
                continue
            assert there in MAY_IMPORT[here], f"{here} may not import {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_library_has_its_importer(path: Path) -> None:
    here = str(path.relative_to(PACKAGE))
    for name in imports(path):
        library = name.split(".")[0]
        assert here in ONLY_IMPORTERS.get(library, {here}), f"{library} is not imported here"
        assert room(path) in ONLY_ROOMS.get(library, {room(path)}), f"{library} is not imported in this room"


def test_every_room_is_in_the_table() -> None:
    rooms = {room(p) for p in modules()} - {"__init__", "__main__"}
    assert rooms <= set(MAY_IMPORT)
