"""apiVersion and kind: whether the object is an audit policy of a version that kube-apiserver knows.

Source: apimachinery/pkg/runtime/serializer/json/meta.go:Interpret (case-insensitively) and runtime/scheme.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.kubeyaml.nodes import NOWHERE, Mapping, Mark, Node, Scalar, Sequence
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.load import fixes, schema
from kaudit_setup.policy.load.problem import Problem

BETAS_GONE_SINCE: Final = KubeVersion(1, 24)
BETAS: Final = ("v1beta1", "v1alpha1")
_GROUP: Final = "audit.k8s.io"
_INTERNAL: Final = "__internal"
_OTHER_KINDS: Final = frozenset({"PolicyList", "Event", "EventList"})


class RefusedError(Exception):
    """The text never became an object of a known type."""

    def __init__(self, message: str, path: str = "", mark: Mark = NOWHERE, fix: str = "") -> None:
        self.problem = Problem(path, message, mark.line, mark.column, fix)


@dataclass(frozen=True, slots=True)
class TypeMeta:
    """What an object says that it is, and where."""

    api_version: str
    kind: str
    version_mark: Mark
    kind_mark: Mark
    without_version: str = ""
    """What to do if there is no version."""

    @classmethod
    def of(cls, root: Node) -> TypeMeta:
        """Of a whole file. Raises RefusedError where it is not an object, or one of the two is not a string."""
        if not isinstance(root, Mapping) and not schema.is_null(root):
            held = "a list" if isinstance(root, Sequence) else "a single value"
            message = f"couldn't get version/kind: the file holds {held}, not an object"
            raise RefusedError(message, mark=root.mark, fix=fixes.no_object(root))
        api_version, version_mark = _fold(root, "apiversion", "apiVersion")
        kind, kind_mark = _fold(root, "kind", "kind")
        return cls(api_version, kind, version_mark, kind_mark, fixes.no_version(root))

    @property
    def group(self) -> str:
        """The API group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def has_version(self) -> bool:
        """Whether there is a version at all; without one the object is read as the internal, unversioned type."""
        unversioned = self.group == _GROUP and self.version in ("", _INTERNAL)
        return self.api_version not in ("", "/") and not unversioned

    def refuse_unless_policy(self, version: KubeVersion) -> None:
        """Raises RefusedError unless kube-apiserver of that version knows the type as an audit policy."""
        if self.api_version.count("/") > 1:
            message = f"unexpected GroupVersion string: {self.api_version}"
            raise RefusedError(message, "apiVersion", self.version_mark, fixes.VERSION)
        if not self.has_version:
            message = f"unknown group version field {_GROUP}/{_INTERNAL}, Kind={self.kind or 'Policy'} in policy"
            message += ": apiVersion is missing"
            raise RefusedError(message, "apiVersion", self.version_mark, self.without_version)
        known = {"v1"} if version >= BETAS_GONE_SINCE else {"v1", *BETAS}
        kind, is_known = self.kind or "Policy", self.group == _GROUP and self.version in known
        if is_known and kind in _OTHER_KINDS:
            message = f"converting ({self.version}.{kind}) to (audit.Policy): unknown conversion"
            raise RefusedError(message, "kind", self.kind_mark, fixes.kind(kind, self.group))
        if is_known and kind == "Policy":
            return
        message = f'no kind "{kind}" is registered for version "{self.api_version}"'
        path, mark = ("kind", self.kind_mark) if is_known else ("apiVersion", self.version_mark)
        fix = fixes.BETA if self.is_beta and kind == "Policy" else fixes.kind(kind, self.group)
        raise RefusedError(message, path, mark, fix)

    @property
    def is_beta(self) -> bool:
        """Whether it is a version that Kubernetes 1.24 and later refuse."""
        return self.group == _GROUP and self.version in BETAS

    def refused_later(self, version: KubeVersion) -> tuple[Problem, ...]:
        """What this version accepts, and a later one does not."""
        if not self.is_beta or version >= BETAS_GONE_SINCE:
            return ()
        message = f"{self.api_version} is refused by Kubernetes {BETAS_GONE_SINCE} and later"
        mark = self.version_mark
        return (Problem("apiVersion", message, mark.line, mark.column, fixes.BETA, "beta-version"),)


def unknown_to_internal(root: Node) -> list[Problem]:
    """What the file holds that the unversioned type has no field for."""
    return [
        Problem(
            entry.key,
            f'unknown field "{entry.key}", ignored: without a version of the API no field is known',
            entry.mark.line,
            entry.mark.column,
            fixes.VERSION,
            "unknown-field",
        )
        for entry in (root.entries if isinstance(root, Mapping) else ())
        if entry.key not in schema.INTERNAL_NAMES
    ]


def _fold(root: Node, folded: str, name: str) -> tuple[str, Mark]:
    """The last string under this key, whatever its case: encoding/json folds ASCII, the Kelvin sign and long s."""
    found, mark = "", root.mark
    for entry in root.entries if isinstance(root, Mapping) else ():
        key = entry.key.replace("\u212a", "k").replace("\u017f", "s")
        if not key.isascii() or key.lower() != folded or schema.is_null(entry.value):
            continue
        if not isinstance(entry.value, Scalar) or not isinstance(entry.value.value, str):
            message = f"couldn't get version/kind: {entry.key} is not a string"
            fix = fixes.mismatch(entry.value, name, "a string")
            raise RefusedError(message, name, entry.value.mark, fix)
        found, mark = entry.value.value, entry.value.mark
    return found, mark
