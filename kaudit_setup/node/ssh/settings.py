"""What ssh_config(5) says of one host: asked of the ssh program itself, which is the only exact reader.

`ssh -G` follows Include and Match, expands names and knows every default. Where OpenSSH is not installed, paramiko's
parser reads the file (`config_fallback`); it refuses what it would misread.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaudit_setup.errors import InputError
from kaudit_setup.node.ssh.target import SshTarget

_TIMEOUT_S: Final = 20.0  # a Match exec or a name that is looked up may take its time
_LISTS: Final = frozenset({"identityfile", "certificatefile"})
_PATHS: Final = frozenset({"userknownhostsfile", "globalknownhostsfile"})

Words = Mapping[str, Sequence[str]]
"""ssh_config's keywords in lower case, each with its values."""


@dataclass(frozen=True, slots=True)
class SshSettings:
    """The effective settings of one host. Paths are absolute, `none` is an empty string or tuple."""

    hostname: str
    user: str
    port: int
    identity_files: tuple[str, ...]
    certificate_files: tuple[str, ...]
    identities_only: bool
    identity_agent: str
    """The agent's socket; empty: no agent shall be asked."""
    user_known_hosts: tuple[Path, ...]
    global_known_hosts: tuple[Path, ...]
    host_key_alias: str
    proxy_jump: str
    proxy_command: str
    control_path: str

    @property
    def known_as(self) -> str:
        """The name under which the host key is looked up (sshconnect.c:get_hostfile_hostname_ipaddr)."""
        if self.host_key_alias:
            return self.host_key_alias
        return self.hostname if self.port == 22 else f"[{self.hostname}]:{self.port}"


def read_settings(target: SshTarget, file: Path | None) -> SshSettings:
    """The settings for `target`, from `file` or, if None, from where ssh looks. Raises InputError."""
    if file is not None and not file.is_file():
        raise InputError(f"ssh config {file} cannot be read: there is no such file")
    program = shutil.which("ssh")
    if program is None:
        from kaudit_setup.node.ssh.config_fallback import read_words

        return settings_of(target, read_words(target, file))
    return settings_of(target, words_of(_ask_ssh(program, target, file)))


def _ask_ssh(program: str, target: SshTarget, file: Path | None) -> str:
    given = ["-F", str(file)] if file else []
    given += ["-l", target.user] if target.user else []
    given += ["-p", str(target.port)] if target.port else []
    try:
        done = subprocess.run(
            [program, "-G", *given, "--", target.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            # a Ctrl-C is for this program: a half-finished answer would look like a bad entry in ssh_config
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"ssh -G {target.host}: {error}", hint="does ssh itself work?") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it ended without a word"]
        raise InputError(f"ssh config has no usable entry for {target.host}: {said[0]}", details="\n".join(said[1:]))
    return done.stdout.decode("utf-8", "surrogateescape")


def words_of(text: str) -> Words:
    """What `ssh -G` printed: a keyword and its value on each line."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        found.setdefault(word.lower(), []).append(value.strip())
    return found


def settings_of(target: SshTarget, words: Words) -> SshSettings:
    """The settings that `words` give, with what the user or an inventory said of this host before them. Pure but
    for `~` and the agent's environment variable. Raises InputError.
    """

    def one(word: str, default: str = "") -> str:
        values = words.get(word, ())
        return "" if not values or values[0].lower() == "none" else values[0] or default

    port = one("port") or "22"
    if not (port.isdigit() and port.isascii() and len(port) < 6 and 0 < int(port) < 65536):
        raise InputError(f"ssh config: the port of {target.host} is not a port number: {port[:80]}")
    identities = [*([target.identity_file] if target.identity_file else []), *words.get("identityfile", ())]
    own_known_hosts = [target.known_hosts_file] if target.known_hosts_file else None
    # what the inventory says of the way counts as a whole: with its command, ssh_config's ProxyJump does not count
    own_way = target.proxy_jump or target.proxy_command
    return SshSettings(
        hostname=one("hostname") or target.host,
        user=target.user or one("user") or os.environ.get("USER") or os.environ.get("LOGNAME") or "root",
        port=target.port or int(port),
        identity_files=_paths(identities),
        certificate_files=_paths(words.get("certificatefile", ())),
        identities_only=one("identitiesonly").lower() == "yes",
        identity_agent=_agent(words.get("identityagent", ("SSH_AUTH_SOCK",))[0]),
        user_known_hosts=_files(own_known_hosts or _split(words.get("userknownhostsfile", ()))),
        global_known_hosts=_files(_split(words.get("globalknownhostsfile", ()))),
        host_key_alias=one("hostkeyalias"),
        proxy_jump=_none_is_empty((target.proxy_jump or "") if own_way else one("proxyjump")),
        proxy_command=_none_is_empty((target.proxy_command or "") if own_way else one("proxycommand")),
        control_path=one("controlpath"),
    )


def _none_is_empty(text: str) -> str:
    return "" if text.lower() == "none" else text


def _agent(text: str) -> str:
    if text == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if text.startswith("$"):
        return os.environ.get(text[1:].strip("{}"), "")
    return "" if text.lower() == "none" else at_home(text)


def _split(values: Sequence[str]) -> list[str]:
    found: list[str] = []
    for value in values:
        try:
            found += shlex.split(value)
        except ValueError:
            found += value.split()
    return found


def _paths(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(at_home(value) for value in values if value.lower() != "none"))


def _files(values: Sequence[str]) -> tuple[Path, ...]:
    return tuple(map(Path, _paths(values)))


def at_home(path: str) -> str:
    """`path` with a leading ~ resolved; as it is where there is no such user (Path.expanduser raises there)."""
    return os.path.expanduser(path)  # noqa: PTH111
