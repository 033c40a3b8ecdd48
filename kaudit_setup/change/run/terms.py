"""How a change is made, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kaudit_setup.change.cancel import Cancellation, Level
from kaudit_setup.change.verify import Proof

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a change is made.

    `by`: who asked. `timeout`: seconds for the proof beside the old server's drain. `keep`: backups to keep. `prove`:
    False on a folder that holds a node's files. `kubeadm_config`: what the cluster has stored now, to be kept in the
    backup. `restart_kubelet`: whether kubelet may be restarted to end its back-off. `cancellation` breaks off what is
    not proved yet, once it is cancelled with the urgency `stops_at`.
    """

    by: str = ""
    timeout: int = 180
    keep: int = 20
    prove: bool = True
    kubeadm_config: str = field(default="", repr=False)
    restart_kubelet: bool = False
    cancellation: Cancellation = field(default_factory=Cancellation, repr=False)
    stops_at: Level = Level.STOP


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the backup's name and the proof; both None where nothing had to change."""

    backup: str | None
    proof: Proof | None
    note: str = ""
    seconds: float = 0.0
