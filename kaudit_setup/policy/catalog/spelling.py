"""Resources as people write them: plural, singular, short name, `deployments.apps`, `deployments.v1.apps`.

Source: staging/src/k8s.io/client-go/restmapper/shortcut.go and apimachinery/pkg/runtime/schema/group_version.go
(ParseResourceArg, ParseGroupResource). kubectl asks the server which resources there are; here the table answers.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

import msgspec

from kaudit_setup.errors import InputError
from kaudit_setup.policy.catalog.resources import BY_GROUP_AND_NAME, BY_NAME, GROUPS, RESOURCES, Resource

_VERSION: Final = r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?"


class Spelling(msgspec.Struct, frozen=True):
    """What was written, in lower case. `group`: None where none was said; the core group is ""."""

    word: str
    group: str | None = None

    @property
    def known(self) -> Resource | None:
        """The built-in resource that is meant, None if Kubernetes has none of that name in that group."""
        return BY_NAME.get(self.word) if self.group is None else BY_GROUP_AND_NAME.get((self.group, self.word))

    def place(self) -> tuple[str, str]:
        """Group and plural; a custom resource is taken as it is spelled. Raises InputError without a group."""
        if known := self.known:
            return known.group, known.name
        if self.group is None:
            if "," in self.word or self.word == "all":
                raise InputError(f"{self.word!r} is several resources", hint="ask for one at a time")
            raise InputError(
                f"no built-in API group has a resource {self.word!r}",
                hint=f"{advice(self.word)}; a custom one is written NAME.GROUP",
            )
        return self.group, self.word


def spelling(text: str) -> Spelling:
    """`RESOURCE[.VERSION][.GROUP]`; upper and lower case do not count, and a version says nothing about the group."""
    word, dot, rest = text.strip().lower().partition(".")
    version, _, behind = rest.partition(".")
    if re.fullmatch(_VERSION, version):
        # `secrets.v1.` ends with the name of the core group, `secrets.v1` names no group
        return Spelling(word, "" if rest.endswith(".") else behind or None)
    return Spelling(word, _group(rest) if dot else None)


def _group(text: str) -> str:
    """People call the group without a name `core`."""
    return "" if text == "core" else text


def suggest_spelling(word: str) -> str:
    """What the writer of a resource that is not there may have meant, as advice for a policy."""
    known = BY_NAME.get(word.lower())
    if known is not None:
        return f'write `{known.name}` under group: "{known.group}"'
    return _suggest_part(word.lower()) or _like(word.lower())


def advice(word: str) -> str:
    """The same for a command line."""
    return suggest_spelling(word).replace("`", "")


def _suggest_part(word: str) -> str:
    """`pods/exec` for `exec`."""
    whole = [resource for resource in RESOURCES if word in resource.subresources]
    return f"did you mean `{whole[0].name}/{word}`?" if whole else ""


def _like(word: str) -> str:
    close = difflib.get_close_matches(word, [name for names in GROUPS.values() for name in names], 1)
    if close:
        return f'did you mean `{close[0]}` of group "{BY_NAME[close[0]].group}"?'
    return "a custom resource belongs under its own group"
