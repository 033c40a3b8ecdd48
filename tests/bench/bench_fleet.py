"""Fifty nodes on loopback: `status` of all against `ansible -m command` asking them the same.

The nodes are fifty OpenSSH sshd on fifty ports, each over a folder that holds a node's files. Needs sshd and pip;
ansible-core is installed into a scratch folder, or found by KAUDIT_BENCH_ANSIBLE=/path/to/bin/ansible.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaudit_setup.sandbox import tree

COUNT = 50
TOOL = Path(sys.executable).with_name("kaudit-setup")
# one command for all that `status` asks: manifest, policy, log, space, processes, what this tool left
ASKS = (
    "cat $KAUDIT_ROOT/etc/kubernetes/manifests/kube-apiserver.yaml $KAUDIT_ROOT/etc/kubernetes/audit-policy.yaml; "
    "sha256sum $KAUDIT_ROOT/etc/kubernetes/audit-policy.yaml; ls -l $KAUDIT_ROOT/var/log/kubernetes/audit; "
    "df -P -k $KAUDIT_ROOT/var/log; cat $KAUDIT_ROOT/proc/*/cmdline; cat $KAUDIT_ROOT/etc/kubernetes/pki/ca.crt; "
    "cat $KAUDIT_ROOT/var/lib/kaudit-setup/journal.jsonl $KAUDIT_ROOT/var/lib/kaudit-setup/backups/*/backup.json"
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports: list[int] = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def nodes(folder: Path) -> Iterator[Path]:
    """Fifty sshd; yields the ssh_config."""
    first = folder / "root0"
    tree.plant(first, node="cp", version="1.36.2", port=6443)
    for name in tree.SHIMS:
        (first / "usr/local/bin" / name).unlink(missing_ok=True)
    subprocess.run(
        [TOOL, "enable", "--policy", "metadata", "--yes", "--root", str(first)], check=True, capture_output=True
    )
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    key = " ".join((folder / "host.pub").read_text().split()[:2])
    Path("/run/sshd").mkdir(exist_ok=True)
    config, known, servers = [], [], []
    user = os.environ.get("USER") or "root"
    for number, port in enumerate(free_ports(COUNT)):
        root = folder / f"root{number}"
        if number:
            shutil.copytree(first, root)
        file = folder / f"sshd{number}"
        file.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            # a node's own home: what this machine's ~/.bashrc does at every login is no part of it
            f"SetEnv KAUDIT_ROOT={root} HOME={root}/root\n"
            "Subsystem sftp internal-sftp\n"
        )
        sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        assert sshd, "sshd is not installed"
        servers.append(subprocess.Popen([sshd, "-D", "-e", "-f", str(file)], stderr=subprocess.DEVNULL))
        known.append(f"[127.0.0.1]:{port} {key}\n")
        config.append(
            f"Host n{number}\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {folder}/user\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
        )
    (folder / "known").write_text("".join(known))
    (folder / "config").write_text("".join(config))
    try:
        for line in known:
            port = int(line.split("]:")[1].split()[0])
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, f"sshd on port {port} did not start"
                    time.sleep(0.05)
        yield folder / "config"
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


def ansible(folder: Path) -> Path:
    """The ansible command, installed if need be."""
    named = os.environ.get("KAUDIT_BENCH_ANSIBLE")
    if named:
        return Path(named)
    venv = folder / "ansible"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([venv / "bin/pip", "install", "-q", "--disable-pip-version-check", "ansible-core"], check=True)
    return venv / "bin/ansible"


def timed(argv: list[str | Path], env: dict[str, str]) -> tuple[float, int, str]:
    """Seconds, peak resident MiB of the largest process so far, output."""
    began = time.monotonic()
    ran = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, ran.stdout + ran.stderr


def main() -> None:
    """Print both, and the ratio."""
    folder = Path(tempfile.mkdtemp(prefix="kaudit-bench-"))
    env = {**os.environ, "NO_COLOR": "1"}
    try:
        with nodes(folder) as config:
            hosts = [word for n in range(COUNT) for word in ("--host", f"n{n}")]
            best, memory, said = 1e9, 0, ""
            for _ in range(3):
                took, memory, said = timed([TOOL, "status", "--ssh-config", str(config), *hosts], env)
                best = min(best, took)
            lines = said.splitlines()
            assert lines[0].startswith("NODE"), said
            assert sum(" metadata " in line for line in lines) == COUNT, said
            inventory = folder / "hosts.ini"
            inventory.write_text("".join(f"n{n} ansible_python_interpreter={sys.executable}\n" for n in range(COUNT)))
            env |= {"ANSIBLE_SSH_ARGS": f"-F {config}", "ANSIBLE_LOCALHOST_WARNING": "0"}
            command = [ansible(folder), "all", "-i", str(inventory), "-f", "50", "-m", "command", "-a"]
            # what the command module runs must not end with a failure
            script = folder / "asks.sh"
            script.write_text(ASKS + " || true\n")
            other = 1e9
            for _ in range(2):
                took, _, answer = timed([*command, f"sh {script}"], env)
                assert answer.count("rc=0") == COUNT or answer.count("CHANGED") == COUNT, answer[-2000:]
                other = min(other, took)
        print(f"{'status of 50 nodes':<34}{best:6.2f} s  {memory:4d} MiB   promised: 6 s, 250 MiB")
        print(f"{'ansible -m command, 50 forks':<34}{other:6.2f} s")
        print(f"{'ansible / status':<34}{other / best:6.2f}     promised: 3 or more")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
