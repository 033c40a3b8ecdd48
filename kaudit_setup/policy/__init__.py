"""What an audit policy means, exactly as kube-apiserver reads it. Pure.

`load` decodes a file as kube-apiserver does and gives a `Policy` (`model`); `evaluate` says which rule a request
meets. Everything that is proved about a policy goes over `classes`: all requests in finitely many classes, so that
within one of them every request meets the same rule. `lint`, `compare`, `questions` (what a log can answer),
`suggest` and `build` are made of that. `explain` is about one request. `catalog` knows what Kubernetes itself brings
along: resources, verbs, users.
"""
