"""Which versions of Kubernetes have a built-in resource, where not all that are known here do."""

from __future__ import annotations

from typing import Final

from kaudit_setup.model import KubeVersion

# (group, resource or resource/subresource) -> first version that has it, first version that has it no more.
SINCE: Final = {
    ("", "pods/resize"): KubeVersion(1, 32),
    ("authentication.k8s.io", "selfsubjectreviews"): KubeVersion(1, 26),
}
UNTIL: Final = {
    ("extensions", "ingresses"): KubeVersion(1, 22),
    ("policy", "podsecuritypolicies"): KubeVersion(1, 25),
}


def absent(group: str, spec: str, version: KubeVersion) -> str:
    """Why this version has no such `resource` or `resource/subresource`; empty where it has, or is not known."""
    since, until = SINCE.get((group, spec)), UNTIL.get((group, spec))
    if since is not None and version < since:
        return f"`{spec}` is there since {since}, not in {version}"
    if until is not None and version >= until:
        return f"`{spec}` of group `{group}` is gone since {until}"
    return ""
