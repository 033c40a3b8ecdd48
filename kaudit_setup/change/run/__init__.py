"""Carrying out a plan on one node: back up, arm the watchdog, apply, prove, confirm; or undo."""
