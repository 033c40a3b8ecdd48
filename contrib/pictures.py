"""The pictures of the documentation, from real runs: `make pictures` makes docs/pictures/ anew.

Terminal pictures: the tool on simulated nodes and on a recorded log, in a pseudo-terminal, its colours kept, as SVG.
Pages: what it writes, in Debian's Chromium. Only names of temporary folders are replaced.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from functools import cached_property
from pathlib import Path
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))
from png import repacked

if TYPE_CHECKING:
    from fleetkit import Fleet
    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/kits"))

FOLDER: Final = ROOT / "docs/pictures"
RECORDED: Final = ROOT / "tests/data/scenarios/workloads-1.20.2.jsonl.gz"
LOG: Final = "cp1/audit.log"
QUESTION: Final = "who deleted pod/again-7dc8f4c8f6-v5ts7 -n web"
COLUMNS: Final = 104
WINDOW: Final = (1180, 900)
SSH: Final = {
    "host": "HostName",
    "user": "User",
    "identityFile": "IdentityFile",
    "knownHostsFile": "UserKnownHostsFile",
}
"""Keys of an inventory, and the words of ssh_config for them."""
# the font of the picture would be asked for on the network
NO_FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@dataclass
class Studio:
    """Where pictures are made: a folder with the recorded log; simulated nodes and a browser once they are needed."""

    folder: Path
    stack: ExitStack

    @cached_property
    def fleet(self) -> Fleet:
        """Three simulated nodes of one cluster."""
        from fleetkit import nodes

        place = self.folder / "nodes"
        place.mkdir()
        return self.stack.enter_context(nodes(place, "cp1 cp2 cp3"))

    @cached_property
    def browser(self) -> Chrome:
        """Chromium."""
        from browserkit import started

        return self.stack.enter_context(started(self.folder / "profile"))

    @cached_property
    def inventory(self) -> str:
        """The inventory that names them and says how they are reached."""
        hosts = []
        for box in self.fleet.boxes:
            said = dict(re.findall(r'(?m)^\s*(\S+) "?([^"\n]+)"?$', box.ssh_config.read_text(encoding="utf-8")))
            known = {key: said[word] for key, word in SSH.items()}
            hosts.append({"name": box.name, **known, "port": int(said["Port"])})
        text = json.dumps({"clusters": {"production": {"hosts": hosts}}})
        (self.folder / "clusters.yaml").write_text(text, encoding="utf-8")
        return "clusters.yaml"

    @cached_property
    def status(self) -> list[str]:
        """A look at the nodes, of which one has another setting than the others."""
        enable = ["enable", "--policy", "metadata", "--yes"]
        self.run(*enable, "--inventory", self.inventory)
        self.run(*enable, "--host", "cp3", "--log-maxage", "7", "--ssh-config", str(self.fleet.config))
        return ["status", "--inventory", self.inventory]

    def run(self, *words: str, typed: Sequence[str] = (), ends: int = 0) -> str:
        """What a command prints on a terminal, with its colours; `typed`: answers to its questions; `ends`: how."""
        code, text = on_terminal([sys.executable, "-m", "kaudit_setup", *words], self.folder, typed)
        if code != ends:
            raise SystemExit(f"kaudit-setup {shlex.join(words)} ended with {code}:\n{text}")
        for box in self.fleet.boxes if "fleet" in self.__dict__ else ():
            text = text.replace(str(box.root), "")
        return text.replace(f"{self.folder}/", "")


def on_terminal(argv: Sequence[str], folder: Path, typed: Sequence[str]) -> tuple[int, str]:
    """Run a program in a pseudo-terminal, as wide as the pictures are; its exit status and what it printed."""
    master, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    environment["PYTHONPATH"] = str(ROOT)
    program = subprocess.Popen(
        argv, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True
    )
    os.close(slave)
    said = b""
    answers = list(typed)
    while piece := read(master):
        said += piece
        if answers and re.search(rb"\[y/N\]:? ?$", said):
            os.write(master, f"{answers.pop(0)}\n".encode())
    os.close(master)
    return program.wait(), said.decode("utf-8", "replace")


def read(master: int) -> bytes:
    """What came; nothing at the end, which Linux reports as an error."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""


