"""What Tab offers as values. Everything is read here and bounded, and what cannot be read offers nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import typer

from kaudit_setup.errors import KauditError

_MOST_BYTES: Final = 1 << 18
_MOST: Final = 200
_HOST_LINE: Final = r"(?im)^[ \t]*host[ \t=]+([^\n#]+)"
_OBJECT: Final = r'"objectRef": ?\{"resource": ?"([\w.-]+)",(?: ?"namespace": ?"([\w.-]*)",)? ?"name": ?"([\w.:-]+)"'
"""Resource, namespace and name, in the order in which kube-apiserver writes them."""
_BACKUPS: Final = "var/lib/kaudit-setup/backups"
_LOG: Final = "/var/log/kubernetes/audit/audit.log"
DIMENSIONS: Final = [
    "user",
    "impersonator",
    "verb",
    "resource",
    "group",
    "namespace",
    "name",
    "code",
    "level",
    "stage",
    "ip",
    "agent",
    "decision",
    "path",
    "node",
]
"""As `top --by` takes them; a test compares them with what it takes."""


def policies(incomplete: str) -> list[str]:
    """Presets, and YAML files below what is typed."""
    from kaudit_setup.policy import presets

    return [*_begin(presets.names(), incomplete), *_files(incomplete, (".yaml", ".yml"))]


def formats(incomplete: str) -> list[str]:
    """What `render` can print."""
    from kaudit_setup.manifest.render import FORMATS

    return _begin(["kubeadm", *FORMATS], incomplete)


def kinds_of_answers(incomplete: str) -> list[str]:
    """The kinds that `schema` knows."""
    from kaudit_setup.report.documents.kinds import KINDS

    return _begin(KINDS, incomplete)


def dimensions(incomplete: str) -> list[str]:
    """The last of several that are separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    used = before.split(",")
    return [f"{before}{comma}{name}" for name in _begin(DIMENSIONS, last) if name not in used]


def hosts(context: typer.Context, incomplete: str) -> list[str]:
    """The names in ssh_config, without patterns, and the hosts of --inventory; a user before `@` stays."""
    user, at, name = incomplete.rpartition("@")
    path = context.params.get("ssh_config") or Path.home() / ".ssh" / "config"
    words = [word for line in re.findall(_HOST_LINE, _text(Path(path))) for word in line.split()]
    plain = [word for word in words if not set("*?!") & set(word)]
    return [f"{user}{at}{word}" for word in _begin([*_in_inventory(context), *plain], name)]


def backups(context: typer.Context, incomplete: str) -> list[str]:
    """Those of this machine, or of --root; those of other nodes would have to be asked for."""
    folder = Path(context.params.get("root") or "/") / _BACKUPS
    try:
        return _begin(["first", *sorted(path.name for path in folder.iterdir())], incomplete)
    except OSError:
        return _begin(["first"], incomplete)


def namespaces(context: typer.Context, incomplete: str) -> list[str]:
    """Those in the log at hand."""
    return _begin(_in_log(context, "namespace"), incomplete)


def users(context: typer.Context, incomplete: str) -> list[str]:
    """Those in the log at hand."""
    return _begin(_in_log(context, "username"), incomplete)


def objects(context: typer.Context, incomplete: str) -> list[str]:
    """Those in the log at hand, as `pods/web-0`; of --namespace, where that was typed before."""
    wanted = context.params.get("namespace")
    found = (
        f"{resource}/{name}"
        for text in _logs(context)
        for resource, namespace, name in re.findall(_OBJECT, text)
        if not wanted or namespace == wanted
    )
    return _begin(found, incomplete)


def _in_inventory(context: typer.Context) -> list[str]:
    """The addresses of its hosts; no program is asked, and a file with errors offers nothing."""
    path = context.params.get("inventory")
    text = _text(Path(path)) if path else ""
    if not text:
        return []
    from kaudit_setup.fleet.inventory import read

    with suppress(KauditError):
        return [host.address for host in read(text, str(path)).hosts]
    return []


def _in_log(context: typer.Context, key: str) -> Iterator[str]:
    for text in _logs(context):
        yield from re.findall(rf'"{key}": ?"([\w.:@-]+)"', text)


def _logs(context: typer.Context) -> Iterator[str]:
    """The ends of the logs at hand."""
    paths = context.params.get("log") or [_LOG]
    return (_text(Path(path), end=True) for path in paths[:3])


def _text(path: Path, *, end: bool = False) -> str:
    """The beginning of a file, or its end; nothing of what is compressed or cannot be read."""
    try:
        with path.open("rb") as file:
            if end:
                size = file.seek(0, 2)
                file.seek(max(size - _MOST_BYTES, 0))
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    folder, slash, name = incomplete.rpartition("/")
    try:
        found = sorted(Path(folder + slash or ".").iterdir())[:_MOST]
        return [
            f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"
            for path in found
            if path.name.startswith(name) and (path.suffix in endings or path.is_dir())
        ]
    except OSError:
        return []


def _begin(words: Iterable[str], incomplete: str) -> list[str]:
    """Each word once that begins so."""
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)][:_MOST]
