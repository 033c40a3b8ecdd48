"""text → text: the kube-apiserver static Pod, kubeadm's ClusterConfiguration, and differences between texts. Pure."""
