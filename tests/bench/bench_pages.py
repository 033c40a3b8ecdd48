"""The report of a gigabyte of audit log: seconds, memory, bytes, and how soon a browser lets somebody use it.

    python tests/bench/bench_pages.py [--size GB] [--logs DIR]

Needs chromium and chromedriver for the last figures.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "kits"))
from bench_logs import NAME, TOOL, best
from browserkit import opened, started
from make_logs import make

QUESTIONS = {
    "report": [],
    "report, one object": ["--question", f"who created pod/{NAME} -n default"],
    "report, one user": ["--question", "touched --user person-048"],
    "report, a controller": ["--question", "touched --user system:kube-controller-manager"],
}
FILTER = """
  const begin = performance.now();
  document.getElementById("find").value = "create";
  document.getElementById("find").dispatchEvent(new Event("input"));
  document.getElementById("picture").getBoundingClientRect();
  return performance.now() - begin;
"""
LOADED = "return performance.getEntriesByType('navigation')[0].domComplete"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--logs", type=Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kaudit-bench-")))
        logs = options.logs or scratch / "logs"
        if not logs.exists():
            make(logs, int(options.size * 1e9))
        browser = stack.enter_context(started(scratch / "profile"))
        page = scratch / "report.html"
        print(f"{'':24} {'seconds':>8} {'CPU s':>6} {'MB':>6} {'page kB':>8} {'usable s':>9} {'filter ms':>10}")
        for name, words in QUESTIONS.items():
            run = best([*TOOL, "report", "--log", str(logs), "-o", str(page), *words], 2)
            opened(browser, page)
            usable, filtered = browser.execute_script(LOADED) / 1000, browser.execute_script(FILTER)
            size = page.stat().st_size / 1000
            took = f"{run.seconds:8.1f} {run.cpu:6.1f} {run.megabytes:6.0f}"
            print(f"{name:24} {took} {size:8.0f} {usable:9.2f} {filtered:10.0f}", flush=True)
        print("\nPromised: 6 s on two cores without a question, 1000 kB, usable within 2 s.")


if __name__ == "__main__":
    main()
