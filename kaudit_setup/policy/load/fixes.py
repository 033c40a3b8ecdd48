"""What to write instead of what kube-apiserver refuses: the mistakes that people make, each with its fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Final

from kaudit_setup.kubeyaml.nodes import Mapping, Node, Scalar, Sequence
from kaudit_setup.policy.catalog.spelling import Spelling, spelling
from kaudit_setup.policy.model import LEVELS, STAGES

VERSION: Final = "write `apiVersion: audit.k8s.io/v1`"
BETA: Final = f"{VERSION}; the fields are the same"
_START: Final = "`kaudit-setup policy show forensics` prints one to begin with"

# kind, in lower case -> what such a file is, and what is to be given instead
_KINDS: Final = {
    **dict.fromkeys(
        ("configmap", "secret"),
        "this object carries a file: give the file inside it, the value of its key under `data`",
    ),
    "auditsink": "AuditSink is gone since Kubernetes 1.19: write a `kind: Policy` file, and name the webhook's "
    "kubeconfig by --audit-webhook-config-file",
    **dict.fromkeys(("policylist", "list"), "a policy is one object: give one of the list's items as a file"),
    **dict.fromkeys(("event", "eventlist"), "this is an audit log, not a policy"),
    **dict.fromkeys(
        ("role", "clusterrole"), "this is a role of RBAC; an audit policy has `level`, `users`, `verbs`, `resources`"
    ),
    **dict.fromkeys(
        ("clusterconfiguration", "initconfiguration", "kubeadmcontrolplane"),
        "this is kubeadm's configuration: give the policy file that its audit-policy-file names",
    ),
    "config": "this is a kubeconfig: give the policy file",
    "pod": "this is a Pod: give the policy file that its --audit-policy-file names",
}


def kind(kind: str, group: str) -> str:
    """For an object of another kind, or of a group or version in which there is no audit policy."""
    lower = kind.lower()
    if lower in _KINDS:
        return _KINDS[lower]
    if lower == "policy":
        return f"{VERSION} and `kind: Policy`"
    if group == "audit.k8s.io" or "policy" in lower.removesuffix("policy"):
        return "write `kind: Policy`"
    return (
        f"this is a {kind}, not an audit policy; a policy begins with `apiVersion: audit.k8s.io/v1`, `kind: Policy`"
    )


def no_version(root: Node) -> str:
    """For a file without apiVersion."""
    if not isinstance(root, Mapping) or not root.entries:
        return f"the file holds no policy; {_START}"
    names = {entry.key for entry in root.entries}
    return f"add `apiVersion: audit.k8s.io/v1`{'' if 'kind' in names else ' and `kind: Policy`'} at the top"


def no_object(root: Node) -> str:
    """For a file that holds a list or a single word."""
    if isinstance(root, Sequence):
        return "a policy is one object with `apiVersion`, `kind` and `rules`, not a list"
    return f"this is not an audit policy; {_START}"


def no_rules(root: Node) -> str:
    """For a policy in which no rules were found where they belong."""
    for entry in root.entries if isinstance(root, Mapping) else ():
        if isinstance(entry.value, Mapping) and any(inner.key == "rules" for inner in entry.value.entries):
            return f"`rules` stands at the top, not under `{entry.key}`: remove `{entry.key}:` and indent less"
        if entry.key != "rules" and entry.key.lower() in ("rules", "rule", "policy", "policies"):
            return f"write `rules:` instead of `{entry.key}:`"
    return "add a rule, e.g. `rules:` and below it `- level: Metadata`"


def yaml_syntax(line: str, message: str) -> str:
    """For text that is not YAML; `line` is the line at which reading stopped."""
    if re.match(r" *\t", line):
        return "a tab cannot indent in YAML: use spaces"
    if "{{" in line or "{%" in line:
        return _TEMPLATE
    if re.search(r"[\[:,-]\s*[*&%@`!]", line):
        return "a word that begins with one of * & % @ ` ! must be in quotes"
    if message.startswith("control characters"):
        return "take the control character out of the file: `cat -v` shows it"
    if message.startswith("mapping values"):
        return "indent each key as the keys beside it; a text that holds `: ` must be in quotes"
    return "correct the YAML at this place: indentation by spaces, brackets and quotes in pairs"


_TEMPLATE: Final = "this is a template: fill it in first (for example with `helm template`)"
_JSON: Final = (
    "a file that begins with `{` is read as JSON: quote every key and text, no comma behind the last; or write YAML"
)


def json_syntax(text: str) -> str:
    """For text that begins with a brace and is not JSON."""
    return _TEMPLATE if text.lstrip().startswith(("{{", "{%")) else _JSON


_OF_A_RULE: Final = re.compile(r"rules\[\d+\]\.resources")


def mismatch(node: Node, path: str, wanted: str) -> str:
    """For a value of another type than the field has."""
    value = node.value if isinstance(node, Scalar) else None
    name = re.sub(r"\[\d+\]", "", path.rpartition(".")[2])
    if wanted == "a list" and _OF_A_RULE.fullmatch(path) and isinstance(value, str):
        return f"below `{name}` {_wanted_object(name, node, value)}"
    make = _MISMATCHES.get(wanted)
    return make(name, node, value) if make else ""


def _wanted_list(name: str, node: Node, value: object) -> str:
    if isinstance(node, Mapping):
        return f"`{name}` is a list: begin each of its entries with `- `"
    shown = value if isinstance(value, str) and len(value) < 60 and value.isprintable() else "..."
    return f"`{name}` is a list: write `{name}: [{shown}]`"


def _wanted_object(name: str, node: Node, value: object) -> str:
    if name == "resources" and isinstance(value, str) and value.isprintable():
        resource, slash, part = value.partition("/")
        group, plural = _place(spelling(resource))
        return f'write `- group: "{group}"` and below it `resources: [{plural}{slash}{part}]`'
    if name == "rules":
        return "a rule is an object: write `- level: Metadata`"
    return f"`{name}` is an object with fields: write `KEY: VALUE` below it"


def _place(spelled: Spelling) -> tuple[str, str]:
    known = spelled.known
    return (known.group, known.name) if known else (spelled.group or "", spelled.word)


def _wanted_string(name: str, node: Node, value: object) -> str:
    if isinstance(node, Mapping | Sequence):
        return f"`{name}` is one text here: write it without brackets and dashes"
    if name == "level" and value is False:
        return "write `level: None`: an unquoted no or off is false"
    return "put it in quotes: unquoted, it is a number or a truth value"


def _wanted_truth(name: str, node: Node, value: object) -> str:
    return f"write `{name}: true` or `{name}: false`, without quotes"


_MISMATCHES: Final[dict[str, Callable[[str, Node, object], str]]] = {
    "a list": _wanted_list,
    "an object": _wanted_object,
    "a string": _wanted_string,
    "true or false": _wanted_truth,
}


def level(value: str) -> str:
    """For a level that there is not."""
    near = _spelled(value, LEVELS)
    return f"write `level: {near}`" if near else f"the levels are {', '.join(LEVELS)}"


def stage(value: str) -> str:
    """For a stage that there is not."""
    if value in LEVELS:
        return f"{value} is a level, not a stage: remove it here; the stages are {', '.join(STAGES)}"
    near = _spelled(value, STAGES)
    return f"write {near}" if near else f"remove it; the stages are {', '.join(STAGES)}"


def _spelled(value: str, choices: tuple[str, ...]) -> str:
    """The choice that was meant, whatever its case and small slips; empty where none is near."""
    names = {choice.lower(): choice for choice in choices}
    plain = re.sub(r"[^a-z]", "", value.lower())
    close = difflib.get_close_matches(plain, names, 1, cutoff=0.75)
    return names[close[0]] if close else ""


_API_VERSION: Final = re.compile(r"(?:([a-z0-9.-]+)/)?v[0-9]+(?:(?:alpha|beta)[0-9]+)?")


def group(value: str) -> str:
    """For the name of an API group that cannot be one."""
    found = _API_VERSION.fullmatch(value.lower())
    name = (found[1] or "" if found else value.lower()).strip(". ")
    if value == "*":
        return "name each group: only Kubernetes 1.36 and later know `*` for all of them"
    if "*" in value:
        return "a group has no wildcards: name each group in an entry of its own"
    if "," in value or " " in value.strip():
        return "one group an entry: begin another entry with `- group:`"
    if "/" in name:
        return "a group is the part of apiVersion before the slash, e.g. apps"
    shown = '""' if name in ("", "core") else name
    return f"write `group: {shown}`{', without the version' if found else ''}"


NAMES_ALONE: Final = "add `resources: [...]` beside `resourceNames`"
BOTH: Final = "make two rules: one with `nonResourceURLs`, one with `resources` and `namespaces`"


def url_start(value: str) -> str:
    """For a path that does not begin with a slash."""
    path = re.sub(r"^[a-z]+://[^/]*", "", value.strip()).lstrip("/")
    return f"write the path: /{path}" if path.isprintable() and len(path) < 80 else "write the path, e.g. /healthz"


def url_star(value: str) -> str:
    """For a path with a star that is not its last letter."""
    before = value.partition("*")[0]
    return f"`*` can only stand at the end: write {before}*" if before.isprintable() and len(before) < 80 else ""
