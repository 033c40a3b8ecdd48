"""Inputs that nobody wrote, for every parser: real ones, altered again and again by a random number generator.

A target takes bytes and returns nothing. It may raise what its parser promises (a KauditError); anything else is a
failure, as is more processor time or memory than an input may take. The input is then written to a folder, with the
command that repeats it: `make fuzz`, or `python tests/fuzz/fuzzer.py TARGET --seed N`.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaudit_setup.errors import KauditError

CPU_S = 10.0  # of one input; a busy machine does not count
MEMORY_BYTES = 1 << 30  # above what the process has already
LONGEST = 1 << 16  # bytes of one input
FAILURES = Path(".fuzz")

Mutate = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Target:
    """One parser. `words`: what its language knows, to be put anywhere. `mutate`: how an input is altered."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    mutate: Mutate | None = None


@dataclass(frozen=True)
class Failure:
    """An input that raised what it must not, and where."""

    target: str
    data: bytes
    error: BaseException

    @property
    def place(self) -> str:
        """The same defect, whichever input met it: kind of error, and the last lines of the project on its way."""
        frames = traceback.extract_tb(self.error.__traceback__)
        own = [f"{Path(f.filename).name}:{f.name}" for f in frames if "kaudit_setup" in f.filename]
        return f"{type(self.error).__name__} in {own[-1] if own else 'a library'}"


class TooSlowError(BaseException):
    """One input took more processor time than any may."""


NUMBERS = (b"0", b"-1", b"1", b"13", b"99", b"9999", b"2147483648", b"-9223372036854775809", b"18446744073709551616")
NUMBERS += (b"9" * 5000, b"1" + b"0" * 400, b"1e400", b"-0.0", b"0x" + b"f" * 5000, b"0777", b"1_000", b"NaN")
ODD = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "\u202e".encode(),
    "\u0663".encode(),
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\r",
)
ODD += (
    b"\t",
    b"\n",
    b"%",
    b"%zz",
    b"\\1",
    b"'",
    b'"',
    b"null",
    b"[]",
    b"{}",
    b"true",
    b"~",
    b"<<",
    b"*a",
    b"&a ",
    b"!!int ",
)
DEEP = (b"[", b"{", b'{"a":', b"- ", b"[{", b"(")
_TOKEN = re.compile(rb"[A-Za-z0-9_.+/-]+|\s+|.", re.DOTALL)
_NUMBER = re.compile(rb"\d+")


def mutated(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """`data`, altered in one to four places."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        data = rng.choice(_WAYS)(rng, data, words)[:LONGEST]
    return data


def _bytes(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(0, 3)) + data[at + rng.randint(0, 3) :]


def _cut(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:b]


def _repeat(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.choice((1, 4, 40, 400))]
    return data[:at] + part * rng.choice((2, 3, 50)) + data[at:]


def _token(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Another word, or something odd, in place of a word."""
    tokens = list(_TOKEN.finditer(data))
    if not tokens:
        return rng.choice(ODD)
    there = rng.choice(tokens)
    new = rng.choice(
        (rng.choice(ODD), rng.choice(words) if words else b"", rng.choice(tokens)[0], rng.choice(NUMBERS))
    )
    keep = there[0] if rng.random() < 0.3 else b""
    return data[: there.start()] + keep + new + data[there.end() :]


def _number(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    numbers = list(_NUMBER.finditer(data))
    if not numbers:
        return data + rng.choice(NUMBERS)
    there = rng.choice(numbers)
    return data[: there.start()] + rng.choice(NUMBERS) + data[there.end() :]


def _lines(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    """A line twice, gone, elsewhere, or further in."""
    lines = data.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    line = lines[at]
    if rng.random() < 0.5:
        del lines[at]
    lines.insert(to, rng.choice((line, b" " * rng.randint(1, 4) + line, line.lstrip())))
    return b"\n".join(lines)


def _deep(rng: random.Random, data: bytes, _words: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(DEEP) * rng.choice((10, 10, 10, 100, 1000)) + data[at:]


_WAYS: tuple[Mutate, ...] = (_bytes, _cut, _repeat, _token, _token, _token, _number, _lines, _deep)


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """Without an end, always the same for a seed: what becomes of the target's own inputs."""
    rng = random.Random(f"{target.name} {seed}")
    mutate = target.mutate or mutated
    pool = list(target.seeds)
    while True:
        data = mutate(rng, rng.choice(pool), target.words)
        if rng.random() < 0.02:
            # some are altered further
            pool[len(target.seeds) :] = [*pool[len(target.seeds) :], data][-50:]
        yield data


@contextmanager
def limited() -> Iterator[None]:
    """Within, the process may not take much more memory than it has, and not more time than an input may."""

    def late(_number: int, _frame: object) -> None:
        raise TooSlowError(f"more than {CPU_S:.0f} s of processor time")

    before = signal.signal(signal.SIGPROF, late)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(target: Target, data: bytes) -> Failure | None:
    """What the target must not have raised for this input; within `limited`."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        target.run(data)
    except KauditError:
        pass
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Failure(target.name, data, error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def fuzz(target: Target, *, seed: int, seconds: float, most: int = sys.maxsize) -> tuple[int, list[Failure]]:
    """How many inputs were tried in that time, and the first failure at each place."""
    end, count, found = time.monotonic() + seconds, 0, dict[str, Failure]()
    with limited():
        for data in inputs(target, seed):
            count += 1
            failure = attempt(target, data)
            if failure:
                found.setdefault(failure.place, failure)
            if count >= most or time.monotonic() >= end:
                return count, list(found.values())
    raise AssertionError("inputs have no end")


def keep(failure: Failure, folder: Path = FAILURES) -> str:
    """Writes the input down; what to read and to type."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{failure.target}-{hashlib.sha256(failure.data).hexdigest()[:12]}"
    file.write_bytes(failure.data)
    told = "".join(traceback.format_exception(failure.error)[-6:])
    again = f".venv/bin/python tests/fuzz/fuzzer.py {failure.target} --input {file}"
    return f"{failure.place}\n{told}  repeat it: {again}"


def main() -> int:
    """Every target, or those that are named."""
    from targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="all of them if none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each target [60]")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers [the time of day]")
    parser.add_argument("--input", type=Path, help="run the target on this file only")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else int(time.time())
    failed = 0
    for name in given.target or TARGETS:
        began = time.monotonic()
        if given.input:
            with limited():
                failure = attempt(TARGETS[name], given.input.read_bytes())
            count, found = 1, [failure] if failure else []
        else:
            count, found = fuzz(TARGETS[name], seed=seed, seconds=given.seconds)
        took = time.monotonic() - began
        print(f"{name:18} seed {seed}: {count} inputs in {took:.0f} s, {len(found)} failures", flush=True)
        for each in found:
            print(keep(each), flush=True)
        failed += len(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
