"""A ReplicaSet whose own create is not in the log: its Pods bear its name, and the first came right after it.

Source: pkg/controller/deployment/sync.go:getNewReplicaSet (a new template makes it), pkg/controller/replicaset.
"""

from __future__ import annotations

from itertools import chain

from kaudit_setup.attribution.evidence.choose import earliest, shortly_before, writes
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import begins, quoted
from kaudit_setup.attribution.evidence.owner_names import generated_from, guesses
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.timing import NEAR


def first_pod(index: EventIndex, replicas: Object, before: float) -> Request | None:
    """The first request on a Pod that bears the name of `replicas`, before `before` (Unix seconds); None if the log
    has none, or `replicas` is no ReplicaSet of a Deployment.
    """
    if replicas.resource != "replicasets" or not any(guesses(replicas)):
        return None
    prefix = f"{replicas.name}-"
    pods = Object("", "pods", replicas.namespace, prefix)
    index.look_up([*begins(pods), quoted(prefix)])
    own = (one for one in index.starting(pods) if generated_from(prefix, one.name))
    return earliest(chain.from_iterable(index.done(one, before) for one in own))


def is_of_a_new_template(index: EventIndex, replicas: Object, pod: Request) -> bool:
    """Whether somebody made or changed the Deployment of `replicas`, other than its size, right before its first
    `pod` was made or bound: then it was made for that.
    """
    if pod.subresource != "binding" and not creates(pod):
        return False
    known = chain.from_iterable(index.done(guess.owner, pod.at) for guess in guesses(replicas))
    return any(_asks_for_another(request) and shortly_before(request, pod.at, NEAR) for request in known)


def _asks_for_another(request: Request) -> bool:
    """Whether somebody may have asked a Deployment for another template by a request."""
    return writes(request) and request.subresource != "scale" and not request.by_kubernetes
