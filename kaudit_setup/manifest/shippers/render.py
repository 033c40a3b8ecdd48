"""The audit log of a node in the words of a log shipper: which files, how rotation is followed, where it remembers.

The texts are in `templates/shippers/`, where people may change them; their places hold quoted strings, which all
of these formats write as JSON does. To add a shipper, add a row to SHIPPERS and its text.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from string import Template

from kaudit_setup.errors import InputError

DEFAULT_LOG = "/var/log/kubernetes/audit/audit.log"
_STDOUT = "/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log"
"""Where kubelet keeps what kube-apiserver writes to standard output (pkg/kubelet/kuberuntime/helpers.go)."""
_GLOB = frozenset("*?[]{}\\,")
"""What shippers would not read as part of a path."""


@dataclass(frozen=True, slots=True)
class Shipper:
    """A log shipper: what it does, the file its text usually lives in, and how a string is written there."""

    about: str
    file: str
    quote: Callable[[str], str]


def render(name: str, log: str, template: str) -> str:
    """The configuration of shipper `name` for the log at `log` (`-`: standard output), made of `template`.

    Raises InputError if there is no log, or if its path cannot be said there.
    """
    if not log:
        raise InputError("there is no log to ship", hint="name it with --log-path")
    if log != "-" and (_GLOB & set(log) or not log.startswith("/") or not log.isprintable()):
        raise InputError(
            f"--log-path {log}: a log shipper cannot be told this path", hint="use a plain absolute path"
        )
    quote = SHIPPERS[name].quote
    kept = "\n".join(line for line in map(_chosen(log), template.splitlines()) if line is not None)
    file, rotated = _STDOUT if log == "-" else log, _rotated(log)
    return Template(f"{kept}\n").substitute(
        log=quote(file), rotated=quote(rotated), both=quote(f"{file},{rotated}"), packed=quote(f"{rotated}.gz")
    )


def _rotated(log: str) -> str:
    """The files that kube-apiserver's rotation leaves beside it (lumberjack: audit-2026-11-23T16-20-54.099.log)."""
    if log == "-":
        return _STDOUT
    stem, ending = posixpath.splitext(log)
    return f"{stem}-*{ending}"


def _chosen(log: str) -> Callable[[str], str | None]:
    """Lines that begin with `@file ` stand only where the log is a file, `@stdout ` where it is standard output."""
    mine, other = ("@stdout ", "@file ") if log == "-" else ("@file ", "@stdout ")

    def choose(line: str) -> str | None:
        return None if line.startswith(other) else line.removeprefix(mine)

    return choose


def _json(text: str) -> str:
    return json.dumps(text)


def _vector(text: str) -> str:
    """Vector fills in variables wherever a `$` stands (https://vector.dev/docs/reference/environment_variables)."""
    return json.dumps(text).replace("$", "$$")


SHIPPERS: dict[str, Shipper] = {
    "vector": Shipper("Vector: files, to S3", "vector.yaml", _vector),
    "fluent-bit": Shipper("Fluent Bit 3 and later: files, to S3", "fluent-bit.yaml", _json),
    "alloy": Shipper("Grafana Alloy: files, to Loki", "config.alloy", _json),
}
