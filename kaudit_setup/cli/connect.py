"""From `--host` and its companions to nodes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.node.port import Node
    from kaudit_setup.node.ssh import SshOptions, SshTarget


def become_password(ask: bool) -> str | None:
    """Asked on the terminal, never taken from argv or the environment."""
    return typer.prompt("sudo password", hide_input=True, err=True) if ask else None


@contextmanager
def nodes(
    hosts: list[str] | None,
    *,
    root: Path | None = None,
    ssh_config: Path | None = None,
    accept_new_host_key: bool = False,
    ask_become_pass: bool = False,
) -> Iterator[list[Node]]:
    """The nodes that the user named, or this machine; closed at the end. Raises InputError."""
    if root is not None and hosts:
        raise InputError("--root and --host exclude each other", hint="--root works on a folder of this machine")
    if root is not None and not root.is_dir():
        raise InputError(f"--root {root} is not a folder")
    password = become_password(ask_become_pass)
    opened: list[Node] = []
    if hosts:
        from kaudit_setup.node.ssh import SshOptions, SshTarget

        options = SshOptions(ssh_config, accept_new_host_key, password)
        opened = [open_ssh(SshTarget.parse(host), options) for host in dict.fromkeys(hosts)]
    else:
        from kaudit_setup.node.local import LocalNode
        from kaudit_setup.node.shell import Become

        become = Become(needed=root is None and os.geteuid() != 0, password=password)
        opened = [traced(LocalNode(root, become=become))]
    try:
        yield opened
    finally:
        for node in opened:
            node.close()


def open_ssh(target: SshTarget, options: SshOptions) -> Node:
    """One node over SSH; nothing is sent yet."""
    from kaudit_setup.node.ssh import SshNode

    return traced(SshNode(target, options))


def traced(node: Node) -> Node:
    """With KAUDIT_TRACE=FILE, each remote command leaves a line there (host, seconds, exit status)."""
    file = os.environ.get("KAUDIT_TRACE")
    if not file:
        return node
    from kaudit_setup.node.trace import TracedNode

    return TracedNode(node, Path(file))
