"""What Kubernetes' controllers do, and by which traces in the audit log they are followed."""
