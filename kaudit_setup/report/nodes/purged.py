"""What `purge` removes from one node, as text for people and as typed data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kaudit_setup.change.leftovers.purge import Kind, Left, Remains
from kaudit_setup.report.documents.document import Item, Warning, warned
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import fitted
from kaudit_setup.units import counted

_WORDS: Mapping[str, str] = {
    "unit": "unit of systemd",
    "file": "file of this tool",
    "staged": "half-made file",
    "log": "audit log",
    "backup": "backup",
    "folder": "journal, lock and folder",
}
_KEPT: Mapping[str, str] = {"file": "changed since this tool wrote it", "log": "audit log; --logs removes it"}


class LeftPath(Item, frozen=True, kw_only=True):
    """One path of the node. `folder` is the tool's own folder with its journal, and goes with all that is in it."""

    kind: Kind
    path: str


class PurgedNode(Item, frozen=True, kw_only=True):
    """What this tool left on one node. `purged`: whether it was removed; otherwise it would be.

    `kept`: logs, and files that somebody changed since they were written.
    """

    host: str
    purged: bool
    paths: tuple[LeftPath, ...]
    kept: tuple[LeftPath, ...]


def as_text(host: str, found: Remains) -> str:
    """What goes from one node and what stays, a line each."""
    return fitted("\n".join(map(safe, _lines(host, found))))


def _lines(host: str, found: Remains) -> Iterator[str]:
    yield f"{host}: " + ("to remove" if found.gone else "nothing is left of this tool")
    width = max((len(left.path) for left in found.gone), default=0)
    yield from (f"  {left.path:<{width}}  {_WORDS[left.kind]}" for left in found.gone)
    yield from _beside(found)


def _beside(found: Remains) -> Iterator[str]:
    yield from (f"  kept: {left.path} ({_KEPT[left.kind]})" for left in found.kept)
    yield from (f"  {note}" for note in _notes(found))


def _notes(found: Remains) -> Iterator[str]:
    if found.stored:
        yield (
            "ConfigMap kube-system/kubeadm-config still has audit settings, for the nodes that are audited; where "
            "none is, the next kubeadm upgrade would bring them back"
        )


def done_as_text(host: str, found: Remains) -> str:
    """What was removed from one node."""
    gone = f"removed {counted(len(found.gone), 'path')}" if found.gone else "nothing was left of this tool"
    return "\n".join(map(safe, (f"{host}: {gone}", *_beside(found))))


def as_item(host: str, found: Remains, *, purged: bool) -> PurgedNode:
    """The same for programs."""
    return PurgedNode(
        host=host, purged=purged and bool(found.gone), paths=_paths(found.gone), kept=_paths(found.kept)
    )


def _paths(found: Sequence[Left]) -> tuple[LeftPath, ...]:
    return tuple(LeftPath(kind=left.kind, path=left.path) for left in found)


def warnings(nodes: Sequence[tuple[str, Remains]]) -> tuple[Warning, ...]:
    """What a person should know beside it."""
    return tuple(warning for host, found in nodes for warning in warned(_notes(found), host=host))
