"""Policies composed from a base and what to leave out or to look at closer."""

from kaudit_setup.policy.build.build import (
    BASES,
    Body,
    Recipe,
    build,
    parse_base,
    parse_body,
    parse_kind,
    parse_stages,
)

__all__ = ["BASES", "Body", "Recipe", "build", "parse_base", "parse_body", "parse_kind", "parse_stages"]
