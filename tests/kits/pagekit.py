"""What stands in a page."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "input", "link", "meta", "wbr"}


class Parts(HTMLParser):
    """The texts of the page's elements, by tag; every attribute that could load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.loads: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        self.loads += [(tag, value or "") for name, value in attrs if name in {"src", "href"} and value[:1] != "#"]
        self.loads += [(tag, name) for name, _ in attrs if name.startswith("on") or name == "style"]
        self.texts.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
