"""A harmless request that this policy logs, chosen by asking the policy. Pure.

Every candidate changes nothing, whatever the rights of the one who sends it: it reads or deletes a name that does
not exist, or writes with `dryRun=All` a body that no API server accepts. The audit filter runs before
authorization and admission (apiserver/pkg/server/config.go:DefaultBuildHandlerChain), so a refused request is
audited like any other.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from kaudit_setup.model import KubeVersion
from kaudit_setup.node.observe import Observed
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.model import Attributes, Decision, Policy, Rule


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the API server will take the request to come from, and what on the node says so."""

    user: str
    groups: tuple[str, ...]
    client: str  # `curl` with the kubelet client certificate, or `kubectl` with admin.conf


@dataclass(frozen=True, slots=True)
class Probe:
    """One request: HTTP method, path with query, body, and what the policy says of it."""

    method: str
    path: str
    body: str
    attributes: Attributes
    decision: Decision
    anonymous: bool = False


_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
# what `kubectl VERB --raw` can send
KUBECTL_VERBS = {"GET": "get", "DELETE": "delete", "POST": "create", "PUT": "replace"}
# deletecollection is left out: its dry run is harmless, its typing error is not


def identity(observed: Observed) -> Identity | None:
    """Who the probe will be, None where the node offers no way to ask its API server."""
    there = observed.tools | observed.credentials
    if there >= {"curl", "client-certificate"}:
        found = _subject(observed.client, "curl")
        if found:
            return found
    if there >= {"kubectl", "admin.conf"}:
        if not observed.admin:
            return Identity("kubernetes-admin", ("system:authenticated",), "kubectl")
        return _subject(observed.admin, "kubectl", packed=True)
    return None


def _subject(pem: bytes, client: str, *, packed: bool = False) -> Identity | None:
    """Common name → user, organisations → groups; None where that is not a certificate. `packed`: in base64.

    Source: apiserver/pkg/authentication/request/x509/x509.go:CommonNameUserConversion.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        subject = x509.load_pem_x509_certificate(b64decode(pem) if packed else pem).subject
    except ValueError:
        return None
    names = [str(a.value) for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = tuple(str(a.value) for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    return Identity(names[0] if names else "", (*groups, "system:authenticated"), client)


def choose(policy: Policy, who: Identity, name: str, version: KubeVersion) -> Probe | None:
    """The first candidate of which the policy writes an event; None if no harmless request is logged.

    `name` is unique; it stands where the request names an object, so that nothing that exists is meant.
    """
    for attributes in _candidates(policy, who, name):
        if who.client == "kubectl" and (attributes.user is None or _method(attributes) not in KUBECTL_VERBS):
            continue
        decision = evaluate(policy, attributes, version)
        if decision.level == "None":
            continue
        stages = _stages(attributes)
        if stages <= set(decision.omit_stages):
            continue
        return Probe(
            _method(attributes),
            _path(attributes, name),
            "{}" if attributes.verb in {"create", "update", "patch"} and attributes.is_resource else "",
            attributes,
            decision,
            anonymous=attributes.user is None,
        )
    return None


def _stages(attributes: Attributes) -> set[str]:
    if attributes.user is None:
        return {"ResponseStarted"}  # a 401 has only this one (endpoints/filters/authn_audit.go)
    # a watch that is refused or ends at once may or may not have begun its response: not counted on
    return {"RequestReceived", "ResponseComplete"}


def _candidates(policy: Policy, who: Identity, name: str) -> Iterator[Attributes]:
    """Harmless requests, the most usual ones first, then those that the policy's own rules name."""
    yield _on_object(who, "get", "", "pods", "kube-system", name)
    yield _on_object(who, "delete", "", "pods", "kube-system", name)
    yield _on_object(who, "create", "", "configmaps", "kube-system", name)
    yield _on_object(who, "get", "", "nodes", "", name)
    yield _outside(who, "/version")
    for rule in policy.rules:
        if rule.level != "None":
            yield from (_outside(who, url.rstrip("*") or "/version") for url in rule.non_resource_urls)
            yield from _of_rule(rule, who, name)
    yield Attributes(None, (), "get", "", "pods", "", "kube-system", name, True, "")


def _of_rule(rule: Rule, who: Identity, name: str) -> Iterator[Attributes]:
    verbs = [v for v in rule.verbs if v in _METHODS] or list(_METHODS)
    namespaces = rule.namespaces or ("kube-system", "")
    entries = [(e.group, r, e.resource_names) for e in rule.resources for r in (e.resources or ("pods",))]
    for group, resource, names in entries or [("", "pods", ()), ("", "nodes", ())]:
        for namespace, verb in product(namespaces, verbs):
            # a rule for certain names is asked about such a name only where nothing can be changed
            for wanted in names if names and verb == "get" else (name,):
                yield _on_object(who, verb, group, resource, namespace, wanted)


def _on_object(who: Identity, verb: str, group: str, resource: str, namespace: str, name: str) -> Attributes:
    """One request; `*` becomes something that exists. `resource` with its subresource, `pods/log`."""
    plural, _, sub = resource.partition("/")
    plural, sub = {"*": "pods"}.get(plural, plural), {"*": "log"}.get(sub, sub)
    named = "" if verb in {"list", "watch", "create"} and not sub else name
    group = "" if group == "*" else group
    return Attributes(who.user, who.groups, verb, group, plural, sub, namespace, named, True, "")


def _outside(who: Identity, path: str) -> Attributes:
    return Attributes(who.user, who.groups, "get", is_resource=False, path=path)


def _method(attributes: Attributes) -> str:
    return _METHODS[attributes.verb] if attributes.is_resource else attributes.verb.upper()


def _path(attributes: Attributes, name: str) -> str:
    """The URL that RequestInfoFactory reads as these attributes; `name` also marks the query."""
    if not attributes.is_resource:
        return f"{attributes.path}?kaudit-probe={name}"
    root = f"/apis/{attributes.api_group}/v1" if attributes.api_group else "/api/v1"
    if attributes.namespace:
        root += f"/namespaces/{attributes.namespace}"
    parts = [root, attributes.resource, attributes.name, attributes.subresource]
    query = f"kaudit-probe={name}"
    if attributes.verb not in {"get", "list", "watch"}:
        query += "&dryRun=All"
    if attributes.verb == "watch":
        query += "&watch=1&timeoutSeconds=1"
    if attributes.verb == "list":
        query += "&limit=1"
    return "/".join(p for p in parts if p) + "?" + query
