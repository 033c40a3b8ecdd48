#!/usr/bin/python
"""Calls `kaudit-setup enable` or `disable` and gives Ansible its answer; documented in audit_logging.yml."""

# Copyright: the kaudit-setup authors
# Apache License 2.0 (see https://www.apache.org/licenses/LICENSE-2.0)
from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

API = "kaudit-setup/v1"
COMMANDS = {"present": "enable", "absent": "disable"}
WOULD_CHANGE = 3
"""The exit status of a dry run that found something to change."""

SETTINGS = {
    "policy": "--policy",
    "policy_path": "--policy-path",
    "log_path": "--log-path",
    "log_maxage": "--log-maxage",
    "log_maxbackup": "--log-maxbackup",
    "log_maxsize": "--log-maxsize",
    "log_format": "--log-format",
    "log_mode": "--log-mode",
    "log_group": "--log-group",
    "webhook_config": "--webhook-config",
}
"""Options of `enable` alone; a parameter that is not given leaves the tool's default."""

REACH = {
    "hosts": "--host",
    "inventory": "--inventory",
    "groups": "--group",
    "ssh_config": "--ssh-config",
    "transport": "--transport",
    "root": "--root",
    "manifest": "--manifest",
    "timeout": "--timeout",
    "forks": "--forks",
    "keep": "--keep",
    "force": "--force",
}
SWITCHES = {
    "accept_new_host_key": "--accept-new-host-key",
    "all_or_nothing": "--all-or-nothing",
    "restart_kubelet": "--restart-kubelet",
}
DIFFERENCES = ("diff", "kubeadmconfigDiff")

LASTING = {"pending", "unfinished"}
"""Findings that block a run even where nothing is to be changed."""

SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": list(COMMANDS), "default": "present"},
    "hosts": {"type": "list", "elements": "str"},
    "inventory": {"type": "path"},
    "groups": {"type": "list", "elements": "str"},
    "policy": {"type": "path"},
    "policy_path": {"type": "str"},
    "log_path": {"type": "str"},
    "log_maxage": {"type": "int"},
    "log_maxbackup": {"type": "int"},
    "log_maxsize": {"type": "int"},
    "log_compress": {"type": "bool"},
    "log_format": {"type": "str", "choices": ["json", "legacy"]},
    "log_mode": {"type": "str", "choices": ["blocking", "blocking-strict", "batch"]},
    "log_group": {"type": "str"},
    "webhook_config": {"type": "path"},
    "set": {"type": "dict"},
    "ssh_config": {"type": "path"},
    "transport": {"type": "str", "choices": ["paramiko", "openssh"]},
    "accept_new_host_key": {"type": "bool", "default": False},
    "become_password": {"type": "str", "no_log": True},
    "persist": {"type": "bool", "default": True},
    "all_or_nothing": {"type": "bool", "default": False},
    "restart_kubelet": {"type": "bool", "default": False},
    "force": {"type": "list", "elements": "str"},
    "forks": {"type": "int"},
    "keep": {"type": "int"},
    "timeout": {"type": "int"},
    "manifest": {"type": "path"},
    "root": {"type": "path"},
    "executable": {"type": "str", "default": "kaudit-setup"},
}

RULES: dict[str, Any] = {
    "mutually_exclusive": [("hosts", "root"), ("inventory", "root")],
    "required_if": [("state", "present", ("policy",))],
    "required_by": {"groups": ("inventory",)},
}


class Answer(NamedTuple):
    """What the tool printed, and how it ended. `document` is None where that is not its JSON."""

    status: int
    document: dict[str, Any] | None
    stderr: str

    @property
    def items(self) -> list[dict[str, Any]]:
        """One a node."""
        return self.document["items"] if self.document else []

    @property
    def kind(self) -> str:
        """`NodeReview`, `NodeChange`, or `Error` where it ended before it had an answer."""
        return self.document["kind"] if self.document else ""

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """What a person should know beside the answer."""
        return self.document["warnings"] if self.document else []

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What failed."""
        return self.document["errors"] if self.document else []


def words(given: dict[str, Any]) -> list[str]:
    """The parameters of the task as the tool's command line; nothing secret is among them."""
    enable = given["state"] == "present"
    line = [COMMANDS[given["state"]], "--output", "json"]
    for name, option in {**(SETTINGS if enable else {}), **REACH}.items():
        value = given[name]
        if value is not None:
            line += [f"{option}={each}" for each in (value if isinstance(value, list) else [value])]
    line += [option for name, option in SWITCHES.items() if given[name]]
    if enable and given["log_compress"] is not None:
        line.append("--log-compress" if given["log_compress"] else "--no-log-compress")
    if enable:
        line += [f"--set={flag}={_as_flag(value)}" for flag, value in (given["set"] or {}).items()]
    if not given["persist"]:
        line.append("--no-persist")
    if given["become_password"] is not None:
        line.append("--ask-become-pass")
    return line


