"""Who asks, and whether they may: a small RBAC whose answers are worded as the real one's."""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.sandbox.objects import StatusError


@dataclass(frozen=True, slots=True)
class User:
    """An identity, as an event's `user` has it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    def json(self) -> dict[str, object]:
        """Empty fields are left out, as in the log."""
        fields: dict[str, object] = {"username": self.name}
        if self.uid:
            fields["uid"] = self.uid
        if self.groups:
            fields["groups"] = list(self.groups)
        return fields


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))

# user: namespace where RoleBinding USER-binding gives it the ClusterRole admin
ADMINS_OF = {"foobar": "default", "alice": "default"}
TOKENS = {
    "sandbox-token-of-alice": User("alice", ("developers", "system:authenticated"), "uid-alice"),
    "sandbox-token-of-ci": User(
        "system:serviceaccount:default:ci",
        ("system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"),
        "0b1f6c0e-2a57-4a58-9d1e-6f3b0c7f3c11",
    ),
}
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
_DISCOVERY = ("/api", "/apis", "/openapi")
_CONTROLLERS = "system:serviceaccount:kube-system:"


@dataclass(frozen=True, slots=True)
class Ask:
    """What the authorizer is asked."""

    user: User
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    path: str = ""


def of_certificate(subject: tuple[tuple[tuple[str, str], ...], ...]) -> User:
    """CN is the name, every O a group (staging/src/k8s.io/apiserver/pkg/authentication/request/x509/x509.go)."""
    pairs = [pair for rdn in subject for pair in rdn]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(name, (*groups, "system:authenticated"))


def allows(ask: Ask) -> str | None:
    """The reason why the request is allowed (empty for the master group), or None: it is not."""
    user = ask.user
    if "system:masters" in user.groups:
        return ""
    if "kubeadm:cluster-admins" in user.groups:
        return _by("kubeadm:cluster-admins", "cluster-admin", 'Group "kubeadm:cluster-admins"')
    return _resource(ask) if ask.resource else _path(ask)


def _by(binding: str, role: str, subject: str) -> str:
    return f'RBAC: allowed by ClusterRoleBinding "{binding}" of ClusterRole "{role}" to {subject}'


def _resource(ask: Ask) -> str | None:
    user = ask.user
    if user.name.startswith(_CONTROLLERS):
        controller = user.name.removeprefix(_CONTROLLERS)
        role = f"system:controller:{controller}"
        return _by(role, role, f'ServiceAccount "{controller}/kube-system"')
    if user.name in ("system:kube-controller-manager", "system:kube-scheduler"):
        return _by(user.name, user.name, f'User "{user.name}"')
    if user.name == "kube-apiserver-kubelet-client" and ask.resource == "nodes":
        # cmd/kubeadm/app/phases/bootstraptoken/node/tlsbootstrap.go
        binding = 'ClusterRoleBinding "kubeadm:apiserver-kubelet-client" of ClusterRole "system:kubelet-api-admin"'
        if ask.subresource or ask.verb in {"get", "list", "watch", "proxy"}:
            return f'RBAC: allowed by {binding} to User "{user.name}"'
    if "system:nodes" in user.groups and ask.resource in ("nodes", "pods", "leases", "events"):
        return ""
    if ask.namespace and ADMINS_OF.get(user.name) == ask.namespace:
        binding = f'RoleBinding "{user.name}-binding/{ask.namespace}" of ClusterRole "admin"'
        return f'RBAC: allowed by {binding} to User "{user.name}"'
    return None


def _path(ask: Ask) -> str | None:
    if ask.verb != "get":
        return None
    if _is_below(ask.path, _PUBLIC):
        role, group = "system:public-info-viewer", "".join(ask.user.groups[-1:])
    elif "system:authenticated" in ask.user.groups and _is_below(ask.path, _DISCOVERY):
        role, group = "system:discovery", "system:authenticated"
    elif "system:monitoring" in ask.user.groups and ask.path == "/metrics":
        role, group = "system:monitoring", "system:monitoring"
    else:
        return None
    return _by(role, role, f'Group "{group}"')


def _is_below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def forbidden(ask: Ask, name: str = "") -> StatusError:
    """403 in the words of staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go:Forbidden."""
    who = f'User "{ask.user.name}" cannot {ask.verb}'
    if not ask.resource:
        return StatusError(403, "Forbidden", f'forbidden: {who} path "{ask.path}"', {})
    what = f"{ask.resource}/{ask.subresource}".removesuffix("/")
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    full = f"{ask.resource}.{ask.group}".removesuffix(".")
    target = f'{full} "{name}"' if name else full
    message = f'{target} is forbidden: {who} resource "{what}" in API group "{ask.group}" {where}'
    details = {"name": name, "group": ask.group, "kind": ask.resource}
    return StatusError(403, "Forbidden", message, {key: value for key, value in details.items() if value})
