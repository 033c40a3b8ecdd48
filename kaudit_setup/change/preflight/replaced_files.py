"""Findings about files that are replaced, by new ones that do not take over everything. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from kaudit_setup.change.plan import Plan, WriteFile
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.node.observe import FileSeen, Observed


def replaced(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """Of the files that are there and that the plan writes."""
    old = [c.before for c in plan.files if isinstance(c, WriteFile) and c.before.kind == "file"]
    yield from map(_link, filter(_is_link, old))
    yield from map(_hard_link, filter(_has_names, old))
    if old and "attributes" not in observed.tools:
        yield _attributes(old)


def _is_link(was: FileSeen) -> bool:
    return bool(was.real)


def _has_names(was: FileSeen) -> bool:
    return was.links > 1


def _link(was: FileSeen) -> Finding:
    return Finding(
        "symlink",
        False,
        f"{was.path} is a link to {was.real}; the file behind it is changed, and kubelet may take up to 20 s to "
        "notice",
    )


def _hard_link(was: FileSeen) -> Finding:
    others = "its other name keeps" if was.links == 2 else f"its {was.links - 1} other names keep"
    return Finding(
        "hard-link",
        False,
        f"{was.target} is a hard link and is replaced by a new file: {others} the old content, also after an undo",
        f"find / -xdev -samefile {shlex.quote(was.target)} names them all",
    )


def _attributes(old: Sequence[FileSeen]) -> Finding:
    """The node's tools cannot give a new file what the old one has beside mode and owner."""
    hint = "install the packages acl and attr on the node, or GNU coreutils"
    seen = [was.target for was in old if was.acl]
    if seen:
        said = f"{', '.join(seen)} has an ACL that cannot be kept: the node has neither setfacl nor GNU cp"
        return Finding("acl-lost", False, said, hint)
    files = ", ".join(was.target for was in old)
    said = f"the node's tools cannot keep ACLs and extended attributes; if {files} has any, they are lost"
    return Finding("attributes-unknown", False, said, hint)
