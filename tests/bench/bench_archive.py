"""An archive beside the files that it was packed from, and what ten times the data costs; every figure of one run.

    python tests/bench/bench_archive.py [--size GB] [--keep DIR]

Packs a log of that size (0.2 GB) and one ten times as large, and asks both. `--keep` names a folder where the logs
and the archives stay for the next run: eleven times the size, and a tenth of that. Prints for each question CPU
seconds (what a busy machine does not change much), seconds, and the peak memory of all its processes together.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bench_logs import TOOL, Run, once
from make_logs import make

RUNS = 3
TIMES = 10
QUESTIONS = {
    "who created pod/NAME (one of a thousand alike)": "who created pod/my-suspicious-pod-0040 -n default",
    "who created pod/NAME in a namespace": "who created pod/web-6d4b9 -n shop-0040",
    "who deleted deploy/NAME, a name in each namespace": "who deleted deploy/web -n shop-0040",
    "who changed deploy/NAME, a name in each namespace": "who changed deploy/web -n shop-0040",
    "who created pod/NAME that nobody created": "who created pod/no-such-pod-0040 -n shop-0040",
    "top --by user,verb,resource": "top --by user,verb,resource",
    "top --by namespace,agent": "top --by namespace,agent",
    "top --by path (no counts)": "top --by path",
    "the same within one hour": "top --by path --since 2026-11-01T02:00:00Z --until 2026-11-01T03:00:00Z",
    "events --name NAME": "events --name my-suspicious-pod-0040",
    "estimate, 2 policies": "estimate metadata writes",
    "stats": "stats",
}
PROMISED = dict.fromkeys(
    [*(name for name in QUESTIONS if name.startswith("who ")), "top --by user,verb,resource"], 0.5
)
MEMORY = 500  # MB
RATE = 80  # MB/s a core


def best(argv: list[str]) -> Run:
    """The one with the least CPU time; one more is watched for its memory, which slows it down."""
    quickest = min((once(argv, False) for _ in range(RUNS)), key=lambda run: run.cpu)
    quickest.megabytes = once(argv, True).megabytes
    return quickest


def size_of(folder: Path, pattern: str = "*") -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())


def packed(logs: Path, archive: Path) -> str:
    """Pack, and say how quick it was."""
    if archive.exists():
        return "packed before"
    run = once([*TOOL, "pack", "--log", str(logs), "--to", str(archive), "--cluster", "bench"], True)
    rate = size_of(logs) / 1e6 / run.cpu
    return (
        f"{run.cpu:.1f} CPU s, {run.seconds:.1f} s, {rate:.0f} MB/s a core (promised {RATE}), "
        f"{run.megabytes:.0f} MB (promised {MEMORY})"
    )


def bench(folder: Path, size: int) -> None:
    answers: dict[str, list[Run]] = {name: [] for name in QUESTIONS}
    for times in (1, TIMES):
        logs, archive = folder / f"logs-{times}", folder / f"archive-{times}"
        if not logs.exists():
            make(logs, size * times)
        said = packed(logs, archive)
        shares = (f"{pattern} {size_of(archive, pattern) / 1e6:.1f} MB" for pattern in ("*.index", "*.counts"))
        print(f"{size_of(logs) / 1e9:.2f} GB: {said}; archive {size_of(archive) / 1e6:.0f} MB, {', '.join(shares)}")
        for name, words in QUESTIONS.items():
            answers[name].append(best([*TOOL, *words.split(), "--log", str(archive)]))
    units = f"{'s':>6} {'MB':>5}"
    print(f"\n{'':50} {'CPU s':>6} {units}   {f'x {TIMES}: CPU s':>12} {units} {'ratio':>6}  promised")
    for name, (small, large) in answers.items():
        promise = f"{PROMISED[name]:g} s, {MEMORY} MB" if name in PROMISED else f"{MEMORY} MB"
        print(
            f"{name:50} {small.cpu:6.2f} {small.seconds:6.2f} {small.megabytes:5.0f}   {large.cpu:12.2f} "
            f"{large.seconds:6.2f} {large.megabytes:5.0f} {large.cpu / small.cpu:6.1f}  {promise}"
        )
    name = "top --by user,verb,resource"
    of_files = once([*TOOL, *QUESTIONS[name].split(), "--log", str(folder / "logs-1")], False)
    print(
        f"\n{name} of the files: {of_files.cpu:.2f} CPU s, {of_files.cpu / answers[name][0].cpu:.1f} x the archive's"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=float, default=0.2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="bench-archive-"))
    try:
        bench(folder, int(options.size * 1e9))
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
