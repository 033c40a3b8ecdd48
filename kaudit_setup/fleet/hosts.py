"""What an inventory says, whatever its format: hosts, the words that name them, and what is wrong, by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.secrets import hide_secrets
from kaudit_setup.values import replace

# The groups in which people keep their control planes: Kubespray today, Kubespray before 2.18, kubeadm playbooks.
CONTROL_PLANE_GROUPS = (
    "kube_control_plane",
    "kube-master",
    "kube_master",
    "masters",
    "master",
    "control_plane",
    "controlplane",
)
MAX_HOSTS = 10_000


@dataclass(frozen=True, slots=True)
class AuditClaim:
    """The audit settings that an inventory gives a cluster: a preset or file, and flags without dashes.

    `log_group`: the group that shall read the log, None where it says nothing of one.
    """

    policy: str = ""
    flags: tuple[tuple[str, str], ...] = ()
    log_group: str | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One control-plane node as an inventory names it; empty fields leave the choice to ssh_config.

    `name` is what people call it, `address` what is connected to. `cluster` is the cluster that the inventory claims
    it belongs to, empty where it claims nothing; `audit` are the settings that it gives that cluster. `where` is
    `FILE:LINE`, `given` how it was named where that was not in an inventory. `local` means this machine, without SSH.
    """

    name: str
    address: str
    user: str = ""
    port: int | None = None
    identity_file: str = ""
    proxy_jump: str = ""
    proxy_command: str = ""
    known_hosts_file: str = ""
    cluster: str = ""
    local: bool = False
    where: str = ""
    audit: AuditClaim | None = None
    given: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The hosts of an inventory in its order, and what a person should know about how it was read."""

    hosts: tuple[Host, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies beside an inventory, or in it where it is a folder: relative path → content, `/` between the parts.

    `base`: the folder's name for messages.
    """

    base: str
    files: Mapping[str, bytes]

    def name(self, path: str) -> str:
        """How people call a file of it."""
        return str(PurePath(self.base, path))


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, 1-based; 0 for the whole file."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        """`FILE:LINE`, as editors and terminals jump to it."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with an inventory, so that all of it is said at once. `file`: where lines are now."""

    file: str
    found: list[tuple[Place, str]] = field(default_factory=list)

    def at(self, line: int) -> Place:
        """That line of the file that is read now."""
        return Place(self.file, line)

    def within(self, file: str) -> Problems:
        """The same collection, for another file."""
        return Problems(file, self.found)

    def add(self, at: int | Place, message: str) -> None:
        """Remember that this line has this problem."""
        place = self.at(at) if isinstance(at, int) else at
        message = hide_secrets(message)
        if (place, message) not in self.found:
            self.found.append((place, message))

    def add_error(self, error: InputError) -> None:
        """Remember what a reader of the file has said, `FILE:LINE: ` before it."""
        line = re.match(rf"{re.escape(self.file)}:(\d+): ", error.message)
        message = error.message[line.end() :] if line else error.message.removeprefix(f"{self.file}: ")
        self.add(int(line[1]) if line else 0, message)

    def where(self, line: int) -> str:
        """`FILE:LINE`."""
        return str(self.at(line))

    def finish(self) -> None:
        """Raise InputError with every problem, if there is one."""
        if not self.found:
            return
        files = list(dict.fromkeys(place.file for place, _ in self.found))
        ordered = sorted(self.found, key=lambda each: (files.index(each[0].file), each[0].line, each[1]))
        said = [f"{place}: {message}" for place, message in ordered]
        if len(said) == 1:
            raise InputError(said[0], hint="fix that line of the inventory; nothing was changed")
        raise InputError(
            f"{self.file}: {len(said)} errors in the inventory",
            hint="fix these lines; nothing was changed",
            details="\n".join(said),
        )


def as_text(content: bytes, problems: Problems) -> str | None:
    """UTF-8 text, or None and a problem."""
    if content.startswith(b"#!"):
        problems.add(1, "this is a program: install ansible-core, which runs it")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.add(0, "it is not UTF-8 text")
        return None


_RANGE = re.compile(r"\[([0-9]+|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")


