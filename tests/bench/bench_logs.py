"""Reading a gigabyte of audit log, beside the tools that people would reach for; every figure a ratio in one run.

    python tests/bench/bench_logs.py [--size GB] [--logs DIR] [--duckdb PYTHON]

Needs rg and jq on PATH for the comparisons; `--duckdb` names a Python that has duckdb. Prints a table: what was
measured, how long it took, the peak memory of all its processes together, and the ratio that is promised.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from make_logs import make

NAME = "my-suspicious-pod-0040"
TOOL = [sys.executable, "-m", "kaudit_setup"]
RUNS = 5
# DuckDB's answers, without what damaged lines there are and without the order of time
TYPED = """
  select coalesce(impersonatedUser.username, "user".username) u, verb, {what}
  from read_json('{logs}/*.log', format='newline_delimited', maximum_object_size=20000000, columns={{
    user: 'struct(username varchar)', impersonatedUser: 'struct(username varchar)', verb: 'varchar',
    requestReceivedTimestamp: 'varchar', objectRef: 'struct(resource varchar, subresource varchar, name varchar)'}})
  {rest}
"""
RESOURCE = "objectRef.resource || coalesce('/' || objectRef.subresource, '') r"
NAMED = TYPED.replace("{what}", "requestReceivedTimestamp").replace("{rest}", f"where objectRef.name = '{NAME}'")
COUNTED = TYPED.replace("{what}", f"{RESOURCE}, count(*) n").replace(
    "{rest}", "group by all order by n desc limit 20"
)
# typed columns do not know how long their line was: the quickest way that does
WEIGHED = """
  select coalesce(p[1], p[2]) u, p[3] v, p[4] || coalesce('/' || p[5], '') r, count(*) n, sum(bytes) b
  from (
    select strlen(json) + 1 bytes, json_extract_string(json, ['$.impersonatedUser.username', '$.user.username',
      '$.verb', '$.objectRef.resource', '$.objectRef.subresource']) p
    from read_json_objects('{logs}/*.log', format='newline_delimited', maximum_object_size=20000000))
  group by all order by b desc limit 20
"""


@dataclass
class Run:
    seconds: float
    cpu: float
    megabytes: float
    out: bytes


def family(pid: int) -> list[int]:
    """`pid` and everything below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in family(int(child)))]


