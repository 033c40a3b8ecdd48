"""The documentation site: docs.py FOLDER copies `docs/` there and adds the pages that are read off the code.

mkdocs then builds it (`make docs`), strictly and without a network.
"""

from __future__ import annotations

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

from kaudit_setup.model import NEWEST
from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.lint.codes import CODES
from kaudit_setup.policy.lint.examples import EXAMPLES, Example
from kaudit_setup.policy.load import load
from kaudit_setup.report.policy.lint import as_text

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
    """Every code with its meaning, and what the tool says of a policy that has it."""
    head = (
        "# What lint finds\n\nFor looking up a code of `kaudit-setup policy lint`: what it means, a policy that\n"
        "has it (what else is found there is left out), and what the tool says.\n\n"
    )
    return head + "\n".join(lint_entry(code, meaning, EXAMPLES[code]) for code, meaning in CODES.items())


def lint_entry(code: str, meaning: str, example: Example) -> str:
    """One code."""
    found = next(f for f in lint(load(example.text.encode(), example.version), example.version) if f.code == code)
    version = "" if example.version == NEWEST else f" (Kubernetes {example.version})"
    said = as_text([("policy.yaml", [found])]).rpartition("\n")[0]
    head = f"## {code}\n\n**{found.severity}**{version}: {cell(meaning)}"
    return f"{head}\n\n```yaml\n{example.text}```\n\n```\n{said}\n```\n"


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
