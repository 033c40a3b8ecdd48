"""Policies composed from a base and what to leave out or to look at closer."""

from kaudit_setup.policy.build.compose import build
from kaudit_setup.policy.build.recipe import (
    BASES,
    Base,
    Body,
    Recipe,
    parse_base,
    parse_body,
    parse_kind,
    parse_stages,
)

__all__ = ["BASES", "Base", "Body", "Recipe", "build", "parse_base", "parse_body", "parse_kind", "parse_stages"]
