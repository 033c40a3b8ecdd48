"""Which rule a request meets, and what is then written."""

from kaudit_setup.policy.evaluate.compiled import (
    GROUP_WILDCARD_SINCE,
    OMIT_MANAGED_FIELDS_SINCE,
    Compiled,
    compile,
    decisions,
    evaluate,
    path_matches,
    resource_matches,
)

__all__ = [
    "GROUP_WILDCARD_SINCE",
    "OMIT_MANAGED_FIELDS_SINCE",
    "Compiled",
    "compile",
    "decisions",
    "evaluate",
    "path_matches",
    "resource_matches",
]
