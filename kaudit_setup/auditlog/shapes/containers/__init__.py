"""What container runtimes make of a server's output, where it logs to its standard output: `cri` of containerd and
CRI-O, `docker` of Docker. Both cut long lines into `parts`, which are joined again.
"""
