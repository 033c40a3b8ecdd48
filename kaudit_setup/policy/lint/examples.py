"""A policy for each code of `policy lint` that has it: for the reference, and the test of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion


@dataclass(frozen=True, slots=True)
class Example:
    """What stands below `apiVersion` and `kind`, for this version of Kubernetes."""

    below: str
    version: KubeVersion = NEWEST
    api: str = "v1"

    @property
    def text(self) -> str:
        """The whole file."""
        return f"apiVersion: audit.k8s.io/{self.api}\nkind: Policy\n{self.below}"


def _rules(*rules: str) -> Example:
    """Rules, each in one line as a reader would shorten them, before one that logs the rest."""
    return Example("omitStages: [RequestReceived]\nrules:\n" + "".join(f"- {rule}\n" for rule in rules))


_ALL: Final = "level: Metadata"

EXAMPLES: Final[dict[str, Example]] = {
    "does-not-load": _rules("level: metadata"),
    "ignored-document": Example(
        "omitStages: [RequestReceived]\nrules:\n- level: Metadata\n---\nrules:\n- level: None\n"
    ),
    "unknown-field": _rules("{level: None, user: [alice]}", _ALL),
    "misplaced-field": _rules("{level: None, group: apps}", _ALL),
    "duplicate-key": _rules("{level: None, level: Metadata}"),
    "newer-field": Example(
        "omitManagedFields: true\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n", KubeVersion(1, 22)
    ),
    "older-field": Example(
        "metadata: {clusterName: prod}\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
    ),
    "beta-version": Example(
        "omitStages: [RequestReceived]\nrules:\n- level: Metadata\n", KubeVersion(1, 23), "v1beta1"
    ),
    "literal-wildcard": _rules("{level: None, namespaces: ['kube-*']}", _ALL),
    "unknown-verb": _rules("{level: None, verbs: [read]}", _ALL),
    "gone-identity": _rules("{level: None, users: ['system:unsecured']}", _ALL),
    "group-as-user": _rules("{level: None, users: ['system:nodes']}", _ALL),
    "user-as-group": _rules("{level: None, userGroups: ['system:kube-scheduler']}", _ALL),
    "not-a-user": _rules("{level: None, users: ['system:serviceaccount:team']}", _ALL),
    "not-a-group": _rules("{level: None, userGroups: ['system:Masters']}", _ALL),
    "not-a-name": _rules("{level: None, namespaces: ['!kube-system']}", _ALL),
    "unknown-group": _rules("{level: None, resources: [{group: rbac, resources: [roles]}]}", _ALL),
    "core-group-name": _rules("{level: None, resources: [{group: core, resources: [pods]}]}", _ALL),
    "unknown-resource": _rules('{level: None, resources: [{group: "", resources: [deployments]}]}', _ALL),
    "unknown-subresource": _rules('{level: None, resources: [{group: "", resources: [pods/exce]}]}', _ALL),
    "dead-pattern": _rules("{level: None, resources: [{group: \"\", resources: ['service*']}]}", _ALL),
    "version": _rules("{level: None, resources: [{group: extensions, resources: [ingresses]}]}", _ALL),
    "star-includes-parent": _rules("{level: None, resources: [{group: \"\", resources: ['pods/*']}]}", _ALL),
    "cluster-resource-in-namespace": _rules(
        '{level: None, namespaces: [shop], resources: [{group: "", resources: [nodes]}]}', _ALL
    ),
    "names-on-nameless-verb": _rules(
        '{level: None, verbs: [list], resources: [{group: "", resources: [pods], resourceNames: [web]}]}', _ALL
    ),
    "url-never": _rules("{level: None, nonResourceURLs: ['/version?timeout=5s']}", _ALL),
    "url-is-resource": _rules("{level: None, nonResourceURLs: ['/api/v1/pods*']}", _ALL),
    "url-misses-base": _rules("{level: None, nonResourceURLs: ['/readyz/*']}", _ALL),
    "logs-nothing": _rules("level: None"),
    "matches-nothing": _rules('{level: None, verbs: [connect], resources: [{group: "", resources: [pods]}]}', _ALL),
    "unreachable-rule": _rules(_ALL, "{level: None, users: [alice]}"),
    "shadowed-resource": _rules(
        '{level: None, resources: [{group: "", resources: [secrets]}]}',
        '{level: Request, resources: [{group: "", resources: [secrets, pods]}]}',
        _ALL,
    ),
    "no-stage-left": _rules(
        "{level: Metadata, users: [alice], omitStages: [ResponseStarted, ResponseComplete, Panic]}", _ALL
    ),
    "no-catch-all": _rules('{level: Metadata, resources: [{group: "", resources: [pods]}]}'),
    "secret-read-bodies": _rules("level: RequestResponse"),
    "secret-bodies": _rules("level: Request"),
    "configmap-bodies": _rules("level: Request"),
    "token-bodies": _rules("level: Request"),
    "arguments-logged": _rules(_ALL),
    "exec-over-get-lost": _rules("{level: None, verbs: [get, list, watch]}", _ALL),
    "failed-logins-lost": _rules("{level: Metadata, omitStages: [ResponseStarted]}"),
    "cluster-scoped-lost": _rules("{level: Metadata, namespaces: [shop]}", "level: None"),
    "health-without-livez": _rules("{level: None, nonResourceURLs: ['/healthz*']}", _ALL),
    "request-received-kept": Example("rules:\n- level: Metadata\n"),
    "noise-leases": _rules(_ALL),
    "noise-events": _rules(_ALL),
    "noise-endpointslices": _rules(_ALL),
}
"""Code → the smallest policy that shows it."""
