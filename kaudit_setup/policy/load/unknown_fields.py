"""Fields that an audit policy does not have where they stand: misspelt, misplaced, or of another kind of object."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Where the fields of a policy belong; two of them have two places.
_RULE: Final = "the rule"
_ENTRY: Final = "an entry of `resources`"
_TOP: Final = "the top of the file"
_HOMES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("apiVersion", "kind", "metadata", "rules"), (_TOP,)),
    **dict.fromkeys(("omitStages", "omitManagedFields"), (_RULE, _TOP)),
    **dict.fromkeys(("level", "users", "userGroups", "verbs", "namespaces", "nonResourceURLs"), (_RULE,)),
    "resources": (_RULE, _ENTRY),
    **dict.fromkeys(("group", "resourceNames"), (_ENTRY,)),
}
# What people write for them, in lower case: singulars, RBAC's words, admission's words.
_WORDS: Final = {
    **{name.lower(): name for name in _HOMES},
    **dict.fromkeys(("user", "username", "usernames", "serviceaccount", "serviceaccounts", "subjects"), "users"),
    **dict.fromkeys(("usergroup", "groups"), "userGroups"),
    **dict.fromkeys(("verb", "method", "methods", "operations", "operation", "actions"), "verbs"),
    **dict.fromkeys(("namespace", "ns"), "namespaces"),
    "resource": "resources",
    **dict.fromkeys(("apigroup", "apigroups", "groupversion"), "group"),
    **dict.fromkeys(("resourcename", "names", "objectnames"), "resourceNames"),
    **dict.fromkeys(
        ("nonresourceurl", "nonresourceuri", "nonresourceuris", "urls", "url", "paths", "path", "nonresourcepaths"),
        "nonResourceURLs",
    ),
    **dict.fromkeys(("omitstage", "omittedstages"), "omitStages"),
    "omitmanagedfield": "omitManagedFields",
    "rule": "rules",
}
_NOT_IN_TIME: Final = "a rule is chosen before the request is handled: nothing of the response can choose it"
_NOT_ASKED: Final = (
    "no rule can choose by this: rules know users, groups, verbs, resources, names, namespaces and paths"
)
_ELSEWHERE: Final = (
    "a policy says what is logged; where to is said by flags of kube-apiserver (--audit-log-path, ...)"
)
_OTHERS: Final = {
    **dict.fromkeys(("code", "codes", "status", "statuscodes", "responsestatus", "decision"), _NOT_IN_TIME),
    **dict.fromkeys(
        ("sourceips", "sourceip", "useragent", "useragents", "labels", "labelselector", "selector", "annotations"),
        _NOT_ASKED,
    ),
    **dict.fromkeys(
        ("webhook", "backend", "backends", "log", "sink", "maxage", "maxbackup", "maxsize", "logpath"), _ELSEWHERE
    ),
    **dict.fromkeys(
        ("except", "exclude", "excludes", "not", "notusers", "notresources", "notnamespaces", "unless"),
        "a rule has no exceptions: put a rule for them, with the other level, before this one",
    ),
    **dict.fromkeys(
        ("stages", "stage", "includestages"), "stages are chosen by what is left out: list the others in `omitStages`"
    ),
    **dict.fromkeys(
        ("description", "comment", "comments", "id", "title", "notes"),
        "it has no effect; write it as a comment (# ...)",
    ),
    **dict.fromkeys(("spec", "data"), "an audit policy has no such part: its fields stand at the top of the file"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a field is not known, and what to do. `meant`: the field that was meant, empty if that is not known."""

    said: str
    fix: str
    code: str
    meant: str = ""


def reason(path: str, here: Sequence[str]) -> Reason:
    """For the field at `path`; `here`: the fields that there are where it stands."""
    parent, _, key = path.rpartition(".")
    place = _place(parent)
    if place is None or not here:
        near = next((name for name in here if name.casefold() == key.casefold()), "")
        return Reason(f'did you mean "{near}"?' if near else "", "remove it: it has no effect", "unknown-field")
    meant = _likely_field(key, here)
    if meant and place not in _HOMES[meant]:
        return _misplaced(key, meant, place)
    if meant:
        return Reason(f'did you mean "{meant}"?', f"write `{meant}` instead of `{key}`", "unknown-field", meant)
    fix = _OTHERS.get(_plain(key), "remove it, or correct its spelling")
    return Reason("", fix, "unknown-field")


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _place(parent: str) -> str | None:
    """What a field below this path is a field of; None below `metadata`."""
    if not parent:
        return _TOP
    if re.fullmatch(r"rules\[\d+\]", parent):
        return _RULE
    return _ENTRY if re.fullmatch(r"rules\[\d+\]\.resources\[\d+\]", parent) else None


def _likely_field(key: str, here: Sequence[str]) -> str:
    """The field that was meant: one that belongs here if it is like it, else any."""
    plain = _plain(key)
    singular = [name for name in here if name.lower().rstrip("s") == plain.rstrip("s")]
    if singular:
        return singular[0]
    if plain in _WORDS:
        return _WORDS[plain]
    if plain in _OTHERS:
        return ""
    for names in (here, _HOMES):
        close = difflib.get_close_matches(plain, [name.lower() for name in names if name in _HOMES], 1, cutoff=0.8)
        if close:
            return _WORDS[close[0]]
    return ""


_WAYS: Final = {
    (_ENTRY, _RULE): ("one level up", "move it one level up, beside `level`"),
    (_RULE, _ENTRY): ("one level down", "move it into an entry of `resources`"),
    (_TOP, _RULE): ("here it is a field of no rule", "move it into the rules that it is for"),
    (_RULE, _TOP): ("and not to a rule", "move it to the top of the file"),
}


def _misplaced(key: str, meant: str, place: str) -> Reason:
    home = _HOMES[meant][0]
    where, fix = _WAYS.get((place, home), ("", f"move it to {home}"))
    spelled = f" (there it is spelled `{meant}`)" if meant != key else ""
    said = f"`{key}` belongs to {home}{', ' if where else ''}{where}{spelled}"
    return Reason(said, f"{fix}{f', as `{meant}`' if meant != key else ''}", "misplaced-field", meant)
