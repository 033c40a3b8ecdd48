"""One list or one map of a document is changed; every other byte of the text stays.

Each function takes a parsed document and gives the new text. What is added is written as its neighbours are:
their indentation, their quoting, their line ends. What was added and is removed again leaves the text as it was.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise

from kaudit_setup.manifest.nodes import LINE_END, Document, Kind, Node, end_of_line, start_of_line
from kaudit_setup.manifest.scalars import Style, Value, json_text, yaml_block, yaml_flow, yaml_item, yaml_scalar

Added = tuple[int, Value]
Splice = tuple[int, int, str]
"""From where to where the text is replaced, and by what."""
_DASH = re.compile(r"^ *-(?=\s|\Z)", re.MULTILINE)


def change_list(
    document: Document,
    owner: Node,
    key: str,
    *,
    removed: Collection[int] = (),
    added: Sequence[Added] = (),
    replaced: Mapping[int, str] | None = None,
) -> str:
    """The text with the list at `owner[key]` changed.

    `removed`: indices of items that go. `added`: (index of the item before which it goes, value), in order.
    `replaced`: new text of scalar items. A list that is absent is made; a list that loses its last item goes
    with its key, unless it was an empty `[]` before this function added something to it.
    """
    if not (removed or added or replaced):
        return document.text
    node = owner.get(key)
    if node is None or _is_empty(node):
        return _fill(document, owner, key, [value for _, value in added])
    if len(set(removed)) == len(node.items) and not added:
        return _empty(document, owner, key)
    splices = _replacements(document, [(node.items[i], text) for i, text in (replaced or {}).items()])
    if node.flow:
        splices += _flow_splices(document, node, [(i.start, i.end) for i in node.items], removed, added)
    else:
        splices += _block_list_splices(document, owner, key, node, removed, added)
    return _apply(document.text, splices)


def change_map(
    document: Document,
    owner: Node,
    *,
    removed: Collection[str] = (),
    added: Mapping[str, Value] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> str:
    """The text with entries of the map `owner` changed; new keys go where the order of the others puts them."""
    new_text = replaced or {}
    splices = _replacements(document, [(n, new_text[k.text]) for k, n in owner.entries if k.text in new_text])
    gone = [i for i, (key, _) in enumerate(owner.entries) if key.text in removed]
    entries = [(_place(owner, key), {key: value}) for key, value in sorted((added or {}).items())]
    if owner.flow:
        splices += _flow_splices(document, owner, _entry_spans(owner), gone, entries)
    else:
        splices += _block_map_splices(document, owner, gone, entries)
    return _apply(document.text, splices)


def _replacements(document: Document, pairs: Iterable[tuple[Node, str]]) -> list[Splice]:
    """Scalars with other text, in the style that they have."""
    return [(node.start, node.end, _scalar_like(document, node, text)) for node, text in pairs]


def _entry_spans(owner: Node) -> list[tuple[int, int]]:
    return [(key.start, value.end) for key, value in owner.entries]


def change_map_in(
    document: Document,
    owner: Node,
    key: str,
    *,
    removed: Collection[str] = (),
    added: Mapping[str, Value] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> str:
    """As change_map for the map at `owner[key]`, which is made and goes as a list does in change_list."""
    node = owner.get(key)
    removed = [k.text for k, _ in node.entries if k.text in removed] if node else []
    if not (removed or added or replaced):
        return document.text
    if node is None or _is_empty(node):
        return _fill(document, owner, key, added or {})
    if len(removed) == len(node.entries) and not added:
        return _empty(document, owner, key)
    return change_map(document, node, removed=removed, added=added, replaced=replaced)


def _apply(text: str, splices: Sequence[Splice]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, new in sorted(splices, key=lambda s: (s[0], s[1])):
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


# -- lines ------------------------------------------------------------------------------------------------------


def _block_map_splices(
    document: Document, owner: Node, removed: Sequence[int], added: Sequence[tuple[int, Mapping[str, Value]]]
) -> list[Splice]:
    text = document.text
    spans = _entry_spans(owner)
    splices: list[Splice] = [(*_lines(text, *spans[i]), "") for i in removed]
    indent = _column(text, spans[0][0])
    quote = _quote(owner)
    for at, value in added:
        splices.append(_line_splice(document, owner, at, yaml_block(value, indent, _style(document), quote)))
    return splices


def _block_list_splices(
    document: Document, owner: Node, key: str, node: Node, removed: Collection[int], added: Sequence[Added]
) -> list[Splice]:
    text = document.text
    before = [_head(owner, key).end, *(item.end for item in node.items)]
    dashes = [_dash(text, before[i], item) for i, item in enumerate(node.items)]
    splices = [(*_lines(text, dashes[i], node.items[i].end), "") for i in sorted(set(removed))]
    first = node.items[0]
    indent = _column(text, dashes[0])
    pad = first.start - dashes[0] if start_of_line(text, first.start) == start_of_line(text, dashes[0]) else 2
    newline = _newline(document)
    for at, value in added:
        lines = _item_lines(document, value, indent, pad, node.items[at - 1] if at else first)
        where = end_of_line(text, before[at])
        splices.append((where, where, "".join(newline + line for line in lines)))
    return splices


def _item_lines(document: Document, value: Value, indent: int, pad: int, sibling: Node | None) -> list[str]:
    if isinstance(value, Mapping) and sibling and sibling.entries and sibling.entries[0][0].text == "name":
        # hand-written lists give the name first, kubeadm's give keys in order
        value = {k: value[k] for k in sorted(value, key=lambda k: (k != "name", k))}
    return yaml_item(value, indent, pad, _style(document), _quote(sibling))


def _line_splice(document: Document, owner: Node, at: int, lines: Sequence[str]) -> Splice:
    """Puts lines before entry `at` of a block map, behind whatever comments precede that entry's neighbour."""
    text, newline = document.text, _newline(document)
    if at:
        where = end_of_line(text, owner.entries[at - 1][1].end)
        return where, where, "".join(newline + line for line in lines)
    first = owner.entries[0][0].start
    if start_of_line(text, first) == 0:
        return 0, 0, "".join(line + newline for line in lines)
    where = _lines(text, first, first)[0]
    return where, where, "".join(newline + line for line in lines)


