"""Logs in every shape in which people keep them, beside JSON lines of the same events; every figure in one run.

    python tests/bench/bench_shapes.py [--size MB] [--data DIR] [--only SHAPE,...] [--packed .gz] [--runs N]

Writes the events of `make_logs` in each shape of `shapekit`, one file for each 100 MB of JSON lines, and asks `top`,
`who`, `events --name` and `stats`. Files in another shape may be much larger than the JSON lines that they hold;
their time is compared with that of the lines all the same. What is above the promise is told by CPU seconds: wall
seconds are of use only where nothing else runs on the machine. `--data` keeps what was written for the next run.
`--packed` compresses both sides alike.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "kits"))
from make_logs import RECORDED, passes
from shapekit import PACKED, SAME, Writer, cri, docker, gcloud, gke, legacy

PLAIN = "JSON lines"
PROMISED = 1.5
FILE = 100 * 1000 * 1000
PART = 600
"""Bytes at which lines are cut into parts: container runtimes take 16 KiB, so that few lines are cut."""
NAME = "my-suspicious-pod-0002"  # there from 50 MB on
TOOL = [sys.executable, "-m", "kaudit_setup"]
QUESTIONS = {
    "top": ("top", "--by", "user,verb,resource"),
    "who": ("who", "created", f"pod/{NAME}", "-n", "default"),
    "events": ("events", "--name", NAME),
    "stats": ("stats",),
}
PUSH = 500
"""Events that a shipper sends to Loki, or a cloud's export writes, at once."""


def pushes(write: Writer) -> Writer:
    """Not all events of a file in one line."""
    return lambda lines: b"".join(
        write(lines[at : at + PUSH]).rstrip(b"\n") + b"\n" for at in range(0, len(lines), PUSH)
    )


SHAPES: dict[str, Writer] = {
    **SAME,
    "Loki": pushes(SAME["Loki"]),
    "CRI in parts": partial(cri, most=PART),
    "docker in parts": partial(docker, most=PART),
    "GKE": gke,
    "gcloud": gcloud,
    "legacy": legacy,
}


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one question."""

    wall: float
    cpu: float

    def over(self, other: Took) -> Took:
        """As a ratio."""
        return Took(self.wall / other.wall, self.cpu / other.cpu)


def write(folder: Path, shape: str, size: int, packed: str) -> int:
    """The events as files of one shape in `folder`, unless they are there; how many bytes they have."""
    if not folder.exists():
        folder.mkdir(parents=True)
        for number, lines in enumerate(_files(size)):
            (folder / f"audit-{number}.log{packed}").write_bytes(PACKED[packed](SHAPES[shape](lines)))
    return sum(path.stat().st_size for path in folder.iterdir())


def _files(size: int) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    held = 0
    for text, _ in passes(gzip.decompress(RECORDED.read_bytes()), size):
        lines += text.splitlines()
        held += len(text)
        if held >= FILE:
            yield lines
            lines, held = [], 0
    if lines:
        yield lines


def ask(question: str, logs: Path, runs: int) -> Took:
    """The quickest of several runs."""
    return min((_once([*TOOL, *QUESTIONS[question], "--log", str(logs)]) for _ in range(runs)), key=lambda t: t.cpu)


def _once(argv: list[str]) -> Took:
    before, start = os.times(), time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - start, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall, spent)


def bench(data: Path, shapes: list[str], size: int, packed: str, runs: int) -> None:
    """Print the table."""
    cores = len(os.sched_getaffinity(0))
    print(f"{size / 1e6:.0f} MB of JSON lines{packed}, {cores} cores, best of {runs}; promised: <= {PROMISED} x")
    print(f"{'':26} {'MB':>5}" + "".join(f"  {f'{one}: wall, CPU s, the same as ratios':>36}" for one in QUESTIONS))
    plain: dict[str, Took] = {}
    missed: list[str] = []
    for shape in [PLAIN, *(one for one in shapes if one != PLAIN)]:
        logs = data / f"{shape.replace(' ', '_').replace(',', '')}{packed}"
        written = write(logs, shape, size, packed)
        cells = []
        for question in QUESTIONS:
            took = ask(question, logs, runs)
            ratio = took.over(plain.setdefault(question, took))
            if ratio.cpu > PROMISED:
                missed.append(f"{shape} ({question})")
            cells.append(f"  {took.wall:9.2f} {took.cpu:7.2f} {ratio.wall:7.2f} x {ratio.cpu:6.2f} x")
        print(f"{shape:26} {written / 1e6:5.0f}" + "".join(cells), flush=True)
    print(f"above {PROMISED} x: {', '.join(missed) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--packed", default="", choices=list(PACKED))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    shapes = [one for one in SHAPES if not options.only or one.replace(",", "") in options.only.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or Path(scratch)
        bench(data, shapes, options.size * 1000 * 1000, options.packed, options.runs)


if __name__ == "__main__":
    main()
