"""Logs of several clusters: named by the user, or told apart by what stands in them."""
