"""How nodes differ from each other. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of one node that most of the others have otherwise; None where it is not set."""

    name: str
    here: str | None
    usual: str | None

    def __str__(self) -> str:
        # twelve digits of a hash are enough to tell two policies apart
        flag, here, usual = f"--{self.name}", self.here, self.usual
        if self.name == POLICY:
            flag, here, usual = self.name, here and here[:12], usual and usual[:12]
        if here is None:
            return f"{flag} is missing (others: {usual})"
        return f"{flag}={here} (others: {'not set' if usual is None else usual})"


def differences(nodes: Sequence[Mapping[str, str]]) -> list[tuple[Difference, ...]]:
    """For each node (flag → value, and POLICY → hash of the policy file) what it has otherwise than most.

    What most have is the most frequent value; of equally frequent ones, that of the earliest node.
    """
    names = sorted({name for node in nodes for name in node})
    usual = {name: Counter(node.get(name) for node in nodes).most_common(1)[0][0] for name in names}
    return [
        tuple(Difference(name, node.get(name), usual[name]) for name in names if node.get(name) != usual[name])
        for node in nodes
    ]
