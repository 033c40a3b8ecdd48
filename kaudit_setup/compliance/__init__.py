"""The audit part of the CIS Kubernetes Benchmark (1.10): flags, policy, and both of one node. Pure."""
