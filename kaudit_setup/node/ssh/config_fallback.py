"""ssh_config(5) without the ssh program: paramiko's parser, and a refusal of what it would misread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from kaudit_setup.errors import InputError
from kaudit_setup.node.ssh.library import SSHConfig, match_exec, paramiko
from kaudit_setup.node.ssh.target import SshTarget

_NOT_KNOWN: Final = {"include", "knownhostscommand", "canonicalizehostname"}
_DEFAULTS: Final[dict[str, list[str]]] = {
    "identityfile": [f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ed25519")],
    "userknownhostsfile": ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
    "globalknownhostsfile": ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
}


def read_words(target: SshTarget, file: Path | None) -> Mapping[str, Sequence[str]]:
    """The keywords of ssh_config for `target`. Raises InputError, also for what only ssh itself can read."""
    config = _parsed(file or Path("~/.ssh/config").expanduser(), needed=file is not None)
    match_exec()
    try:
        found = config.lookup(target.host)
    except (paramiko.SSHException, ValueError, KeyError) as error:
        raise InputError(f"ssh config has no usable entry for {target.host}: {error}") from error
    words = {word: _values(value) for word, value in found.items()}
    # the tokens of a ProxyCommand are expanded already
    commands = [command.replace("%", "%%") for command in words.get("proxycommand", ["none"])]
    return {**_DEFAULTS, **words, "proxycommand": commands}


def _values(value: object) -> list[str]:
    """A keyword's values; paramiko turns `none` into None, which the settings read again."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _parsed(path: Path, *, needed: bool) -> SSHConfig:
    if not needed and not path.exists():
        return SSHConfig()
    try:
        text = path.read_text()
        _refuse_unknown(path, text)
        return SSHConfig.from_text(text)
    except (OSError, paramiko.SSHException, ValueError, LookupError) as error:
        raise InputError(f"ssh config {path} cannot be read: {error}") from error


def _refuse_unknown(path: Path, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        word = [part.lower() for part in line.replace("=", " ").split()[:2]]
        if (word[:1] and word[0] in _NOT_KNOWN) or word == ["match", "final"]:
            raise InputError(
                f"ssh config {path} line {number}: {line.strip()} cannot be read without the ssh program",
                hint="install openssh-client; with it, ssh_config is read exactly as ssh reads it",
            )
