"""How fast the log of a node will grow, from the requests that its API server has counted."""

from kaudit_setup.change.forecast.growth import Growth, expected_growth, growth_of

__all__ = ["Growth", "expected_growth", "growth_of"]