def _as_flag(value: object) -> str:
    """A value as kube-apiserver reads it: Go's booleans are in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(argv: list[str], password: str | None) -> Answer:
    """Run the tool to its end. Raises OSError where it cannot be started.

    In a session of its own there is no terminal, so the tool reads the password from its standard input. What it says
    goes to files, so that it can finish its work without this process. Ctrl-C is passed on, and it restores the node.
    """
    with TemporaryFile() as out, TemporaryFile() as err:
        # not subprocess.run, which kills what it has started when it is interrupted
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True)
        try:
            process.communicate(b"" if password is None else password.encode() + b"\n")
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
        out.seek(0)
        err.seek(0)
        return Answer(process.returncode, _document(out.read()), err.read().decode("utf-8", "replace"))


def _document(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("apiVersion") == API else None


def complaint(answer: Answer) -> str:
    """Why it failed, in the tool's words: each message with its node, its details and its hint."""
    if answer.document is None:
        said = answer.stderr.strip()[-2000:] or "no word"
        return f"kaudit-setup did not answer as {API} (exit status {answer.status}): {said}"
    return "\n".join(map(_sentence, answer.errors)) or f"kaudit-setup ended with exit status {answer.status}"


def _sentence(error: dict[str, Any]) -> str:
    message, node = error["message"], error.get("host")
    lines = [f"{node}: {message}" if node and node not in message else message]
    lines += error.get("details") or []
    if error.get("hint"):
        lines.append("hint: " + error["hint"])
    return "\n".join(lines)


def obstacles(reviews: list[dict[str, Any]], force: list[str]) -> list[str]:
    """The findings of a dry run for which a run would refuse to change anything."""
    return [
        f"{review['host']}: {found['message']} ({found['name']}); nothing would be changed\nhint: {found['hint']}"
        for review in reviews
        for found in review["findings"]
        if found["blocks"] and found["name"] not in force and (review["wouldChange"] or found["name"] in LASTING)
    ]


def differences(reviews: list[dict[str, Any]]) -> list[dict[str, str]]:
    """For `--diff`: the files of each node, and once for each cluster its kubeadm-config."""
    files = [(review["host"], review["diff"]) for review in reviews]
    stored = {(review["cluster"], review["kubeadmconfigDiff"]): None for review in reviews}
    return [{"prepared": f"# {where}\n{text.rstrip()}\n"} for where, text in (*files, *stored) if text]


def has_changed(changes: list[dict[str, Any]]) -> bool:
    """Whether a file of a node or the cluster's kubeadm-config was written."""
    return any(node["changed"] or node["kubeadmConfig"] == "stored" for node in changes)


def brief(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of the nodes without what `diff` says."""
    return [{key: value for key, value in item.items() if key not in DIFFERENCES} for item in items]


class Task:
    """One task of a play: it asks the tool, and collects the result."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.argv = [self._program(), *words(module.params)]
        self.result: dict[str, Any] = {"changed": False, "nodes": [], "command": self.argv}

    def _program(self) -> str:
        """The tool: on PATH, or beside the Python that Ansible runs with, where pip puts it."""
        wanted = self.module.params["executable"]
        beside = [str(Path(sys.executable).parent)]
        found: str | None = self.module.get_bin_path(str(Path(wanted).expanduser()), opt_dirs=beside)
        if found is None:
            self.module.fail_json(
                msg=f"{wanted} is not on this host\nhint: install kaudit-setup here, or say where it is: `executable`"
            )
        return str(found)

    def review(self) -> Answer:
        """The dry run. Ends the task where the tool fails, or would refuse to go on."""
        answer = self._ask("--dry-run", good=(0, WOULD_CHANGE))
        if self.module._diff:
            self.result["diff"] = differences(answer.items)
        refused = obstacles(answer.items, self.module.params["force"] or [])
        if refused:
            self._fail("\n".join(refused), answer)
        self.result["changed"] = answer.status == WOULD_CHANGE
        return answer

    def change(self) -> Answer:
        """The run itself. Ends the task where it fails; what was changed by then is in the result."""
        return self._ask("--yes", good=(0,))

    def _ask(self, how: str, good: tuple[int, ...]) -> Answer:
        try:
            answer = run([*self.argv, how], self.module.params["become_password"])
        except OSError as error:
            self.module.fail_json(msg=f"{self.argv[0]} cannot be run: {error.strerror}")
        changed = answer.kind == "NodeChange" and has_changed(answer.items)
        # not `rc`: Ansible calls a task with another one than 0 failed
        self.result.update(exit_status=answer.status, nodes=brief(answer.items), changed=changed)
        if answer.document is None or answer.status not in good:
            self._fail(complaint(answer), answer)
        return answer

    def _fail(self, msg: str, answer: Answer) -> None:
        self.module.fail_json(msg=msg, errors=answer.errors, **self.result)


def main() -> None:
    """What Ansible calls."""
    module = AnsibleModule(SPEC, supports_check_mode=True, **RULES)
    if module.params["hosts"] == []:
        module.fail_json(msg="hosts is empty\nhint: leave it out to change the machine that the task runs on")
    task = Task(module)
    # a dry run changes nothing, and is the only one that shows differences
    answer = task.review() if module.check_mode or module._diff else None
    if not module.check_mode:
        answer = task.change()
    for warning in answer.warnings if answer else ():
        module.warn(warning["message"])
    module.exit_json(**task.result)


if __name__ == "__main__":
    main()
