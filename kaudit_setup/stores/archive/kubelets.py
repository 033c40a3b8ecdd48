"""What an archive's record says of API servers: found in the columns, while they are packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kaudit_setup.stores.records import NODE, POD, ServerSeen

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("user", "groups", "impersonator", "agent", "stage", "code")
_REFUSED = 400
_LONGEST = 256  # characters of an agent


def servers_in(rows: pa.Table) -> set[ServerSeen]:
    """What kubelets asked of the Pods of API servers, and were answered, among `rows`."""
    import pyarrow.compute as pc

    wanted = pc.and_(pc.equal(rows["resource"], "pods"), pc.starts_with(rows["name"].cast("string"), POD))
    some = rows.filter(wanted).select(["name", *_COLUMNS]).to_pylist()
    return {_seen(row) for row in some if _is_of_its_server(row) and 0 < int(row["code"] or 0) < _REFUSED}


def _is_of_its_server(row: Mapping[str, Any]) -> bool:
    """Whether a node's user asked about the Pod of that node's API server."""
    user: str = row["user"]
    return user.startswith(NODE) and row["name"] == POD + user.removeprefix(NODE)


def _seen(row: Mapping[str, Any]) -> ServerSeen:
    return ServerSeen(
        row["user"],
        tuple(row["groups"]),
        row["impersonator"],
        row["agent"][:_LONGEST],
        row["stage"],
        int(row["code"]),
    )
