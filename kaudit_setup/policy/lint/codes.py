"""Every code of `policy lint` with what it means: one sentence each, for reports and the documentation.

`examples.EXAMPLES` has a policy for each.
"""

from __future__ import annotations

from typing import Final

CODES: Final = {
    # what the loader says
    "does-not-load": "kube-apiserver refuses this policy and does not start.",
    "ignored-document": "Only the first document of the file is read.",
    "unknown-field": "A field that audit policies do not have is ignored.",
    "misplaced-field": "A field stands where it is ignored, which widens the rule.",
    "duplicate-key": "A key stands twice; the last one counts.",
    "newer-field": "A field is ignored by this version of Kubernetes and known to later ones.",
    "older-field": "A field is no longer known to this version of Kubernetes.",
    "beta-version": "The version of the API is accepted now and refused by later versions of Kubernetes.",
    # words that match nothing
    "literal-wildcard": "A star is an ordinary letter in this field.",
    "unknown-verb": "No request has this verb.",
    "gone-identity": "A user or group of former times, which nobody is today.",
    "group-as-user": "The name of a group stands in users.",
    "user-as-group": "The name of a user stands in userGroups.",
    "not-a-user": "No user can have this name.",
    "not-a-group": "No group has this name.",
    "not-a-name": "A word that cannot be a name: a negation, a list in one word, spaces.",
    "unknown-group": "There is no API group of this name.",
    "core-group-name": 'The core group is called "", not core.',
    "unknown-resource": "The API group has no such resource.",
    "unknown-subresource": "The resource has no such subresource.",
    "dead-pattern": "A pattern of resources that matches nothing.",
    "version": "A resource that this version of Kubernetes does not have.",
    "star-includes-parent": "`name/*` also matches the resource itself.",
    "cluster-resource-in-namespace": "A resource without a namespace in a rule that is limited to namespaces.",
    "names-on-nameless-verb": "resourceNames never match a create, list or deletecollection.",
    "url-never": "A path with a query never matches.",
    "url-is-resource": "The path of a resource request never matches nonResourceURLs.",
    "url-misses-base": "`/path/*` does not match /path itself.",
    # what becomes of requests
    "logs-nothing": "No request at all is logged.",
    "matches-nothing": "A rule fits no request.",
    "unreachable-rule": "Earlier rules decide every request that would fit the rule.",
    "shadowed-resource": "Earlier rules decide every request for one resource of the rule.",
    "no-stage-left": "A rule omits every stage and so writes no event.",
    "no-catch-all": "Some requests fit no rule and are not logged.",
    "secret-read-bodies": "Every Secret that is read is written into the log with its content.",
    "secret-bodies": "Secrets that are changed are written into the log with their content.",
    "configmap-bodies": "ConfigMaps are written into the log with their content.",
    "token-bodies": "Valid bearer tokens are written into the log.",
    "arguments-logged": "Arguments of exec and queries of proxied URLs are in the log, in requestURI.",
    "exec-over-get-lost": "exec, attach or port-forward over a websocket (a GET) is not logged.",
    "failed-logins-lost": "Failed logins leave no trace.",
    "cluster-scoped-lost": "Nothing logs objects without a namespace.",
    "health-without-livez": "/healthz is dropped, /livez and /readyz are not.",
    "request-received-kept": "Every request is logged twice.",
    "noise-leases": "The leases that every component renews are logged.",
    "noise-events": "The Event objects that components write are logged.",
    "noise-endpointslices": "The endpoint slices that controllers rewrite are logged.",
}
"""Code → its meaning, in the order of the handbook."""
