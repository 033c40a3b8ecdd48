"""The verbs and URLs of requests.

Sources: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go:NewRequestInfo (verbs),
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (what everybody may read).
"""

from __future__ import annotations

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