def _dash(text: str, previous_end: int, item: Node) -> int:
    found = _DASH.search(text, end_of_line(text, previous_end), item.start)
    return found.end() - 1 if found else item.start


def _lines(text: str, start: int, end: int) -> tuple[int, int]:
    """The lines from the one that holds `start` to the one that holds `end`, with the line end before them."""
    begin, stop = start_of_line(text, start), end_of_line(text, end)
    if begin == 0:
        found = LINE_END.match(text, stop)
        return 0, found.end() if found else stop
    return begin - (2 if text.startswith("\r\n", begin - 2) else 1), stop


def _column(text: str, offset: int) -> int:
    return offset - start_of_line(text, offset)


def _newline(document: Document) -> str:
    found = LINE_END.search(document.text)
    return found.group() if found else "\n"


# -- making what is absent --------------------------------------------------------------------------------------


def _is_empty(node: Node) -> bool:
    return node.is_null or (node.kind is not Kind.SCALAR and not node.items and not node.entries)


def _fill(document: Document, owner: Node, key: str, value: Value) -> str:
    """Gives `owner[key]`, which is absent, null or empty brackets, its first items or entries."""
    text, node = document.text, owner.get(key)
    if node is None:
        return _apply(text, _new_entry(document, owner, key, value))
    if owner.flow and node.is_null:
        return _apply(text, [(node.start, node.end, _flow_text(document, value, node.start, entry=False))])
    if owner.flow:
        return _apply(text, _flow_splices(document, node, [], (), [(0, member) for member in _members(value)]))
    head = _head(owner, key)
    where, newline = end_of_line(text, head.end), _newline(document)
    lines = yaml_block({key: value}, _column(text, head.start), _style(document))[1:]
    # the space that stays where brackets were tells _empty to put them back
    cut = start_of_gap(text, node.start) if node.is_null else node.start
    return _apply(text, [(cut, node.end, ""), (where, where, "".join(newline + line for line in lines))])


def _new_entry(document: Document, owner: Node, key: str, value: Value) -> list[Splice]:
    at = _place(owner, key)
    if owner.flow:
        return _flow_splices(document, owner, _entry_spans(owner), (), [(at, {key: value})])
    indent = _column(document.text, owner.entries[0][0].start)
    return [_line_splice(document, owner, at, yaml_block({key: value}, indent, _style(document)))]


def _members(value: Value) -> list[Value]:
    """The items of a list, or the entries of a map, each as a map of its own."""
    if isinstance(value, Mapping):
        return [{k: v} for k, v in value.items()]
    return list(value) if isinstance(value, list) else []


def _empty(document: Document, owner: Node, key: str) -> str:
    """Takes everything out of `owner[key]`, and the key with it if _fill would have made it."""
    text, head, node = document.text, _head(owner, key), owner.get(key)
    if node is None or made_by_fill(document, owner, key):
        return change_map(document, owner, removed=[key])
    brackets = "[]" if node.kind is Kind.LIST else "{}"
    if node.flow:
        return _apply(text, [(node.start, node.end, brackets)])
    colon, eol = text.index(":", head.end) + 1, end_of_line(text, head.end)
    where = eol if not text[colon:eol].strip() else colon + 1
    return _apply(text, [(where, where, brackets), (eol, end_of_line(text, node.end), "")])


def made_by_fill(document: Document, owner: Node, key: str) -> bool:
    """Whether `owner[key]` was absent before its items came, rather than empty brackets; see _fill."""
    text, node = document.text, owner.get(key)
    if node is None or _is_empty(node):
        return False
    if node.flow:
        last = (node.items or [value for _, value in node.entries])[-1]
        return text[last.end : node.end - 1] != " "
    return not text.startswith(" ", text.index(":", _head(owner, key).end) + 1)


def _head(owner: Node, key: str) -> Node:
    return next(k for k, _ in owner.entries if k.text == key)


