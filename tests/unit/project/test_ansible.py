"""The collection of contrib/ansible: its documentation is whole, and says what the module and the tool take."""

from __future__ import annotations

import importlib.util
import json
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml
from ansiblekit import NAME, SOURCE, ansible, install, needs_ansible

import kaudit_setup
from kaudit_setup.cli.app import whole

pytestmark = [needs_ansible, pytest.mark.slow]
MODULE = f"{NAME}.audit_logging"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controller")
    install(folder)
    return folder


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_logging", SOURCE / "plugins/modules/audit_logging.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def documented(home: Path) -> dict[str, Any]:
    """What ansible-doc reads of the module."""
    done = ansible(home, "doc", "--json", MODULE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[MODULE]


def given(module: ModuleType, **values: object) -> dict[str, Any]:
    """The parameters as Ansible gives them to the module."""
    return {name: values.get(name, option.get("default")) for name, option in module.SPEC.items()}


def test_the_documentation_says_what_the_module_takes(module: ModuleType, documented: dict[str, Any]) -> None:
    said = {
        name: {key: option[key] for key in ("type", "choices", "default", "elements") if key in option}
        for name, option in documented["doc"]["options"].items()
    }
    taken = {name: {k: v for k, v in option.items() if k != "no_log"} for name, option in module.SPEC.items()}
    assert said == taken
    assert all(option["description"] for option in documented["doc"]["options"].values())
    assert documented["doc"]["author"]
    assert set(documented["return"]) == {"nodes", "errors", "command", "exit_status"}


def test_the_examples_are_tasks_that_the_module_takes(
    home: Path, documented: dict[str, Any], module: ModuleType
) -> None:
    tasks = yaml.safe_load(documented["examples"])
    for task in tasks:
        assert set(task[MODULE]) <= set(module.SPEC), task
    book = home / "examples.yml"
    book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = ansible(home, "playbook", "-i", "cp1,", "--syntax-check", book)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ansible_doc_shows_the_module_and_the_role_to_people(home: Path) -> None:
    done = ansible(home, "doc", MODULE)
    assert done.returncode == 0, done.stderr
    assert "become_password" in done.stdout
    role = ansible(home, "doc", "--type", "role", MODULE)
    assert role.returncode == 0, role.stderr
    assert "audit_logging_policy" in role.stdout
    assert (done.stderr, role.stderr) == ("", "")


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_tool_takes_every_word_that_the_module_makes(module: ModuleType, state: str, tmp_path: Path) -> None:
    samples = {
        "str": "text",
        "path": str(tmp_path),
        "int": 5,
        "bool": True,
        "list": ["a", "b"],
        "dict": {"audit-a": True},
    }
    values = {name: option.get("choices", [samples[option["type"]]])[0] for name, option in module.SPEC.items()}
    for more in ({}, {"log_compress": False, "persist": False}):
        line = module.words({**values, "state": state, **more})
        assert not any("become" in word and "text" in word for word in line)
        command = typer.main.get_command(whole()).commands[line[0]]
        with command.make_context(line[0], line[1:]) as context:
            assert context.params["output"] == "json"
        assert {"--host=a", "--host=b", "--ask-become-pass"} <= set(line)
        assert ("--set=audit-a=true" in line) == (state == "present")


def test_every_parameter_becomes_words_of_the_tool(module: ModuleType) -> None:
    """None is taken and then forgotten."""
    plain = {"state": "present", "policy": "metadata"}
    least = module.words(given(module, **plain))
    assert least == ["enable", "--output", "json", "--policy=metadata"]
    samples = {"str": "text", "path": "/p", "int": 5, "bool": True, "list": ["a"], "dict": {"audit-a": 1}}
    for name, option in module.SPEC.items():
        if name not in ("executable", *plain):
            value = not option["default"] if "default" in option else samples[option["type"]]
            assert module.words(given(module, **plain, **{name: value})) != least, name


def test_the_collection_is_of_the_version_that_it_calls(home: Path) -> None:
    galaxy = yaml.safe_load((SOURCE / "galaxy.yml").read_text())
    # 1.0.0rc1 of Python is 1.0.0-rc1 of Ansible, which takes nothing but semantic versions
    number, found, candidate = kaudit_setup.__version__.partition("rc")
    assert galaxy["version"] == (f"{number}-rc{candidate}" if found else number)
    (archive,) = home.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name for name in opened.getnames() if "." in name}
    assert names == {
        "FILES.json",
        "MANIFEST.json",
        "README.md",
        "meta/runtime.yml",
        "playbooks/audit_logging.yml",
        "plugins/modules/audit_logging.py",
        "plugins/modules/audit_logging.yml",
        *(f"roles/audit_logging/{name}.yml" for name in ("defaults/main", "meta/argument_specs", "meta/main")),
        *(f"roles/audit_logging/{name}.yml" for name in ("tasks/main", "vars/main")),
    }
