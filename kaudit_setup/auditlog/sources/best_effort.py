"""An answer from the other machines if one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaudit_setup.auditlog.sources.log_node import Nothing, failure_of
from kaudit_setup.errors import NodeError
from kaudit_setup.runner import Ran, Runner


class BestEffortRunner:
    """A machine whose loss is remembered instead of ending the search on the others."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.failure: NodeError | None = None

    @property
    def plain(self) -> Runner:
        """The machine itself, for what is no part of the search."""
        return self._runner

    @property
    def name(self) -> str:
        """As the machine is called."""
        return self._runner.name

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """As Node.sh, but a machine that failed is not asked again and says nothing."""
        if self.failure is not None:
            return Nothing()
        try:
            done = self._runner.sh(script, args, stdin=stdin, sink=sink, timeout=timeout)
        except NodeError as error:
            self.failure = error
            return Nothing()
        self.failure = failure_of(self.name, done)
        return done if self.failure is None else Nothing()


def is_lost(runner: Runner) -> bool:
    """Whether a machine's answer is missing, or a part of it."""
    return isinstance(runner, BestEffortRunner) and runner.failure is not None


def lose(runner: Runner, error: NodeError) -> bool:
    """Remember that a machine's answer cannot be used, if it is one whose loss does not end the search."""
    if not isinstance(runner, BestEffortRunner):
        return False
    runner.failure = runner.failure or error
    return True


def missing(runners: Sequence[BestEffortRunner]) -> list[str]:
    """One sentence for each machine that was lost; raises its error if there is no other."""
    failures = [runner.failure for runner in runners if runner.failure is not None]
    if failures and len(failures) == len(runners):
        raise failures[0]
    return describe_losses(runners)


def describe_losses(runners: Sequence[BestEffortRunner]) -> list[str]:
    """One sentence for each machine that was lost."""
    lost = [(runner.name, runner.failure) for runner in runners if runner.failure is not None]
    return [f"The log of {name} is missing from this answer: {failure}." for name, failure in lost]
