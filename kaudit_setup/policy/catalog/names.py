"""Which words can be names of namespaces, objects, users and API groups.

Sources: apimachinery/pkg/api/validation/generic.go (ValidateNamespaceName: a DNS label),
apimachinery/pkg/api/validation/path/name.go (what no name holds). Nothing of this is looked at when kube-apiserver
loads a policy (staging/src/k8s.io/apiserver/pkg/apis/audit/validation/validation.go).
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from kaudit_setup.policy.catalog.identities import is_namespace_name
from kaudit_setup.policy.catalog.mistake import Mistake
from kaudit_setup.policy.catalog.resources import GROUPS

# Groups that kube-apiserver serves beside those of the table, and that are usually added to it.
_GROUPS: Final = (
    *GROUPS, "*",
    "internal.apiserver.k8s.io", "storagemigration.k8s.io", "metrics.k8s.io", "custom.metrics.k8s.io",
    "external.metrics.k8s.io", "snapshot.storage.k8s.io", "gateway.networking.k8s.io",
)  # fmt: skip
_CODE: Final = "not-a-name"


def why_no_namespace(word: str) -> Mistake | None:
    """Why no namespace is called so; None if one may be, and for "" (no namespace) and a star."""
    if not word or "*" in word or is_namespace_name(word):
        return None
    fix = _slip("namespaces", word) or "names have lower-case letters, digits and dashes"
    return Mistake(_CODE, f"no namespace can be called `{word}`", fix)


def why_no_user_name(field: str, word: str) -> Mistake | None:
    """Why this item of `users` or `userGroups` names nobody, whoever there may be; None if it may name somebody."""
    if not word:
        return Mistake(_CODE, f"an empty word in `{field}` names nobody", "remove it")
    return _compared(field, word)


def why_no_object(word: str) -> Mistake | None:
    """Why this item of `resourceNames` names no object; None if it may name one ("" is a request without a name)."""
    if word in (".", "..") or "/" in word or "%" in word:
        return Mistake(_CODE, f"no object can be called `{word}`", "write the name alone, as in the URL")
    return _compared("resourceNames", word)


def _compared(field: str, word: str) -> Mistake | None:
    slip = "" if "*" in word else _slip(field, word)
    return (
        Mistake(_CODE, f"`{word}` in `{field}` names nobody: it is compared letter by letter", slip) if slip else None
    )


def _slip(field: str, word: str) -> str:
    """What was written into one word that does not belong into a name; empty if nothing is known."""
    if word != word.strip():
        return "remove the spaces around it"
    if word.startswith(("!", "~", "not ")):
        return f"`{field}` has no negation: put a rule for these, with the other level, before this one"
    # a user of a directory may be called CN=alice,O=team
    return "" if "=" in word or "," not in word.strip(",") else f"write a list: [{', '.join(word.split(','))}]"


def why_no_api_group(group: str) -> Mistake | None:
    """Why there is probably no API group of this name; None for one that is built in, or may be custom."""
    if group == "core":
        message = 'the core group is called ""; no request is in a group `core`'
        return Mistake("core-group-name", message, 'write group: ""')
    if group in _GROUPS:
        return None
    fix = _group_meant(group)
    return Mistake("unknown-group", f"there is no API group `{group}`", fix) if fix else None


def _group_meant(group: str) -> str:
    """Advice for a group that is not built in; empty if it may well be a custom one."""
    if re.fullmatch(r"v[0-9]+((alpha|beta)[0-9]+)?", group):
        return 'that is a version; the core group is called ""'
    short = [name for name in GROUPS if name.partition(".")[0] == group]
    for close in short or difflib.get_close_matches(group, _GROUPS, 1, cutoff=0.87):
        return f"write group: {close}"
    return "" if "." in group else "a custom group has a dot, e.g. example.com"
