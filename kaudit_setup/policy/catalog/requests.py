"""The verbs and URLs of requests.

Sources: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go:NewRequestInfo (verbs),
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (what everybody may read),
pkg/registry/*/rest (what a subresource can be asked for).
"""

from __future__ import annotations

import difflib
from typing import Final

# Every verb that NewRequestInfo gives to a resource request; "" is any other HTTP method.
RESOURCE_VERBS: Final = (
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", "",
)  # fmt: skip
READS: Final = ("get", "list", "watch")
WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
# A non-resource request's verb is its method in lower case.
HTTP_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "connect", "trace")
# Verbs of RBAC that no request carries.
RBAC_ONLY_VERBS: Final = ("impersonate", "bind", "escalate", "approve", "sign", "use", "connect", "attest")

LONG_RUNNING_VERBS: Final = ("watch", "proxy")
LONG_RUNNING_PARTS: Final = ("attach", "exec", "proxy", "log", "portforward")
LONG_RUNNING_URLS: Final = "/debug/pprof/*"

# Health, version and discovery: bootstrap roles let everybody read them (system:public-info-viewer,
# system:discovery), and reading them does nothing.
HEALTH_URLS: Final = ("/healthz*", "/livez*", "/readyz*")
PUBLIC_URLS: Final = (*HEALTH_URLS, "/version*", "/api*", "/openapi*", "/swagger*")

_CHANGED: Final = ("get", "update", "patch")
# subresource -> the verbs that the server takes for it; one that is not here takes any
PART_VERBS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("exec", "attach", "portforward"), ("create", "get")),
    **dict.fromkeys(("binding", "eviction", "token"), ("create",)),
    **dict.fromkeys(("approval", "ephemeralcontainers", "resize", "scale", "status"), _CHANGED),
    "finalize": ("update",),
    "log": ("get",),
}
# (group, resource) of which objects are created and never stored
CREATED_ONLY: Final = frozenset(
    {
        ("", "bindings"),
        *(("authentication.k8s.io", name) for name in ("selfsubjectreviews", "tokenreviews")),
        *(
            ("authorization.k8s.io", f"{name}reviews")
            for name in ("localsubjectaccess", "selfsubjectaccess", "selfsubjectrules", "subjectaccess")
        ),
    }
)

# What kubectl, HTTP and people call a request, and the verb that it has.
_MEANT: Final = {
    "exec": "exec is a create or get of pods/exec",
    "cp": "cp is an exec: a create or get of pods/exec",
    "attach": "attach is a create or get of pods/attach",
    **dict.fromkeys(("portforward", "port-forward"), "port-forward is a create or get of pods/portforward"),
    **dict.fromkeys(("log", "logs"), "logs are a get of pods/log"),
    "debug": "debug is a patch of pods/ephemeralcontainers",
    "scale": "scale is an update or patch of the resource's /scale, e.g. deployments/scale",
    **dict.fromkeys(("evict", "drain"), "an eviction is a create of pods/eviction"),
    **dict.fromkeys(
        ("apply", "edit", "label", "annotate", "rollout", "taint", "cordon"),
        "that is kubectl's word: the request is a patch",
    ),
    **dict.fromkeys(("run", "expose", "add", "post"), "the verb of such a request is create"),
    **dict.fromkeys(("replace", "put", "modify", "change"), "the verb of such a request is update (or patch)"),
    **dict.fromkeys(("describe", "head"), "the verb of such a request is get"),
    **dict.fromkeys(("read", "view"), f"reads are {', '.join(READS)}"),
    "write": f"writes are {', '.join(WRITES)}",
    **dict.fromkeys(("remove", "destroy"), "the verb of such a request is delete"),
    **dict.fromkeys(("delete-collection", "deleteall"), "the verb of such a request is deletecollection"),
    **dict.fromkeys(RBAC_ONLY_VERBS, "that is RBAC's verb; the request that is made has one of the usual verbs"),
    "connect": "that is admission's word: exec, attach and port-forward are a create or get of pods/exec and so on",
    "impersonate": "that is RBAC's verb: the request has its usual verb, and its event an impersonatedUser",
}


def verb_meant(verb: str, *, resource: bool = True) -> str:
    """Which verb the request has that the writer of a verb that no request has may have meant, as advice.

    `resource`: whether it is the verb of a request for a resource, not of one for a path.
    """
    lower = verb.strip().lower()
    if lower != verb and lower and lower in (RESOURCE_VERBS if resource else HTTP_METHODS):
        return f"verbs are lower case: `{lower}`"
    if not resource:
        return "verbs of non-resource requests are HTTP methods in lower case: get, head, post, put, …"
    return _MEANT.get(lower) or _like(lower)


def _like(verb: str) -> str:
    close = difflib.get_close_matches(verb, RESOURCE_VERBS, 1)
    return f"did you mean `{close[0]}`?" if close else f"the verbs are {', '.join(RESOURCE_VERBS[:-1])}"
