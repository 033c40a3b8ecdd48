"""The documentation site: docs.py FOLDER copies `docs/` there and adds the pages that are read off the code.

mkdocs then builds it (`make docs`), strictly and without a network.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Command, Entry, commands

from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.lint.finding import Finding
from kaudit_setup.policy.load import load

ROOT = Path(__file__).resolve().parent.parent
REAL_LOG = ROOT / "tests/data/scenarios/workloads-1.20.2.jsonl.gz"
PRESETS = "<!-- presets: made by contrib/docs.py from a real log -->"
BESIDE = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages at the top of the repository, and their names in the site."""


def main() -> None:
    """Make the folder anew."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for source, name in BESIDE.items():
        (folder / name).write_text(links((ROOT / source).read_text(encoding="utf-8")), encoding="utf-8")
    reference = folder / "reference"
    reference.mkdir()
    (reference / "commands.md").write_text("\n".join(command_page()) + "\n", encoding="utf-8")
    (reference / "lint.md").write_text(lint_page(), encoding="utf-8")
    (reference / "json.md").write_text(json_page(), encoding="utf-8")
    handbook = folder / "policies.md"
    handbook.write_text(handbook.read_text(encoding="utf-8").replace(PRESETS, presets()), encoding="utf-8")


def links(text: str) -> str:
    """The text of a page of the top, with its links as they are in the site."""
    text = text.replace("](docs/", "](")
    for source, name in BESIDE.items():
        text = text.replace(f"]({source})", f"]({name})")
    return text


def command_page() -> Iterator[str]:
    """Every command, with its options."""
    yield "# Commands\n\nRead off the program: this is what `--help` says."
    for command in commands():
        yield from describe(command)


def describe(command: Command) -> Iterator[str]:
    """One command."""
    yield f"\n## {command.words}\n\n{cell(command.summary)}\n\n```\n{command.usage}\n```\n"
    yield from entries("Argument", command.arguments)
    yield from entries("Option", command.options)
    for heading, text in command.notes:
        yield (
            f"**{heading}**\n\n```sh\n{text}\n```\n"
            if heading == "Examples"
            else f"**{heading}**\n\n{paragraph(text)}\n"
        )


def paragraph(text: str) -> str:
    """Text that stands as it is where it has lines."""
    return f"```\n{text}\n```" if "\n" in text else cell(text)


def entries(heading: str, listed: tuple[Entry, ...]) -> Iterator[str]:
    """A table of arguments or options."""
    if listed:
        rows = "\n".join(
            f"| `{entry.written.replace('|', chr(92) + '|')}` | {cell(entry.help)} |" for entry in listed
        )
        yield f"| {heading} | |\n|---|---|\n{rows}\n"


def cell(text: str) -> str:
    """Text in a table: nothing in it is taken for markup."""
    return re.sub(r"([\\|*_<>\[\]`])", r"\\\1", " ".join(text.split()))


def lint_page() -> str:
    """Every finding that the test data brings out, with the lines of one policy that has it."""
    found: dict[str, str] = {}
    for text in policies():
        loaded = load(text)
        for finding in lint(loaded):
            # the smallest policy shows it best
            found.setdefault(finding.code, lint_entry(finding, text))
    return "# What lint finds\n\nEach with an example, and what the tool says of it.\n\n" + "\n".join(
        found[code] for code in sorted(found)
    )


def policies() -> list[bytes]:
    """Policies to find fault with: those that the real servers were asked about, the smallest first."""
    found = {
        path.read_bytes() for path in (ROOT / "tests/data").rglob("*.yaml") if b"audit.k8s.io" in path.read_bytes()
    }
    for file in sorted((ROOT / "tests/data/oracle").glob("load*.jsonl")):
        found |= {
            base64.b64decode(json.loads(line)["file"]) for line in file.read_text(encoding="utf-8").splitlines()
        }
    return sorted(found, key=lambda text: (len(text), text))


def lint_entry(finding: Finding, text: bytes) -> str:
    """One finding, and at most twelve lines around it."""
    lines = text.decode("utf-8", "replace").splitlines()
    start = max(finding.line - 3, 0)
    shown = "\n".join(lines[start : start + 12])
    said = f"**{finding.severity}**: {cell(finding.message)}  \nfix: {cell(finding.fix)}"
    return f"## {finding.code}\n\n```yaml\n{shown}\n```\n\n{said}\n"


def json_page() -> str:
    """Every kind of answer, with its schema."""
    kinds = run("schema").split()
    parts = [f'??? abstract "{kind}"\n\n' + indent(f"```json\n{run('schema', kind)}```\n", "    ") for kind in kinds]
    head = (
        "# JSON\n\n"
        "`-o json` prints the same envelope everywhere: `apiVersion`, `kind`, `items`, `errors`,\n`warnings`.\n"
        "These are its kinds, as JSON Schema; `kaudit-setup schema KIND` prints each.\n\n"
    )
    return head + "\n".join(parts)


def presets() -> str:
    """Events, bytes and questions of each preset, on the recording of a real 1.20.2 cluster at RequestResponse."""
    names = [
        line.split()[0] for line in run("policy", "list").splitlines() if line and not line.startswith((" ", "NAME"))
    ]
    answer = json.loads(run("estimate", *names, "--log", str(REAL_LOG), "-o", "json"))["items"][0]
    rows = []
    for name, figures in zip(names, answer["policies"], strict=True):
        answers = [item["answer"] for item in json.loads(run("policy", "answers", name, "-o", "json"))["items"]]
        rows.append(
            f"| `{name}` | {figures['events']} | {figures['bytes'] / 2**20:.1f} MiB"
            f" | {answers.count('yes')} of {len(answers)} |"
        )
    return "| Preset | Events | Size | Questions |\n|---|---|---|---|\n" + "\n".join(rows)


def run(*words: str) -> str:
    """What the tool prints."""
    program = [sys.executable, "-m", "kaudit_setup", *words]
    ran = subprocess.run(
        program, capture_output=True, text=True, check=False, cwd=ROOT, env={"COLUMNS": "100", "HOME": "/"}
    )
    if ran.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words)}: {ran.stderr}")
    return ran.stdout


if __name__ == "__main__":
    main()
