"""What an archive's record says of API servers: found in the columns, while they are packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaudit_setup.stores.servers import NODE, POD, ServerSeen

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("user", "groups", "impersonator", "agent", "stage", "code")
_REFUSED = 400
_LONGEST = 256  # characters of an agent


def servers_in(rows: pa.Table) -> set[ServerSeen]:
    """What kubelets asked of the Pods of API servers, and were answered, among `rows`."""
    import pyarrow.compute as pc

    names = rows["name"]
    wanted = pc.and_(pc.equal(rows["resource"], "pods"), pc.starts_with(names.cast("string"), POD))
    some = rows.filter(wanted)
    if not len(some):
        return set()
    found = set()
    columns = (some[name].to_pylist() for name in _COLUMNS)
    for name, (user, groups, impersonator, agent, stage, code) in zip(
        some["name"].to_pylist(), zip(*columns, strict=True), strict=True
    ):
        if user.startswith(NODE) and name == POD + user.removeprefix(NODE) and 0 < int(code or 0) < _REFUSED:
            found.add(ServerSeen(user, tuple(groups), impersonator, agent[:_LONGEST], stage, int(code)))
    return found
