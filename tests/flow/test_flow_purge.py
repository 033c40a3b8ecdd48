"""`purge` over SSH: after `disable` nothing of the tool is left on the node, and its API server never noticed."""

from __future__ import annotations

from documentkit import only
from flowkit import Before, Cli

from kaudit_setup.sandbox import Sandbox


def left(node: Sandbox) -> set[str]:
    """Paths that are or may be the tool's."""
    found = (str(path.relative_to(node.root)) for path in node.root.rglob("*"))
    return {path for path in found if "kaudit-setup" in path or "audit" in path.rpartition("/")[2]}


def test_after_disable_everything_goes_and_no_server_restarts(sandbox: Sandbox, cli: Cli, before: Before) -> None:
    clean = left(sandbox)
    assert cli("enable", "--policy", "metadata", "--yes").code == 0
    refused = cli("purge", "--yes")
    assert refused.code == 1
    assert f"`kaudit-setup disable --host {sandbox.host}" in refused.err
    assert cli("disable", "--yes").code == 0
    starts = sandbox.starts()
    done = cli("purge", "--logs", "--yes", "-o", "json")
    assert done.code == 0, done
    assert {path["kind"] for path in only(done.out)["paths"]} == {"log", "backup", "folder"}
    assert left(sandbox) == clean
    assert sandbox.starts() == starts
    before.is_old_and_works()
