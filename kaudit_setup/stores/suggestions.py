"""`policy suggest` of stores: what it asks is counted where the lines are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kaudit_setup.auditlog.coverage.extent import Extent, extent
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import RequestClass
from kaudit_setup.auditlog.reports.suggestions import MOST_KINDS
from kaudit_setup.policy.model import Policy
from kaudit_setup.policy.suggest.candidates import Traffic, requester
from kaudit_setup.stores.several import Stores

_BY = ("user", "impersonator", "verb", "group", "resource")


class Counted(msgspec.Struct, frozen=True):
    """See `auditlog.reports.suggestions.Log`; of stores that count."""

    stores: Stores
    wanted: Filter

    def traffic(self) -> list[Traffic]:
        """See `Log.traffic`. Raises StoreError if none of the stores answers."""
        rows = self.stores.top(_BY, self.wanted, MOST_KINDS).rows
        kinds = (key for key, _, _ in rows)
        # a policy is asked about who sent a request, whomever that one impersonated
        return list(
            dict.fromkeys(
                Traffic(requester(sender or user), verb, group, resource)
                for user, sender, verb, group, resource in kinds
            )
        )

    def weigh(self, policies: Sequence[Policy]) -> dict[RequestClass, Weight]:
        """See `Log.weigh`. Raises StoreError if none of the stores answers."""
        return self.stores.weigh(policies, self.wanted)

    def extent(self) -> Extent:
        """See `Log.extent`."""
        return extent(self.stores.coverage(), self.wanted.window)
