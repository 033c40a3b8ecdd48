"""The JSON Schema of an audit policy, for editors: made from the tables by which policies are loaded.

What it accepts, kube-apiserver loads. It is stricter where an editor should complain: of fields that are unknown and
ignored, of nulls, of what only a server writes.
"""

from __future__ import annotations

from typing import Any, Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.catalog import identities, requests, resources
from kaudit_setup.policy.evaluate import GROUP_WILDCARD_SINCE
from kaudit_setup.policy.load import schema
from kaudit_setup.policy.load.type_meta import BETAS, BETAS_GONE_SINCE
from kaudit_setup.policy.load.validate import SUBDOMAIN
from kaudit_setup.policy.model import LEVELS, STAGES

Json = dict[str, Any]
# draft 7 is what yaml-language-server and VS Code read; `$` is not used since Python lets a newline follow it
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_END: Final = r"(?![\s\S])"
# what a person writes into metadata; the rest is the server's
_METADATA: Final = ("name", "namespace", "labels", "annotations")
_STAGE: Final = (
    "RequestReceived: before the request is handled. ResponseStarted: when the header of a long response is sent, "
    "the only stage of a failed login. ResponseComplete: after the response. Panic: the server failed over it."
)
_GROUPS: Final = (
    identities.AUTHENTICATED, identities.UNAUTHENTICATED, identities.NODES, identities.SERVICE_ACCOUNTS,
    identities.KUBE_SYSTEM, identities.MASTERS,
)  # fmt: skip
DESCRIPTIONS: Final = {
    "apiVersion": "Version of the API.",
    "kind": "Kind of the object.",
    "metadata": "Ignored; may name the policy.",
    "name": "A name of the object, ignored.",
    "namespace": "Ignored.",
    "labels": "Ignored.",
    "annotations": "Ignored.",
    "rules": "The first rule that matches a request decides. A request that none matches is not logged.",
    "level": (
        "How much is logged. None: nothing. Metadata: who, what, when, from where. Request: and what was sent. "
        "RequestResponse: and what came back."
    ),
    "users": "Names of users, letter by letter, e.g. system:serviceaccount:NAMESPACE:NAME. Left out: any user.",
    "userGroups": "Groups, of which the user must be in one, e.g. system:nodes. Left out: any.",
    "verbs": "Verbs of the request; for paths, HTTP methods in lower case. Left out: any. exec is a create or get.",
    "resources": "Kinds of objects. Left out: any.",
    "namespaces": 'Namespaces of the objects; "" is for objects and lists without one. Left out: any.',
    "nonResourceURLs": "Paths that are not of resources, e.g. /healthz*; `*` at the end only.",
    "omitStages": f"Stages of which no event is written. {_STAGE}",
    "omitManagedFields": "Whether metadata.managedFields is left out of logged objects.",
    "group": 'The API group: "" is the core group, apps, batch, rbac.authorization.k8s.io, ...; without a version.',
    "resourceNames": "Names of single objects. A create and most lists have no name and never match.",
}
_ENTRY_RESOURCES: Final = (
    "Plurals of the group: pods. `pods/log` is a subresource, `pods/*` the resource with all of them, `*/scale` that "
    "of all resources, `*` everything. Left out: the whole group."
)


def json_schema(version: KubeVersion = NEWEST) -> Json:
    """The schema for this version of Kubernetes."""
    top = _struct(schema.POLICY, version)
    properties = top["properties"]
    known = ["v1"] if version >= BETAS_GONE_SINCE else ["v1", *BETAS]
    properties["apiVersion"]["enum"] = [f"audit.k8s.io/{one}" for one in known]
    properties["kind"]["enum"] = ["Policy"]
    properties["metadata"] = _metadata(version)
    properties["rules"]["minItems"] = 1
    rule = properties["rules"]["items"]
    _refine_rule(rule, version)
    properties["omitStages"]["items"]["enum"] = list(STAGES)
    return {
        "$schema": _DIALECT,
        "title": f"audit.k8s.io Policy, Kubernetes {version}",
        "description": "The audit policy of kube-apiserver (--audit-policy-file).",
        **top,
        "required": ["apiVersion", "kind", "rules"],
    }


def _struct(type_: schema.Type, version: KubeVersion) -> Json:
    fields = {name: one for name, one in type_.fields.items() if one.is_known_to(version) and name != "metadata"}
    return {
        "type": "object",
        "properties": {
            name: {"description": DESCRIPTIONS[name], **_of(one.type, version)} for name, one in fields.items()
        },
        "additionalProperties": False,
    }


def _of(type_: schema.Type, version: KubeVersion) -> Json:
    if type_.name == "array" and type_.item is not None:
        return {"type": "array", "items": _of(type_.item, version)}
    if type_.name == "object":
        return _struct(type_, version)
    if type_.name == "map":
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return {"type": type_.name}


def _metadata(version: KubeVersion) -> Json:
    every = schema.POLICY.fields["metadata"].type.fields
    written = schema.Type("object", schema.POLICY.check, fields={name: every[name] for name in _METADATA})
    found: Json = {"description": DESCRIPTIONS["metadata"], **_struct(written, version)}
    # programs that write objects write this
    found["properties"]["creationTimestamp"] = {"type": "null"}
    return found


def _refine_rule(rule: Json, version: KubeVersion) -> None:
    fields = rule["properties"]
    fields["level"]["enum"] = list(LEVELS)
    fields["omitStages"]["items"]["enum"] = list(STAGES)
    fields["nonResourceURLs"]["items"]["pattern"] = rf"^(\*|/[^*]*\*?){_END}"
    fields["nonResourceURLs"]["items"]["examples"] = list(requests.HEALTH_URLS)
    _suggest(fields["verbs"], [verb for verb in requests.RESOURCE_VERBS if verb])
    _suggest(fields["userGroups"], list(_GROUPS))
    rule["required"] = ["level"]
    about = [{"required": [name], "properties": {name: {"minItems": 1}}} for name in ("resources", "namespaces")]
    paths = {"required": ["nonResourceURLs"], "properties": {"nonResourceURLs": {"minItems": 1}}}
    rule["not"] = {"allOf": [paths, {"anyOf": about}]}
    _refine_entry(fields["resources"]["items"], version)


def _refine_entry(entry: Json, version: KubeVersion) -> None:
    fields = entry["properties"]
    fields["resources"]["description"] = _ENTRY_RESOURCES
    _suggest(fields["resources"], sorted({resource.name for resource in resources.RESOURCES}))
    star = r"\*|" if version >= GROUP_WILDCARD_SINCE else ""
    fields["group"]["pattern"] = f"^({star}{SUBDOMAIN.pattern}|){_END}"
    fields["group"]["maxLength"] = 253
    fields["group"]["examples"] = list(resources.GROUPS)
    entry["dependencies"] = {
        "resourceNames": {"required": ["resources"], "properties": {"resources": {"minItems": 1}}}
    }


def _suggest(field: Json, words: list[str]) -> None:
    """Words that editors offer; others are taken, too."""
    field["items"] = {"anyOf": [{"enum": words}, {"type": "string"}]}