def start_of_gap(text: str, offset: int) -> int:
    """The offset after the last character before `offset` that is not a space."""
    return len(text[:offset].rstrip(" "))


def _place(owner: Node, key: str) -> int:
    """Before which entry a new key goes: by the alphabet if the others are in its order, else last."""
    names = [k.text for k, _ in owner.entries]
    if any(a > b for a, b in pairwise(names)):
        return len(names)
    return sum(name < key for name in names)


def _style(document: Document) -> Style:
    """How the text indents, as its first nested block map and block list do (kubeadm: 2 and 0)."""
    found: dict[Kind, int] = {}
    for key, value in _block_entries(document.root):
        if not value.anchor:
            depth = _column(document.text, value.start) - _column(document.text, key.start)
            found.setdefault(value.kind, depth)
    return Style(max(found.get(Kind.MAP, 2), 1), max(found.get(Kind.LIST, 0), 0))


def _block_entries(node: Node) -> list[tuple[Node, Node]]:
    if node.flow:
        return []
    found = [(key, value) for key, value in node.entries if _is_block(value)]
    for child in (*(value for _, value in node.entries), *node.items):
        found += _block_entries(child)
    return found


def _is_block(node: Node) -> bool:
    return node.kind in {Kind.MAP, Kind.LIST} and not node.flow


# -- flow style and JSON ----------------------------------------------------------------------------------------


def _flow_splices(
    document: Document,
    node: Node,
    spans: Sequence[tuple[int, int]],
    removed: Collection[int],
    added: Sequence[Added],
) -> list[Splice]:
    near = spans[0][0] if spans else node.end
    new = [(at, _flow_text(document, value, near, entry=node.kind is Kind.MAP)) for at, value in added]
    if not spans:
        # the space tells made_by_fill that the empty brackets were here before
        inner = ", ".join(text for _, text in new)
        return [(node.end - 1, node.end - 1, f"{inner} ")] if added else []
    return _among(spans, sorted(set(removed)), new, _separator(document, node, spans))


def _among(
    spans: Sequence[tuple[int, int]], gone: Sequence[int], new: Sequence[tuple[int, str]], separator: str
) -> list[Splice]:
    """Members of a flow list or map that go and come, each with one separator; the first that stays leads."""
    if len(gone) == len(spans):
        return [(spans[0][0], spans[-1][1], separator.join(text for _, text in new))]
    lead = next(i for i in range(len(spans)) if i not in gone)
    return [
        (spans[0][0], spans[lead][0], "".join(text + separator for at, text in new if at <= lead)),
        *((spans[i - 1][1], spans[i][1], "") for i in gone if i > lead),
        *((spans[at - 1][1], spans[at - 1][1], separator + text) for at, text in new if at > lead),
    ]


def _separator(document: Document, node: Node, spans: Sequence[tuple[int, int]]) -> str:
    text = document.text
    if len(spans) > 1:
        gap = text[spans[0][1] : spans[1][0]]
        return gap if "#" not in gap else ", "
    lead = text[node.start + 1 : spans[0][0]]
    if "\n" in lead and "#" not in lead:
        return "," + lead
    return "," if _compact(document) else ", "


def _flow_text(document: Document, value: Value, near: int, *, entry: bool) -> str:
    """`value` as it stands on the line of `near`; with `entry`, a map's one entry without the braces."""
    if not document.json:
        return yaml_flow(value)[1:-1] if entry else yaml_flow(value)
    step = _json_step(document)
    line = document.text[start_of_line(document.text, near) : near]
    # a member that has its line for itself may take several; one that shares it stays on it
    step = step if not line.strip() else None
    new = json_text(value, step, _compact(document))
    if entry and step:
        new = "\n".join(row[step:] for row in new.split("\n")[1:-1])
    elif entry:
        new = new[1:-1]
    return new.replace("\n", _newline(document) + line)


def _json_step(document: Document) -> int | None:
    text, root = document.text, document.root
    if not root.entries or "\n" not in text[root.start : root.entries[0][0].start]:
        return None
    return max(_column(text, root.entries[0][0].start) - _column(text, root.start), 1)


def _compact(document: Document) -> bool:
    entries = document.root.entries
    return bool(document.json and entries and entries[0][1].start - entries[0][0].end == 1)


# -- scalars ----------------------------------------------------------------------------------------------------


def _scalar_like(document: Document, node: Node, value: str) -> str:
    if document.json:
        return json_text(value, None, False)
    return yaml_scalar(value, _own_quote(node), flow=True)


def _quote(sibling: Node | None) -> str:
    """The quotes in which a neighbour's strings stand: of a map, if at most one of its scalars has none."""
    if sibling is None:
        return ""
    if sibling.kind is not Kind.MAP:
        return _own_quote(sibling)
    quotes = [_own_quote(value) for _, value in sibling.entries if value.kind is Kind.SCALAR and not value.is_null]
    quoted = [quote for quote in quotes if quote]
    return quoted[0] if quoted and len(quoted) >= len(quotes) - 1 else ""


def _own_quote(node: Node) -> str:
    return node.style if node.style in {"'", '"'} else ""
