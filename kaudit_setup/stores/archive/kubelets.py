"""What an archive's record says of API servers: found in the columns, while they are packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaudit_setup.stores.archive.coded import Coded
from kaudit_setup.stores.records import NODE, POD, ServerSeen

_COLUMNS = ("user", "groups", "impersonator", "agent", "stage", "code")
_REFUSED = 400
_LONGEST = 256  # characters of an agent


def servers_in(lines: Coded) -> set[ServerSeen]:
    """What kubelets asked of the Pods of API servers, and were answered, among `lines`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    users = [user.removeprefix(NODE) for user in lines.values("user") if user.startswith(NODE)]
    asked = pc.is_in(lines.rows["name"], pa.array([POD + node for node in users], pa.string()))
    some = lines.rows.select(["name", *lines.codes]).filter(asked)
    rows = lines.of(some).table(["name", "resource", *_COLUMNS]).to_pylist() if len(some) else []
    return {_seen(row) for row in rows if _is_of_its_server(row) and 0 < int(row["code"] or 0) < _REFUSED}


def _is_of_its_server(row: Mapping[str, Any]) -> bool:
    """Whether a node's user asked about the Pod of that node's API server."""
    user: str = row["user"]
    return row["resource"] == "pods" and user.startswith(NODE) and row["name"] == POD + user.removeprefix(NODE)


def _seen(row: Mapping[str, Any]) -> ServerSeen:
    return ServerSeen(
        row["user"],
        tuple(row["groups"]),
        row["impersonator"],
        row["agent"][:_LONGEST],
        row["stage"],
        int(row["code"]),
    )
