"""On which nodes API servers ran, as their kubelets say: known of a batch since it was packed, so no line is read."""

from __future__ import annotations

import msgspec

from kaudit_setup.auditlog.event import Event, ObjectReference, ResponseStatus, UserInfo

POD = "kube-apiserver-"
"""Before the name of a node: the name of its API server's static Pod."""
NODE = "system:node:"
"""Before the name of a node: the user that its kubelet is."""


class ServerSeen(msgspec.Struct, frozen=True, array_like=True):
    """Requests of a node's user, `user`, on the Pod of that node's API server: what they have in common."""

    user: str
    groups: tuple[str, ...]
    impersonator: str
    agent: str
    stage: str
    code: int

    def event(self) -> Event:
        """A request like these."""
        sender = UserInfo(self.impersonator or self.user, () if self.impersonator else self.groups)
        return Event(
            self.stage,
            verb="get",
            user=sender,
            impersonated_user=UserInfo(self.user) if self.impersonator else None,
            user_agent=self.agent,
            object_ref=ObjectReference("pods", "kube-system", POD + self.user.removeprefix(NODE)),
            response_status=ResponseStatus(self.code),
        )
