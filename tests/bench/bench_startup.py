"""How much CPU time a question takes before it reads anything worth mentioning: the log holds one event.

    python tests/bench/bench_startup.py [--runs N]

CPU time (user and system), the median of the runs, with the bytecode that an earlier run has left. The first row, the
interpreter alone, shows how quick the machine is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

EVENT = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "6c4b1d5e-0d5c-4c0b-8f0b-2f8d6f3c9a11",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/default/pods",
    "verb": "create",
    "user": {"username": "alice", "groups": ["system:authenticated"]},
    "sourceIPs": ["10.0.0.1"],
    "userAgent": "kubectl/v1.30.0",
    "objectRef": {"resource": "pods", "namespace": "default", "name": "x", "apiVersion": "v1"},
    "responseStatus": {"metadata": {}, "code": 201},
    "requestReceivedTimestamp": "2026-11-23T16:00:00.000000Z",
    "stageTimestamp": "2026-11-23T16:00:00.010000Z",
}
PROMISED = "120 ms"
QUESTIONS = (["who", "created", "pod/x"], ["who", "deleted", "pod/x"], ["top", "--by", "user"], ["events"])


def used_s(argv: list[str], runs: int) -> float:
    """CPU seconds of one run, the median; the first run, which compiles, does not count."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken = []
    for _ in range(runs + 1):
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=kept)
        _, _, usage = os.wait4(child.pid, 0)
        taken.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    tool = [sys.executable, "-m", "kaudit_setup"]
    row("python -c pass", used_s([sys.executable, "-c", "pass"], runs))
    row("--help", used_s([*tool, "--help"], runs))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "audit.log"
        log.write_text(json.dumps(EVENT, separators=(",", ":")) + "\n")
        for words in QUESTIONS:
            row(" ".join(words), used_s([*tool, *words, "--log", str(log)], runs), PROMISED)


def row(what: str, cpu_s: float, promised: str = "") -> None:
    print(f"{what:<18} {cpu_s * 1000:>5.0f} ms  {promised}".rstrip())


if __name__ == "__main__":
    main()