def settled(text: str) -> str:
    """What is left on the screen: a line that was moved along, and then taken away, is not."""
    lines, row = [""], 0
    for part in re.split(r"(\r?\n|\r|\x1b\[\d*A|\x1b\[2K)", text):
        if part.endswith("\n"):
            row += 1
            lines += [""] * (row == len(lines))
        elif part.startswith("\x1b[") and part.endswith("A"):
            row = max(row - int(part[2:-1] or 1), 0)
        elif part in {"\r", "\x1b[2K"}:
            lines[row] = ""
        else:
            lines[row] += part
    return "\n".join(lines)


def as_svg(typed: Sequence[str], printed: str) -> bytes:
    """A terminal with a command and what it printed."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(Text(f"$ kaudit-setup {shlex.join(typed)}", style="bold"))
    console.print(Text.from_ansi(settled(printed).strip("\n")))
    picture = NO_FONT.sub("", console.export_svg(title="kaudit-setup", unique_id="terminal"))
    return f"{picture}\n".encode()


# --- terminals


def review(studio: Studio) -> bytes:
    words = ["enable", "--policy", "metadata", "--inventory", studio.inventory, "--diff", "none"]
    return as_svg(words, studio.run(*words, typed=["y"]))


def status(studio: Studio) -> bytes:
    return as_svg(studio.status, studio.run(*studio.status, ends=1))


def who(studio: Studio) -> bytes:
    words = [*shlex.split(QUESTION), "--log", LOG]
    return as_svg(words, studio.run(*words))


# --- pages


def report(studio: Studio) -> bytes:
    return photographed(studio, written(studio), "body", until="#overview")


def timeline(studio: Studio) -> bytes:
    return photographed(studio, written(studio), "#timeline", until="#keys", dark=True)


def control_planes(studio: Studio) -> bytes:
    studio.run(*studio.status, "--html", ends=1)
    return photographed(studio, studio.folder / "status.html", "body", until=".cluster")


def written(studio: Studio) -> Path:
    """The report on the recorded log."""
    studio.run("report", "--log", LOG, "--question", QUESTION, "-o", "report.html")
    return studio.folder / "report.html"


def photographed(studio: Studio, page: Path, of: str, *, until: str, dark: bool = False) -> bytes:
    """A part of a page, from the top of one element to the end of another."""
    browser, (width, height) = studio.browser, WINDOW
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(f"file://{page}")
    top, bottom = browser.execute_script(
        "const box = (one) => document.querySelector(one).getBoundingClientRect();"
        "return [box(arguments[0]).top + scrollY, box(arguments[1]).bottom + scrollY]",
        of,
        until,
    )
    clip = {"x": 0, "y": max(top, 0), "width": width, "height": bottom - max(top, 0) + 4, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    return repacked(base64.b64decode(shot["data"]))


PICTURES: Final[dict[str, Callable[[Studio], bytes]]] = {
    "review.svg": review,
    "status.svg": status,
    "who.svg": who,
    "report.png": report,
    "timeline.png": timeline,
    "control-planes.png": control_planes,
}
"""Every file of docs/pictures/, in the order in which they are made: a review first, of nodes without auditing."""


@contextmanager
def studio() -> Iterator[Studio]:
    """Everything is removed at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kaudit-pictures-")))
        (folder / LOG).parent.mkdir()
        with gzip.open(RECORDED) as packed, (folder / LOG).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        yield Studio(folder, stack)


def main() -> None:
    """Make the pictures that are named, or all."""
    wanted = sys.argv[1:] or list(PICTURES)
    if unknown := [name for name in wanted if name not in PICTURES]:
        raise SystemExit(f"no picture {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    FOLDER.mkdir(exist_ok=True)
    with studio() as place:
        for name in wanted:
            (FOLDER / name).write_bytes(PICTURES[name](place))
            print(f"{FOLDER.relative_to(ROOT) / name}  {(FOLDER / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
