"""The files of `templates/`, in a checkout (beside the package) or in a wheel (inside it)."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def template(*parts: str) -> Path:
    """The path of a file or folder below `templates/`, e.g. `template("policies", "metadata.yaml")`."""
    for root in (_HERE / "templates", _HERE.parent / "templates"):
        if root.is_dir():
            return root.joinpath(*parts)
    raise FileNotFoundError(f"templates/ is missing beside {_HERE}")
