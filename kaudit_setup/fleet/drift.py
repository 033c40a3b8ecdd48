"""How nodes differ from each other. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

POLICY = "policy"
LOG_GROUP = "log-group"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of one node that is otherwise elsewhere; None where it is not set.

    `usual`: what it is there; `source`: where that is, most of the other nodes or the inventory.
    """

    name: str
    here: str | None
    usual: str | None
    source: Literal["others", "inventory"] = "others"

    def __str__(self) -> str:
        name = self.name if self.name == POLICY else f"--{self.name}"
        if self.here is None:
            return f"{name} is missing ({self.source}: {self._shown(self.usual)})"
        return f"{name}={self._shown(self.here)} ({self.source}: {self._shown(self.usual)})"

    def _shown(self, value: str | None) -> str:
        if value is None:
            return "not set"
        # twelve digits of a hash are enough to tell two policies apart
        return value[:12] if self.name == POLICY else value


def differences(nodes: Sequence[Mapping[str, str]]) -> list[tuple[Difference, ...]]:
    """For each node (flag → value, and POLICY → hash of the policy file) what it has otherwise than most.

    What most have is the most frequent value; of equally frequent ones, that of the earliest node.
    """
    names = sorted({name for node in nodes for name in node})
    usual = {name: _usual(node.get(name) for node in nodes) for name in names}
    return [tuple(_unlike(node, usual)) for node in nodes]


def unlike_wanted(node: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[Difference, ...]:
    """What of `wanted` (as in differences; an empty value is a flag that shall not be there) the node has not."""
    return tuple(
        Difference(name, node.get(name), value or None, "inventory")
        for name, value in sorted(wanted.items())
        if (node.get(name) or None) != (value or None)
    )


def _usual(values: Iterable[str | None]) -> str | None:
    return Counter(values).most_common(1)[0][0]


def _unlike(node: Mapping[str, str], usual: Mapping[str, str | None]) -> Iterator[Difference]:
    for name, value in usual.items():
        if node.get(name) != value:
            yield Difference(name, node.get(name), value)