def memory(pid: int) -> float:
    """Proportional set size of a process and everything below it, in MB."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{one}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
    return total / 1000


def once(argv: list[str], watch: bool) -> Run:
    with tempfile.TemporaryFile() as out:
        before = os.times()
        start = time.perf_counter()
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL)
        peak = 0.0
        while watch and process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.01)
        process.wait()
        took = time.perf_counter() - start
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        out.seek(0)
        return Run(took, cpu, peak, out.read())


def best(argv: list[str], runs: int = RUNS) -> Run:
    """The quickest of several runs; one more is watched for its memory, which slows it down."""
    quickest = min((once(argv, False) for _ in range(runs)), key=lambda run: run.seconds)
    quickest.megabytes = once(argv, True).megabytes if argv[0] == sys.executable else 0.0
    return quickest


def report(rows: list[tuple[str, Run | None, str, str]]) -> None:
    print(f"{'':44} {'seconds':>8} {'CPU s':>7} {'MB':>5}  {'measured':46} promised")
    for name, run, measured, promised in rows:
        cells = (f"{run.seconds:8.2f}", f"{run.cpu:7.2f}", f"{run.megabytes:5.0f}") if run else ("-", "-", "-")
        print(f"{name:44} {cells[0]:>8} {cells[1]:>7} {cells[2]:>5}  {measured:46} {promised}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--duckdb", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        logs = options.logs or Path(scratch) / "logs"
        if not logs.exists():
            make(logs, int(options.size * 1e9))
        bench(logs, Path(scratch), options.duckdb)


def peer(duckdb: str, logs: Path, question: str) -> Run | None:
    """DuckDB at the same question, on as many threads as there are cores."""
    sql = question.format(logs=logs)
    script = f"import duckdb\nduckdb.sql('set threads={len(os.sched_getaffinity(0))}')\nprint(duckdb.sql({sql!r}))"
    if not duckdb:
        return None
    subprocess.run([duckdb, "-c", script], stdout=subprocess.DEVNULL, check=True)
    return best([duckdb, "-c", script])


def beside(run: Run, *others: Run | None) -> str:
    times = " and ".join(f"{other.seconds / run.seconds:.2f}" for other in others if other)
    return f", {times} x as quick as DuckDB" if times else ""


def bench(logs: Path, scratch: Path, duckdb: str) -> None:
    log = ["--log", str(logs)]
    files = sorted(str(path) for path in logs.glob("*.log"))
    lines = int(subprocess.check_output(["sh", "-c", f"cat {logs}/*.log | wc -l"]))
    size = sum(Path(path).stat().st_size for path in files)
    print(f"{size / 1e9:.2f} GB, {lines} events, {len(os.sched_getaffinity(0))} cores, best of {RUNS}\n")
    rows: list[tuple[str, Run | None, str, str]] = []
    start = best([*TOOL, "--help"])
    rows.append(("--help", start, "", "<= 0.25 s"))
    rg = best(["rg", "-F", NAME, str(logs)]) if shutil.which("rg") else None
    jq = None
    if shutil.which("jq"):
        jq = best(["jq", "-c", f'select(.objectRef.name == "{NAME}" and .verb == "create")', *files[:2]], 1)
        share = sum(Path(path).stat().st_size for path in files[:2]) / size
        jq.seconds, jq.cpu = jq.seconds / share, jq.cpu / share
    named, counted, weighed = (peer(duckdb, logs, question) for question in (NAMED, COUNTED, WEIGHED))
    rows += [("rg -F NAME", rg, "", ""), ("jq select(name, verb), scaled from two files", jq, "", "")]
    rows += [("DuckDB: events of that name", named, "", ""), ("DuckDB: top, counts alone", counted, "", "")]
    rows.append(("DuckDB: top, with bytes", weighed, "", ""))
    for name, args in {
        "who created pod/NAME": ["who", "created", f"pod/{NAME}", "-n", "default"],
        "events --name NAME": ["events", "--name", NAME],
    }.items():
        run = best([*TOOL, *args, *log])
        against = f"{(run.seconds - 0.2) / rg.seconds:.1f} x rg + 0.2 s" if rg else ""
        against += f", jq/{jq.seconds / run.seconds:.0f}" if jq else ""
        rows.append((name, run, against + beside(run, named), "3 x rg + 0.2 s, jq/10, DuckDB"))
    for name, args, promised in (
        ("events --level Request (every line decoded)", ["events", "--level", "Request"], "300k"),
        ("top --by user,verb,resource", ["top", "--by", "user,verb,resource"], "300k"),
        ("top --by name (100k groups and more)", ["top", "--by", "name,path"], ""),
        ("stats", ["stats"], ""),
        ("estimate, 2 policies", ["estimate", "metadata", "writes"], "250k"),
    ):
        run = best([*TOOL, *args, *log])
        rate = f"{lines / run.cpu / 1000:.0f}k events/s a core"
        rate += beside(run, counted, weighed) if "user,verb,resource" in args else ""
        rows.append((name, run, rate, f"{promised} a core" if promised else ""))
    packed = scratch / "packed"
    packed.mkdir()
    for path in files[:4]:
        with (packed / f"{Path(path).name}.gz").open("wb") as out:
            subprocess.run(["gzip", "-c", path], stdout=out, check=True)
    zcat = best(["sh", "-c", f"zcat {packed}/*.gz | grep -F {NAME}"], 3)
    run = best([*TOOL, "events", "--name", NAME, "--log", str(packed)], 3)
    rows.append(("zcat | grep -F NAME, four files", zcat, "", ""))
    rows.append(
        ("events --name NAME, the same files", run, f"{run.seconds / zcat.seconds:.2f} x zcat | grep", "1.3 x")
    )
    # what is not there is looked for again, in other spellings
    one = next(str(path) for path in packed.glob("*.gz") if NAME.encode() in gzip.decompress(path.read_bytes()))
    zcat = best(["sh", "-c", f"zcat {one} | grep -F {NAME}"], 3)
    run = best([*TOOL, "events", "--name", NAME, "--log", one], 3)
    rows.append(("zcat | grep -F NAME, one file", zcat, "", ""))
    rows.append(
        ("events --name NAME, the same file", run, f"{run.seconds / zcat.seconds:.2f} x zcat | grep", "1.3 x")
    )
    report(rows)


if __name__ == "__main__":
    main()
