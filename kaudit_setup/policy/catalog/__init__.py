"""What Kubernetes itself brings along: resources, verbs, URLs, users and groups."""
