"""kaudit-setup: turn Kubernetes audit logging on, prove it on the node, and answer who did what."""

__version__ = "1.0.0rc1"
