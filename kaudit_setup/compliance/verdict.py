"""The verdict on one check."""

from __future__ import annotations

from dataclasses import dataclass

BENCHMARK = "CIS Kubernetes Benchmark 1.10"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of the benchmark. `found`: what was seen, in words; `fix`: what to do, empty where it passed.

    `asked`: false where the node could not be asked, so that nothing is known.
    """

    id: str
    title: str
    passed: bool
    found: str
    fix: str = ""
    asked: bool = True