def expand(pattern: str) -> list[str]:
    """`cp[01:03]` → cp01, cp02, cp03; `[a:c]` and a step `[1:9:2]` work, several ranges multiply; ends included.

    Raises ValueError with the reason.
    Source: ansible lib/ansible/plugins/inventory/__init__.py (expand_hostname_range).
    """
    found = _RANGE.search(pattern)
    if found is None:
        if "[" in pattern or "]" in pattern:
            raise ValueError(f"bad range in {pattern!r}; ranges are written [01:50] or [a:f]")
        return [pattern]
    head, tail = pattern[: found.start()], pattern[found.end() :]
    middles = _steps(found[1], found[2], found[3], pattern)
    tails = expand(tail)
    if len(middles) * len(tails) > MAX_HOSTS:
        raise ValueError(f"{pattern!r} names more than {MAX_HOSTS} hosts")
    return [head + middle + end for middle in middles for end in tails]


def _steps(first: str, last: str, step_text: str | None, pattern: str) -> list[str]:
    step = int(step_text or "1")
    if step == 0:
        raise ValueError(f"the step of the range in {pattern!r} is 0")
    if first.isdigit() != last.isdigit():
        raise ValueError(f"the range in {pattern!r} mixes letters and numbers")
    if not first.isdigit():
        return [chr(n) for n in _numbers(ord(first), ord(last), step, pattern)]
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"the range in {pattern!r} must have ends of equal length, as [01:50]")
    return [str(n).zfill(width) for n in _numbers(int(first), int(last), step, pattern)]


def _numbers(low: int, high: int, step: int, pattern: str) -> range:
    if low > high:
        raise ValueError(f"the range in {pattern!r} runs backwards")
    if (high - low) // step >= MAX_HOSTS:
        raise ValueError(f"{pattern!r} names more than {MAX_HOSTS} hosts")
    return range(low, high + 1, step)


_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(%[\w.-]+)?")


def split_address(text: str) -> tuple[str, str, int | None]:
    """`[USER@]HOST[:PORT]` → user, host, port; IPv6 addresses bare or as `[::1]:22`. Raises ValueError."""
    user, at, rest = text.rpartition("@")
    if at and not user:
        raise ValueError(f"{text!r} has an empty user before the @")
    if rest.startswith("["):
        host, closed, tail = rest[1:].partition("]")
        if not closed or (tail and not tail.startswith(":")):
            raise ValueError(f"{text!r} is not [ADDRESS]:PORT")
        return user, _host(host, text), port_number(tail[1:]) if tail else None
    if rest.count(":") > 1 and _IPV6.fullmatch(rest):
        return user, rest, None
    host, colon, port = rest.partition(":")
    return user, _host(host, text), port_number(port) if colon else None


def _host(host: str, text: str) -> str:
    # a leading dash would be an option to whatever program gets the name; spaces and slashes are no host either
    if not host or host.startswith("-") or re.search(r"[\s/\\'\"`$;|&<>(){}*?!#,]|[\x00-\x1f\x7f]", host):
        raise ValueError(f"{text!r} is not a host name")
    return host


def port_number(text: str) -> int:
    """A TCP port from text. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:6]) < 65536:
        raise ValueError(f"{text!r} is not a port; it must be a number from 1 to 65535")
    return int(text)


def with_text(host: Host, field_name: str, value: str) -> Host:
    """`host` with one of its text fields set."""
    changes: dict[str, Any] = {field_name: value}
    return replace(host, **changes)


def unique(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """`hosts` without those that would be connected to in exactly the same way as an earlier one."""
    seen: dict[tuple[object, ...], Host] = {}
    for host in hosts:
        key = (host.address, host.port, host.user, host.proxy_jump, host.proxy_command, host.local)
        seen.setdefault(key, host)
    return tuple(seen.values())


def with_own_names(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """`hosts` with a name of its own for each: those that share one are called by how they are reached, too."""
    found = list(hosts)
    for tell in (_with_port, _with_way, _with_jump):
        names = [host.name for host in found]
        found = [replace(h, name=tell(h)) if names.count(h.name) > 1 else h for h in found]
    return tuple(found)


def _with_port(host: Host) -> str:
    same = host.name == host.address
    return f"{host.name}:{host.port}" if same and host.port and ":" not in host.name else host.name


def _with_way(host: Host) -> str:
    way = f"{host.user}@{host.address}" if host.user else host.address
    way = f"{way} port {host.port}" if host.port else way
    return host.name if way == host.name else f"{host.name} ({way})"


def _with_jump(host: Host) -> str:
    way = host.proxy_jump or host.proxy_command
    return f"{host.name} via {way}" if way else host.name
