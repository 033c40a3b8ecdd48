"""text → text: the kube-apiserver static Pod, kubeadm's ClusterConfiguration, and differences between texts. Pure.

`settings` decides which flags there shall be, `flags` and `flagtable` know what each version of kube-apiserver
takes. `patch` writes them into the manifest, whose parts `shape` finds and `edit` changes, every other byte as it
was; `pod` is what a manifest says. `difference` proves that only auditing differs. `kubeadm` does the same for
kubeadm's file, `render` and `shippers` for those who install Kubernetes, or ship logs, by other means.
"""
