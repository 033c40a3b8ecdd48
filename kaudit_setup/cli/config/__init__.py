"""Defaults of options: from the environment and from configuration files, with profiles."""
