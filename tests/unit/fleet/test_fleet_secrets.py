"""No password of an inventory shows in any message."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.cli import main
from kaudit_setup.fleet.secrets import hide_secrets

SECRET = "S3cret"


@pytest.mark.parametrize(
    "text",
    [
        f"cp2 ansible_become_password={SECRET}",
        f"cp2 ansible_become_pass='{SECRET} with spaces' ansible_user=ann",
        f'cp2 ansible_ssh_pass="{SECRET} \\" quote"',
        f"ansible_become_password: {SECRET}",
        f'"ansible_become_password": "{SECRET}"',
        f"{{ansible_password: {SECRET}, x: 1}}",
        f"MY_TOKEN = {SECRET}",
        f"vault_root={SECRET}",
        f"line one\nansible_sudo_pass={SECRET}\nline three",
    ],
)
def test_the_value_is_hidden_and_its_name_stays(text: str) -> None:
    shown = hide_secrets(text)
    assert SECRET not in shown
    assert "***" in shown
    assert "with spaces" not in shown


@pytest.mark.parametrize("text", ["cp1 ansible_user=ann ansible_port=22", "bypass the proxy", "a token is missing"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    "inventory",
    [
        f"[masters:children]\ncp2 ansible_become_password={SECRET}\n",
        f"[masters:vars]\nansible_become_password {SECRET}\n[masters]\ncp1\n",
        f"[masters]\ncp1 ansible_become_password='{SECRET} ansible_user=x\n",
        f"[masters]\ncp1 = ansible_become_password={SECRET}\n",
        f"all:\n  hosts:\n    cp1: {{ansible_become_password: {SECRET}, ansible_host: [1]}}\n",
        f"clusters:\n  a:\n    ansible_become_password: {SECRET}\n",
        f"clusters:\n  a: {{hosts: [cp1], password: {SECRET}}}\n",
    ],
)
@pytest.mark.parametrize("ansible_is_here", [False, True])
def test_errors_of_inventories_hide_them(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    inventory: str,
    ansible_is_here: bool,
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    if ansible_is_here:
        (tools / "ansible-inventory").write_text(
            '#!/bin/sh\nwhile [ "$1" != -i ]; do shift; done\ncat "$2" >&2\nexit 1\n'
        )
        (tools / "ansible-inventory").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    else:
        monkeypatch.setenv("PATH", str(tools))
    file = tmp_path / ("hosts.ini" if inventory.startswith("[") else "hosts.yml")
    file.write_text(inventory)
    code = main(["status", "-i", str(file)])
    said = capsys.readouterr()
    assert code != 0
    assert SECRET not in said.out + said.err
