"""From the audit settings in an inventory to what `enable` would be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaudit_setup.change.plan_enable import Wanted
    from kaudit_setup.fleet.hosts import AuditClaim


def wanted_of(claim: AuditClaim, inventory: Path) -> Wanted:
    """The policy is read: a preset, or a file whose path counts from the inventory's folder. Raises InputError."""
    from kaudit_setup.change.plan_enable import Wanted
    from kaudit_setup.policy import presets

    name = claim.policy
    if name not in presets.names():
        name = str(inventory.absolute().parent / Path(name).expanduser())
    return Wanted(presets.read(name)[1], dict(claim.flags), log_group=claim.log_group)
