"""Differences between two manifests: for people, for programs, and to prove that only auditing differs.

The only importer of deepdiff, and only when there is something to tell: it is slow to load.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import mounts, shape
from kaudit_setup.manifest.documents import first_document
from kaudit_setup.manifest.nodes import Node, Plain, TextError
from kaudit_setup.manifest.shape import Shape
from kaudit_setup.model import POLICY_ANNOTATION, RESTART_ANNOTATION, WEBHOOK_ANNOTATION


def unified(before: str, after: str, path: str, context: int = 3) -> str:
    """A unified diff of two texts of the file at `path`, with so many lines of context; empty if they are equal."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"{path} (now)", f"{path} (new)", n=context
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def structural(before: str, after: str) -> tuple[str, ...]:
    """One sentence for each value that differs between two YAML or JSON texts, in the order of the new one.

    An empty text counts as nothing. Raises ManifestError if a text cannot be read.
    """
    return _sentences(_named(_plain(before)), _named(_plain(after)))


def only_audit_differs(old: Shape, new: Shape) -> None:
    """Raises ManifestError that lists what differs between two manifests beside flags, mounts, volumes and
    annotations of auditing.
    """
    one, other = _without_audit(old, new), _without_audit(new, old)
    # the text of the values, so that 1, 1.0 and true are not the same
    if json.dumps(one) != json.dumps(other):
        raise ManifestError(
            "patching would change more than the audit settings of the manifest",
            hint="write its command, volumes and volumeMounts as plain YAML lists, one item a line",
            details="\n".join(_sentences(one, other)),
        )


def _without_audit(one: Shape, other: Shape) -> Plain:
    """The manifest as values, without what auditing may change with respect to the other."""
    plain = one.document.root.plain()
    container = plain["spec"]["containers"][one.index]
    _drop_flags(container, one)
    extra = _own_mounts(one, other)
    for i in reversed(extra):
        del container["volumeMounts"][i]
    _drop_volumes(plain["spec"], one, other, {one.mounts[i].name for i in extra})
    _drop_empty(container, ("command", "args", "volumeMounts"))
    _drop_empty(plain["spec"], ("volumes",))
    for name in (POLICY_ANNOTATION, WEBHOOK_ANNOTATION, RESTART_ANNOTATION):
        (plain["metadata"].get("annotations") or {}).pop(name, None)
    _drop_empty(plain["metadata"], ("annotations",))
    return plain


def _drop_flags(container: Plain, one: Shape) -> None:
    audit = {i for flag in one.flags if flag.is_audit for i in range(flag.first, flag.last + 1)}
    for i in sorted(audit, reverse=True):
        word = one.words[i]
        del container[word.key][word.index]


def _own_mounts(one: Shape, other: Shape) -> list[int]:
    """The mounts for audit files that the other manifest does not have as they are here."""
    flags = (*one.flags, *other.flags)
    paths = [path for flag in flags for path in mounts.audit_paths({flag.name: flag.value})]
    theirs = [(m.name, m.path, m.host, m.read_only) for m in other.mounts]
    return [
        i
        for i, m in enumerate(one.mounts)
        if (m.name, m.path, m.host, m.read_only) not in theirs and any(map(m.holds, paths))
    ]


def _drop_volumes(spec: Plain, one: Shape, other: Shape, names: set[str]) -> None:
    """Volumes that only the other manifest lacks and that only the given mounts of this one use."""
    used = [name for _, name in shape.references(one.spec)]
    theirs = {shape.volume_name(v) for v in shape.items(other.spec, "volumes")}
    for i, volume in reversed(list(enumerate(shape.items(one.spec, "volumes")))):
        name = shape.volume_name(volume)
        if name in names and used.count(name) == 1 and (name not in theirs or _changed(volume, other, name)):
            del spec["volumes"][i]


def _changed(volume: Node, other: Shape, name: str) -> bool:
    theirs = next(v for v in shape.items(other.spec, "volumes") if shape.volume_name(v) == name)
    return bool(theirs.plain() != volume.plain())


def _drop_empty(owner: Plain, keys: Iterable[str]) -> None:
    for key in keys:
        if key in owner and not owner[key]:
            del owner[key]


def _plain(text: str) -> Plain:
    if not text.strip():
        return None
    try:
        return first_document(text).root.plain()
    except TextError as error:
        raise ManifestError(f"the text cannot be read: {error.message}", hint=error.hint) from None


def _named(value: Plain) -> Plain:
    """Lists of named things and of flags as maps, so that one more of them is one difference and not a shift."""
    if isinstance(value, dict):
        return {key: _named(inner) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    pairs = _pairs(value)
    if pairs is None:
        return [_named(item) for item in value]
    found = dict(pairs)
    return found if len(found) == len(pairs) else value


def _pairs(items: list[Plain]) -> list[tuple[str, Plain]] | None:
    """Each item of a list with its name, if all have one: named things, or the words of a command line."""
    if all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return [(item["name"], {k: _named(v) for k, v in item.items() if k != "name"}) for item in items]
    if all(isinstance(item, str) for item in items):
        return [_word(item) for item in items]
    return None


def _word(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return (name, value) if text.startswith("--") else (text, value)


def _sentences(before: Plain, after: Plain) -> tuple[str, ...]:
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree", verbose_level=2)
    sentences = []
    for kind in sorted(found):
        for change in found[kind]:
            where = ".".join(str(step) for step in change.path(output_format="list")) or "the whole"
            if kind.endswith("_added"):
                sentences.append(f"{where} added: {_show(change.t2)}")
            elif kind.endswith("_removed"):
                sentences.append(f"{where} removed: {_show(change.t1)}")
            else:
                sentences.append(f"{where} changed: {_show(change.t1)} -> {_show(change.t2)}")
    return tuple(sentences)


def _show(value: Plain) -> str:
    return json.dumps(value, ensure_ascii=False)
