"""What the package says of itself: README with whole addresses, as PyPI has neither its pages nor its picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def absolute(text: str, source: str) -> str:
    """The text with links to files of the repository as addresses below `source`; pictures as they are served."""
    text = re.sub(r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)", rf"![\1]({source}/raw/main/\2)", text)
    return re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:)([^)]+)\)", rf"[\1]({source}/blob/main/\2)", text)


class ReadmeHook(MetadataHookInterface):
    """Found by hatchling: the one subclass in the file that pyproject.toml names."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme, which pyproject.toml declares as dynamic."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, metadata["urls"]["Source"]),
        }
