"""The files of `templates/`, in a checkout (beside the package) or in a wheel (inside it); numbers with nouns."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def template(*parts: str) -> Path:
    """The path of a file or folder below `templates/`, e.g. `template("policies", "metadata.yaml")`."""
    for root in (_HERE / "templates", _HERE.parent / "templates"):
        if root.is_dir():
            return root.joinpath(*parts)
    raise FileNotFoundError(f"templates/ is missing beside {_HERE}")


def counted(number: int, noun: str) -> str:
    """`1 gap`, `2 gaps`, `0 policies`: a number with its regular noun, whose last word takes the plural."""
    if number == 1:
        return f"1 {noun}"
    ending = noun[-2:]
    if ending[-1] == "y" and ending[0] not in "aeou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
