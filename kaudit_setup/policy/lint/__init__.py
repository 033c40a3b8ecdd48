"""What is wrong with a policy that kube-apiserver loads."""

from kaudit_setup.policy.lint.run import lint, lint_policy, loading

__all__ = ["lint", "lint_policy", "loading"]
