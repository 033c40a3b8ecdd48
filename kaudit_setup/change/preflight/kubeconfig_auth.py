"""What client-go refuses of the credentials in a kubeconfig, whoever the server is. Pure.

Sources: staging/src/k8s.io/client-go/tools/clientcmd/validation.go (validateClusterInfo, validateAuthInfo),
staging/src/k8s.io/client-go/transport/transport.go (TLSConfigFor, rootCertPool) of Kubernetes 1.36.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

Fields = Mapping[str, object]
_CA: Final = "certificate-authority"
_CERTIFICATE: Final = "client-certificate"
_KEY: Final = "client-key"
_INSECURE: Final = "insecure-skip-tls-verify"
_INTERACTIVE: Final = ("Never", "IfAvailable", "Always")
_METHODS: Final = (("a token", ("token",)), ("a name with a password", ("username", "password")))


def refused_credentials(cluster: Fields, user: Fields) -> Iterator[str]:
    """Why client-go would not use them; none of their values is shown."""
    given = ((cluster, _CA), (user, _CERTIFICATE), (user, _KEY))
    yield from chain.from_iterable(_twice_or_damaged(part, key) for part, key in given)
    if cluster.get(_INSECURE) is True and _has(cluster, _CA):
        yield f"its cluster has both {_CA} and {_INSECURE}"
    yield from _methods(user)
    if isinstance(plugin := user.get("exec"), Mapping):
        yield from _exec(plugin, user)


def _has(part: Fields, key: str) -> bool:
    return bool(part.get(key) or part.get(f"{key}-data"))


def _twice_or_damaged(part: Fields, key: str) -> Iterator[str]:
    data = part.get(f"{key}-data")
    if part.get(key) and data:
        yield f"it has both {key} and {key}-data"
    if isinstance(data, str) and data and (wrong := _damage(data)):
        yield f"its {key}-data is not {wrong}"


def _damage(data: str) -> str:
    """What some data should be and is not; empty if it is."""
    try:
        content = b64decode("".join(data.split("\n")), validate=True)
    except (binascii.Error, ValueError):
        return "base64"
    return "" if b"-----BEGIN " in content else "PEM in base64"


def _methods(user: Fields) -> Iterator[str]:
    methods = [words for words, keys in _METHODS if any(user.get(key) for key in keys)]
    if len(methods) > 1:
        yield f"its user has {' and '.join(methods)}: only one of them is allowed"
    if _has(user, _CERTIFICATE) and not _has(user, _KEY):
        yield f"its user has a {_CERTIFICATE} and no {_KEY}"


def _exec(plugin: Fields, user: Fields) -> Iterator[str]:
    """What a plugin needs to be one; `interactiveMode` has a default but in v1 (clientcmd/api/v1/defaults.go)."""
    if user.get("auth-provider"):
        yield "its user has both exec and auth-provider"
    yield from (f"its user's exec plugin has no {key}" for key in ("command", "apiVersion") if not plugin.get(key))
    mode = plugin.get("interactiveMode")
    if mode not in _INTERACTIVE and (mode or plugin.get("apiVersion") == "client.authentication.k8s.io/v1"):
        yield f"its user's exec plugin has no interactiveMode of {', '.join(_INTERACTIVE)}"
