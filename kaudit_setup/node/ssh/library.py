"""paramiko, imported without invoke: that runs tasks, and paramiko needs it for `Match exec` of ssh_config alone.

invoke takes a third of the time of that import. paramiko goes on where it is not installed, so that it is hidden
for that moment; `match_exec` brings it back.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Meanwhile `import name` raises ImportError, unless it was imported before."""
    if name in sys.modules:
        yield
        return
    # None is what the import system takes for a module that is not there (importlib docs, sys.modules)
    sys.modules.update({name: None})  # type: ignore[dict-item]
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden("invoke"):
    import paramiko
    from paramiko import common
    from paramiko.agent import AgentSSH
    from paramiko.config import SSHConfig
    from paramiko.pkey import UnknownKeyType

__all__ = ["AgentSSH", "SSHConfig", "UnknownKeyType", "common", "match_exec", "paramiko"]


def match_exec() -> None:
    """Let paramiko's parser of ssh_config run the commands of `Match exec`, from now on."""
    config = sys.modules[SSHConfig.__module__]
    vars(config).update(invoke=importlib.import_module("invoke"))
