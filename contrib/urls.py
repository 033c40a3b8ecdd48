"""Where the project lives, in every file that names it: urls.py REPOSITORY-URL DOCUMENTATION-URL.

`[project.urls]` of pyproject.toml is the place that counts: what stands there is replaced in all tracked files.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Home:
    """The repository (`https://github.com/OWNER/NAME`) and the documentation, with a slash at the end."""

    repository: str
    documentation: str

    @property
    def slug(self) -> str:
        """`OWNER/NAME`."""
        return urlsplit(self.repository).path.strip("/")


def stated(pyproject: str) -> Home:
    """What `[project.urls]` says."""
    urls = tomllib.loads(pyproject)["project"]["urls"]
    return Home(urls["Source"], urls["Documentation"])


def moved(text: str, old: Home, new: Home) -> str:
    """The text with the new addresses: whole ones, `OWNER/NAME` by itself, and teams (`@OWNER/…`)."""
    text = text.replace(old.repository, new.repository).replace(old.documentation, new.documentation)
    text = re.sub(rf"(?<![\w./-]){re.escape(old.slug)}(?![\w-])", new.slug, text)
    return text.replace(f"@{old.slug.partition('/')[0]}/", f"@{new.slug.partition('/')[0]}/")


def tracked() -> list[Path]:
    """The text files of the repository, without what tests keep of others."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and not name.startswith("tests/")]
    return [ROOT / name for name in names if not name.endswith((".gz", ".png", ".svg", ".lock"))]


def main() -> None:
    """Rewrite what names the old place, and print each file."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: urls.py REPOSITORY-URL DOCUMENTATION-URL")
    new = Home(sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/") + "/")
    old = stated((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        if (after := moved(text, old, new)) != text:
            path.write_text(after, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
