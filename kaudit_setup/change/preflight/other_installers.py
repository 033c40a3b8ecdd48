"""The finding about a manifest that another installer writes anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.node.installers import owner_of
from kaudit_setup.node.observe import Observed


def installed(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """What is set up there would be gone with the installer's next run."""
    installer = owner_of(observed.manifest.path, observed.installers)
    if installer and plan.settings is not None:
        yield Finding(
            "other-installer",
            True,
            f"this is {installer.title}, which writes {observed.manifest.path} itself: auditing would be lost again",
            installer.advice,
        )
