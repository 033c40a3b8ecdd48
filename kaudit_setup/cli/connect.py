"""From `--host` and its companions to nodes."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kaudit_setup.errors import InputError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.presentation import presentation, presenting
from kaudit_setup.report.progress import making_way
from kaudit_setup.report.terminal import say

if TYPE_CHECKING:
    from kaudit_setup.fleet.hosts import Host
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.port import Node
    from kaudit_setup.node.ssh.target import SshOptions, SshTarget


def become_password(ask: bool) -> str | None:
    """Asked on the terminal, never taken from argv or the environment."""
    return _hidden("sudo password") if ask else None


def ask_on_terminal(prompt: str) -> str:
    """The answer to a server's prompt (a one-time code), which is not echoed; the prompt is a stranger's text."""
    with making_way():
        return _hidden(safe(prompt).rstrip(": "))


def _hidden(prompt: str) -> str:
    """What is typed, never echoed: nothing is shown before the terminal has stopped to echo."""
    try:
        return getpass.getpass(f"{prompt}: ", stream=sys.stderr)
    except EOFError:
        return ""


def tell_on_terminal(text: str) -> None:
    """What a host says before the login, line by line on standard error; it is a stranger's text."""
    for line in text.splitlines():
        typer.echo(safe(line), err=True)


@contextmanager
def nodes(
    hosts: list[str] | None,
    *,
    inventory: Path | None = None,
    groups: list[str] | None = None,
    root: Path | None = None,
    ssh: SshOptions | None = None,
) -> Iterator[list[Candidate]]:
    """The nodes that the user named, or this machine; closed at the end. `ssh`: how to reach them, and how to be
    root there. Raises InputError.
    """
    from kaudit_setup.node.port import IDLE_S

    if root is not None and (hosts or inventory):
        raise InputError("--root excludes --host and --inventory", hint="--root works on a folder of this machine")
    if root is not None and not root.is_dir():
        raise InputError(f"--root {root} is not a folder")
    named = named_hosts(hosts, inventory, groups)
    password, idle_s = (ssh.become_password, ssh.idle_s) if ssh else (None, IDLE_S)
    if named:
        from kaudit_setup.node.ssh.target import SshOptions

        options = ssh or SshOptions()
        opened = [
            _local(None, password, idle_s) if h.local else open_ssh(target_of(h), options, ahead=len(named) == 1)
            for h in named
        ]
    else:
        opened = [_local(root, password, idle_s)]
    # loaded while the connection is being made
    from kaudit_setup.fleet.survey import Candidate

    if named:
        found = [Candidate(node, h.cluster, h.where, h.audit, h.given) for h, node in zip(named, opened, strict=True)]
    else:
        found = [Candidate(opened[0])]
    try:
        yield found
    finally:
        for candidate in found:
            candidate.node.close()


def named_hosts(hosts: list[str] | None, inventory: Path | None, groups: list[str] | None) -> tuple[Host, ...]:
    """Those of --host first, then those of the inventory, each way to a host once, each with a name of its own.

    Raises InputError.
    """
    from kaudit_setup.fleet.hosts import Host, unique, with_own_names
    from kaudit_setup.node.ssh.target import SshTarget

    found: list[Host] = []
    for text in hosts or ():
        target = SshTarget.parse(text)
        found.append(Host(target.host, target.host, target.user or "", target.port, given=text))
    if groups and inventory is None:
        raise InputError("--group needs --inventory", hint="--inventory FILE --group masters")
    if inventory is not None:
        from kaudit_setup.fleet.inventory_files import read_from

        read_inventory = read_from(inventory, groups or ())
        for note in read_inventory.notes:
            typer.echo(f"note: {safe(note)}", err=True)
        found += read_inventory.hosts
    return with_own_names(unique(found))


def target_of(host: Host) -> SshTarget:
    """The inventory's words in those of the SSH adapter."""
    from kaudit_setup.node.ssh.target import SshTarget

    return SshTarget(
        host.address,
        host.user or None,
        host.port,
        host.identity_file or None,
        host.proxy_jump or None,
        host.proxy_command or None,
        host.known_hosts_file or None,
        host.name,
    )


def _local(root: Path | None, password: str | None, idle_s: float) -> Node:
    from kaudit_setup.node.local import LocalNode
    from kaudit_setup.node.shell import Become

    become = Become(needed=root is None and os.geteuid() != 0, password=password)
    return traced(LocalNode(root, become=become, idle_s=idle_s))


def open_ssh(target: SshTarget, options: SshOptions, *, ahead: bool = False) -> Node:
    """One node over SSH; `ahead` begins to connect at once where it can, else nothing is sent yet."""
    from kaudit_setup.node.ssh.target import Transport

    if options.transport is Transport.openssh:
        from kaudit_setup.node.ssh.openssh_node import OpenSshNode

        return traced(OpenSshNode(target, options))
    from kaudit_setup.node.ssh.paramiko_node import SshNode

    node = SshNode(target, options)
    if ahead:
        node.connect_ahead()
    return traced(node)


def traced(node: Node) -> Node:
    """With KAUDIT_TRACE=FILE, each remote command leaves a line there (host, seconds, exit status, bytes sent, its
    end by the clock, its scripts); with -vv it is shown.
    """
    file, shown = os.environ.get("KAUDIT_TRACE"), presentation()
    if not file and shown.verbosity < 2:
        return node
    from kaudit_setup.node.trace import TracedNode, Trip
    from kaudit_setup.report.progress import trip_line

    def told(trip: Trip) -> None:
        if file:
            with Path(file).open("a") as out:
                names = "+".join(trip.scripts) or "-"
                out.write(f"{trip.host} {trip.seconds:.3f} {trip.code} {trip.sent} {time.time():.3f} {names}\n")
        if shown.verbosity > 1:
            # a thread that asks a node knows nothing of the run's options
            with presenting(shown):
                say(trip_line(trip))

    return TracedNode(node, told)
