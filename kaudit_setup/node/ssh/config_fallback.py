"""ssh_config(5) without the ssh program: paramiko's parser, and a refusal of what it would misread."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import paramiko
from paramiko.config import SSHConfig

from kaudit_setup.errors import InputError
from kaudit_setup.node.ssh.settings import Words
from kaudit_setup.node.ssh.target import SshTarget

_NOT_KNOWN: Final = {"include", "knownhostscommand", "canonicalizehostname"}
_DEFAULTS: Final[dict[str, list[str]]] = {
    "identityfile": [f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ed25519")],
    "userknownhostsfile": ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"],
    "globalknownhostsfile": ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
}


def read_words(target: SshTarget, file: Path | None) -> Words:
    """The keywords of ssh_config for `target`. Raises InputError, also for what only ssh itself can read."""
    path = file or Path("~/.ssh/config").expanduser()
    config = SSHConfig()
    if file or path.exists():
        try:
            _refuse_unknown(path)
            config = SSHConfig.from_path(str(path))
        except (OSError, paramiko.ConfigParseError, UnicodeDecodeError) as error:
            raise InputError(f"ssh config {path} cannot be read: {error}") from error
    try:
        found = config.lookup(target.host)
    except (paramiko.SSHException, ValueError, KeyError) as error:
        raise InputError(f"ssh config has no usable entry for {target.host}: {error}") from error
    # paramiko turns `none` into None, whatever its types say; settings read `none` again
    words = {word: [value] if type(value) is str else list(value or ["none"]) for word, value in found.items()}
    if "proxycommand" in words:
        # its tokens are expanded already
        words["proxycommand"] = [words["proxycommand"][0].replace("%", "%%")]
    return {**_DEFAULTS, **words}


def _refuse_unknown(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        word = line.replace("=", " ").split()[:2]
        if word and (word[0].lower() in _NOT_KNOWN or [w.lower() for w in word] == ["match", "final"]):
            raise InputError(
                f"ssh config {path} line {number}: {' '.join(word)} cannot be read without the ssh program",
                hint="install openssh-client; with it, ssh_config is read exactly as ssh reads it",
            )
