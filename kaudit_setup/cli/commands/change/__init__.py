"""The commands that alter nodes."""
