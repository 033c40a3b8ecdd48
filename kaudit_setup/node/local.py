"""The local machine, or a folder that holds a machine's files, as a node."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from kaudit_setup.node.port import IDLE_S
from kaudit_setup.node.process import Processes
from kaudit_setup.node.shell import Become, Exchange, no_greeting
from kaudit_setup.runner import Ran


class LocalNode:
    """Runs scripts with `sh` on this machine; with `root` they see that folder as `/`."""

    def __init__(self, root: Path | None = None, *, become: Become | None = None, idle_s: float = IDLE_S) -> None:
        """`root` is a folder that exists; scripts then run as the user who asks, and nothing is proved.

        `idle_s`: see SshOptions.
        """
        self._root = root.resolve() if root else None
        self._become = become or Become(needed=root is None and os.geteuid() != 0)
        self._called = str(self._root) if self._root else "this machine"
        self._processes = Processes(self._called, idle_s)

    @property
    def name(self) -> str:
        """How people call it: `this machine`, or the folder."""
        return self._called

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """See `Node.sh`. The script's process group is ended when the time is up, or at `close`."""
        exchange = Exchange(script, args, stdin, self._become, sink)
        env = {**os.environ, "KAUDIT_ROOT": str(self._root or "")}
        code = self._processes.run(exchange, exchange.argv, env=env, timeout=timeout)
        if not exchange.greeted:
            raise no_greeting(self.name, code, exchange, self._become)
        return Ran(code, exchange.out, exchange.err)

    def close(self) -> None:
        """End the scripts that run now, in whatever thread; there is no connection to drop."""
        self._processes.close()
