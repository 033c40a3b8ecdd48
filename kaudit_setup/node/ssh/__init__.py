"""Nodes reached over SSH.

`target` says where to log in, `settings` what the user's ssh_config makes of that, `known_hosts` whether a host key
may be trusted. Two adapters of the `Node` port use them: `paramiko_node` (the default; with `login` and `proxy`) and
`openssh_node`, which drives the `ssh` program.
"""
