"""What a short question may load: its start is most of its time, and each module is a part of it.

The times themselves are measured by tests/bench/bench_startup.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from eventkit import event, write

# a library for what only some questions need, or a room that no question to a file needs
_NEVER = (
    *("rich", "ruamel", "yaml", "jinja2", "deepdiff", "paramiko", "chdb", "pyarrow", "boto3", "zstandard"),
    *("json", "logging", "multiprocessing", "http", "ssl", "email", "tarfile", "zipfile", "tomllib", "tempfile"),
    *("kaudit_setup.node", "kaudit_setup.change", "kaudit_setup.fleet", "kaudit_setup.manifest"),
    *("kaudit_setup.sandbox", "kaudit_setup.compliance", "kaudit_setup.yamltext", "kaudit_setup.kubeyaml"),
    *("kaudit_setup.model", "kaudit_setup.policy.model", "kaudit_setup.report.page"),
    *(
        "kaudit_setup.auditlog.shapes.recognition.detect",
        "kaudit_setup.auditlog.follow",
        "kaudit_setup.auditlog.archives.tarred",
    ),
)
_RULES = ("kaudit_setup.attribution.owner_chain", "kaudit_setup.attribution.deletion.rules")
_ATTRIBUTION = ("kaudit_setup.attribution.evidence", "kaudit_setup.attribution.chain")
_OF_OBJECTS = ("kaudit_setup.attribution.changes.history", "kaudit_setup.report.questions.changes")
_ASK = """
import sys
from kaudit_setup.__main__ import main
sys.argv = ["kaudit-setup", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
kinds = {value for module in list(sys.modules.values()) for value in vars(module).values() if isinstance(value, type)}
made = {kind for kind in kinds if "__dataclass_fields__" in vars(kind) and kind.__module__.startswith("kaudit_setup")}
print(*sys.modules, *(f"dataclass:{kind.__name__}" for kind in made), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """The modules that answering loads, and the dataclasses that it defines."""
    done = subprocess.run([sys.executable, "-c", _ASK, *words], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def below(names: set[str], rooms: tuple[str, ...]) -> set[str]:
    return {name for name in names if any(name == room or name.startswith(f"{room}.") for room in rooms)}


@pytest.mark.parametrize(
    ("words", "not_asked"),
    [
        (["who", "created", "pod/x"], (*_RULES, *_OF_OBJECTS, "kaudit_setup.attribution.object_requests")),
        (["who", "deleted", "pod/x"], (*_RULES, *_OF_OBJECTS, "kaudit_setup.attribution.object_requests")),
        (["who", "changed", "pod/x"], _OF_OBJECTS),
        (["top", "--by", "user"], (*_ATTRIBUTION, "ahocorasick_rs")),
        (["events"], _ATTRIBUTION),
        (["stats"], (*_ATTRIBUTION, "ahocorasick_rs")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_question_loads_what_it_needs(tmp_path: Path, words: list[str], not_asked: tuple[str, ...]) -> None:
    log = tmp_path / "audit.log"
    write(log, event("10:00:00.000000", "alice", "create", "pods", "x", code=201))
    found = loaded(*words, "--log", str(log))
    assert "kaudit_setup.auditlog.reader" in found
    assert below(found, (*_NEVER, *not_asked)) == set()
    # each takes as long to define as forty Structs
    assert {name for name in found if name.startswith("dataclass:")} <= {"dataclass:Answering"}


def test_help_loads_no_command() -> None:
    found = loaded("--help")
    assert "kaudit_setup.cli.app" in found
    assert below(found, (*_NEVER, "msgspec", "kaudit_setup.auditlog", "kaudit_setup.cli.commands")) == set()
