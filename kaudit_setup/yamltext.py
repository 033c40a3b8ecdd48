"""Round-trip YAML tuned to kubeadm's style; the only importer of ruamel.yaml."""
