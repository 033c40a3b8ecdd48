"""What stands in the way of a change, found before anything is touched. Pure."""

from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.preflight.run import inspect, refuse

__all__ = ["Finding", "inspect", "refuse"]
