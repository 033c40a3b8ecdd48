"""What a log shows beside the object asked about: other objects of its name, and the nodes of API servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.unanswered.missing_logs import is_of_apiserver
from kaudit_setup.values import replace


class OtherObjects(msgspec.Struct, frozen=True):
    """`servers`: the nodes on which, as their kubelets said, an API server ran. `namespaces`: those that have an
    object of the kind and the name asked about.
    """

    servers: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()


NOTHING: Final = OtherObjects()


def other_objects(requests: Iterable[Request], obj: Object) -> OtherObjects:
    """What `requests` show; none of them is kept."""
    servers, namespaces = set(), set()
    for request in requests:
        if is_of_apiserver(request):
            servers.add(request.node)
        if request.done and replace(request.object, namespace=obj.namespace) == obj:
            namespaces.add(request.namespace)
    return OtherObjects(frozenset(servers), frozenset(namespaces))
