"""`demo`: the main job on a simulated node, shown as a user would type it."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import Output, OutputOption

if TYPE_CHECKING:
    from kaudit_setup.demo import Step
    from kaudit_setup.sandbox import Sandbox

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup demo
  kaudit-setup demo --stay      # keep the node until Ctrl-C
  kaudit-setup demo -o json"""
)
def demo(
    output: OutputOption = Output.text,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the simulated node until Ctrl-C.")] = False,
) -> None:
    """Show enable, verify, who and rollback on a simulated node; no root, no cluster, under 30 s."""
    from kaudit_setup.demo import run, steps
    from kaudit_setup.report.demo import BEGINNING, Demo, as_item, say_bold
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.sandbox import Sandbox

    began = time.monotonic()
    if output is Output.text:
        typer.echo(BEGINNING)
    with Sandbox.start() as node:
        if output is not Output.text:
            ran = [run(step, node, capture=True) for step in steps(node.host)]
            show(output, lambda: document(Demo, [as_item(ran, time.monotonic() - began)]), str)
        else:
            for step in steps(node.host):
                _show(step, node)
            seconds = time.monotonic() - began
            say_bold(
                f"{seconds:.0f} s, on a simulated node. On yours: kaudit-setup enable --policy metadata --host …"
            )
        if stay:
            _wait(node)


def _show(step: Step, node: Sandbox) -> None:
    from kaudit_setup.demo import run
    from kaudit_setup.report.demo import say_bold

    say_bold(f"# {step.why}\n$ {step.typed(node.host)}")
    ran = run(step, node, capture=False)
    if step.on_node:
        typer.echo(ran.output, nl=False)


def _wait(node: Sandbox) -> None:
    """Until Ctrl-C; says how to reach the node."""
    reach = shlex.quote(str(node.ssh_config))
    # this is how it is meant to end
    with suppress(KeyboardInterrupt):
        typer.echo(f"\nThe node stays until Ctrl-C:\n  ssh -F {reach} {node.host}")
        typer.echo(f"  kaudit-setup status --host {node.host} --ssh-config {reach}")
        while True:
            time.sleep(3600)
