"""A server that kubelet held back: the result says so, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kaudit_setup.change.prepare import look
from kaudit_setup.change.run.proof import prove_unchanged
from kaudit_setup.change.run.terms import Terms
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.port import Node
from kaudit_setup.runner import Ran
from kaudit_setup.sandbox import tree


class Held:
    """A node on which kubelet held the server back; the answer comes as verify.sh gives it."""

    name = "cp1"

    def __init__(self, seconds: bytes) -> None:
        self.seconds = seconds

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        assert sink is not None
        words = [b"server", b"7:7", b"held", self.seconds, b"proved", b"9"]
        for key, value in zip(words[::2], words[1::2], strict=True):
            sink(b"%s %d\n%s\n" % (key, len(value), value))
        return Ran(0, b"", b"")

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("seconds", "note"),
    [(b"252", "kubelet held the server back for 252 s, because it was started several times before"), (b"x", "")],
)
def test_the_result_says_how_long_kubelet_held_the_server_back(tmp_path: Path, seconds: bytes, note: str) -> None:
    tree.plant(tmp_path, node="cp", version="1.36.2", port=6443)
    state = look(LocalNode(tmp_path))
    node: Node = Held(seconds)
    assert prove_unchanged(node, state, Terms(), lambda _what: None).note == note
