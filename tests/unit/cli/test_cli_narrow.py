"""Whatever a command says fits the terminal; what is wider is one path or one command, which must stay whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from folderkit import node_folder
from logkit import SCENARIO

from kaudit_setup.cli import main
from kaudit_setup.report.wrap import cells

COMMANDS = [
    f"who created pod/my-suspicious-pod --log {SCENARIO}",
    f"who touched --user kubernetes-admin --log {SCENARIO}",
    f"who deleted pods -A --log {SCENARIO}",
    f"who deleted pod/nobody --log {SCENARIO}",
    f"events --user nobody --log {SCENARIO}",
    f"events --limit 5 --log {SCENARIO}",
    f"top --by user,verb --log {SCENARIO}",
    f"stats --log {SCENARIO}",
    f"estimate metadata quiet --log {SCENARIO}",
    "policy list",
    "policy lint gce",
    "policy answers gce",
    "policy compare gce metadata",
    "policy explain gce --verb get --resource secrets",
    "enable --policy metadata --dry-run --diff none --root ROOT",
    "enable --policy metadata --yes --root ROOT",
    "status --root ROOT",
    "check --root ROOT",
    "backups list --root ROOT",
    "purge --dry-run --root ROOT",
    "config show",
    "status --root /nonexistent",
    "enable --policy nonesuch",
    "who",
    "who created",
    "verify --root ROOT",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return node_folder(tmp_path / "node")


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("words", COMMANDS, ids=[words.split(" --log")[0] for words in COMMANDS])
def test_what_is_said_fits(
    words: str, columns: int, root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    main(words.replace("ROOT", str(root)).split())
    said = "".join(capfd.readouterr())
    assert said
    # but for the lines of a policy, as they are in its file
    wide = [line for line in said.splitlines() if cells(line) > columns and not re.match(r" +\d+ \| ", line)]
    # a title and one word that cannot be broken
    assert [line for line in wide if len(re.findall(r"`[^`]*`\S*|\S+", line.split("  ")[-1])) > 1] == []
