"""What an audit policy means, exactly as kube-apiserver reads it. Pure."""
