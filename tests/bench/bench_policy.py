"""Requests a second that `policy explain --requests` decides on one core, file to file; how fast files load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kaudit_setup.policy.load import MAX_BYTES, load

DATA = Path(__file__).resolve().parents[1] / "data" / "oracle"
REQUESTS = 1_000_000
PROMISED = 200_000


def seconds(policy: Path, requests: Path) -> tuple[float, float]:
    """Wall-clock and processor time of the whole command."""
    before, start = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "kaudit_setup", "policy", "explain", str(policy), "--requests", str(requests)]
    with Path(os.devnull).open("wb") as nothing:
        subprocess.run(command, check=True, stdout=nothing)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def main() -> None:
    rows = [json.loads(line)["attributes"] for line in (DATA / "eval-1.36.2.jsonl").read_text().splitlines()]
    policy = DATA / "policies" / "v04-gce-style.yaml"
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("as in the oracle", "all different"):
            path = Path(folder) / "requests.jsonl"
            with path.open("w") as file:
                for number in range(REQUESTS):
                    row = rows[number % len(rows)]
                    if kind == "all different":
                        row = {**row, "name": f"web-{number}", "path": f"{row['path']}/{number}"}
                    file.write(json.dumps(row) + "\n")
            wall, used = seconds(policy, path)
            print(
                f"{REQUESTS:,} requests, {kind}: {REQUESTS / wall:,.0f}/s by the clock, {REQUESTS / used:,.0f}/s of "
                f"one core; {REQUESTS / used / PROMISED:.1f} times the promised {PROMISED:,}/s"
            )
    text = policy.read_bytes()
    rules = text[text.index(b"rules:") + 7 :]
    longest = text + rules * ((MAX_BYTES - len(text)) // len(rules))
    for name, data in (("a usual policy", text), ("the longest that is read", longest)):
        start = time.perf_counter()
        assert load(data).ok
        print(f"{name}: {len(data):,} bytes load in {(time.perf_counter() - start) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
