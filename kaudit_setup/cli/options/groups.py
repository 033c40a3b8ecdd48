"""How a command takes options that many commands share: written once as a frozen Struct, given as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import msgspec

from kaudit_setup.cli.answer import remember_reach
from kaudit_setup.cli.options.reach import Reach


def takes(**groups: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: each named keyword of the command, a frozen Struct, becomes its fields as options.

    `@takes(how=NodeOptions) def status(*, how: NodeOptions)` has `--host`, `--timeout`, … like every other command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in groups]
        shared = {name: _parameters(group) for name, group in groups.items()}
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + [
            p for group in shared.values() for p in group
        ]

        @wraps(command)
        def run(**values: Any) -> None:
            made = {
                name: group(**{p.name: values.pop(p.name) for p in shared[name]}) for name, group in groups.items()
            }
            for group in made.values():
                if isinstance(group, Reach):
                    remember_reach(group.words())
            command(**values, **made)

        # typer reads the signature and the annotations, not the wrapped function
        del run.__dict__["__wrapped__"]
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


@cache
def _parameters(group: Any) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if f.default is msgspec.NODEFAULT else f.default,
            annotation=f.type,
        )
        for f in msgspec.structs.fields(group)
    ]
