"""The sandbox through the doors its users take: SSH, the manifest's file, the API, the audit log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

from kaudit_setup.sandbox import Faults, Sandbox

POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-proxy"]
- level: RequestResponse
  resources:
  - group: ""
    resources: ["configmaps"]
- level: Metadata
"""
LOG = "/var/log/kubernetes/audit/audit.log"
MOUNTS = """    volumeMounts:
    - mountPath: /var/log/kubernetes/audit
      name: audit-log
    - mountPath: /etc/kubernetes/audit-policy.yaml
      name: audit-policy
      readOnly: true
"""
VOLUMES = """  volumes:
  - hostPath:
      path: /var/log/kubernetes/audit
      type: DirectoryOrCreate
    name: audit-log
  - hostPath:
      path: /etc/kubernetes/audit-policy.yaml
      type: File
    name: audit-policy
"""


def connect(node: Sandbox, **changes: Any) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.load_host_keys(str(node.known_hosts))
    login = {"username": "root", "key_filename": str(node.folder / "id_ed25519"), **changes}
    client.connect("127.0.0.1", node.port, look_for_keys=False, allow_agent=False, **login)
    return client


def ssh(client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    into, out, err = client.exec_command(command, timeout=20)
    with ThreadPoolExecutor(2) as pool:
        said, complained = pool.submit(out.read), pool.submit(err.read)
        into.write(stdin)
        into.channel.shutdown_write()
        return out.channel.recv_exit_status(), said.result(), complained.result()


def audited(manifest: str, *flags: str, mounts: str = MOUNTS, volumes: str = VOLUMES) -> str:
    lines = "".join(f"    - {flag}\n" for flag in flags)
    manifest = manifest.replace("    image: ", f"{lines}    image: ", 1)
    return manifest.replace("    volumeMounts:\n", mounts, 1).replace("  volumes:\n", volumes, 1)


def turn_on(node: Sandbox, *more: str, policy: str = POLICY, **kwargs: str) -> None:
    """By hand, as an operator would: the policy, then the manifest by rename."""
    before = node.starts()
    (node.root / "etc/kubernetes/audit-policy.yaml").write_text(policy)
    put(
        node,
        audited(
            node.manifest.read_text(),
            "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
            f"--audit-log-path={LOG}",
            *more,
            **kwargs,
        ),
    )
    node.wait(lambda: node.starts() > before, "a restart")


def put(node: Sandbox, text: str) -> None:
    fresh = node.manifest.with_name(".fresh")
    fresh.write_text(text)
    fresh.replace(node.manifest)


def kubectl(node: Sandbox, *args: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "KAUDIT_ROOT": str(node.root)}
    return subprocess.run(
        [node.root / "usr/local/bin/kubectl", *args], env=env, capture_output=True, text=True, check=False
    )


def up(node: Sandbox) -> None:
    node.wait(lambda: kubectl(node, "get", "--raw", "/readyz").stdout == "ok", "the API server")


@pytest.fixture(scope="module")
def calm() -> Iterator[Sandbox]:
    """One well-behaved node for what does not change it."""
    with Sandbox.start() as node:
        yield node


@pytest.fixture
def node() -> Iterator[Sandbox]:
    with Sandbox.start() as fresh:
        yield fresh


def test_commands_have_their_streams_and_status(calm: Sandbox) -> None:
    client = connect(calm)
    data = os.urandom(300_000)
    assert ssh(client, "cat; echo oops >&2; exit 7", data) == (7, data, b"oops\n")
    # several at once on one connection
    channels = [client.exec_command(f"read x; echo {n} $x") for n in range(5)]
    for into, _, _ in channels:
        into.write(b"here\n")
    assert [out.read() for _, out, _ in channels] == [f"{n} here\n".encode() for n in range(5)]
    code, out, err = ssh(client, "head -c 3000000 /dev/zero | tee /dev/stderr")
    assert (code, len(out), len(err)) == (0, 3_000_000, 3_000_000)
    client.close()


def test_the_node_looks_like_one(calm: Sandbox) -> None:
    client = connect(calm)
    script = 'for p in "$KAUDIT_ROOT"/proc/[0-9]*; do tr "\\0" " " <$p/cmdline; kill -0 ${p##*/} && echo alive; done'
    _, out, _ = ssh(client, f"id -u; uname -n; {script}")
    lines = out.decode().splitlines()
    assert lines[:2] == ["0", "cp1"]
    assert any(f"--secure-port={calm.api_port}" in line and line.endswith("alive") for line in lines)
    assert any(line.startswith("/usr/bin/kubelet --config=") for line in lines)
    etc = calm.root / "etc/kubernetes"
    assert (etc / "manifests").stat().st_mode & 0o777 == 0o700
    assert (etc / "manifests/kube-apiserver.yaml").stat().st_mode & 0o777 == 0o600
    client.close()


def test_strangers_and_wrong_host_keys_are_refused(calm: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect(calm, key_filename=str(calm.folder / "host_key"))
    other = tmp_path / "known_hosts"
    key = paramiko.Ed25519Key(filename=str(calm.folder / "id_ed25519"))
    other.write_text(f"[127.0.0.1]:{calm.port} {key.get_name()} {key.get_base64()}\n")
    client = paramiko.SSHClient()
    client.load_host_keys(str(other))
    with pytest.raises(paramiko.BadHostKeyException):
        client.connect("127.0.0.1", calm.port, username="root", key_filename=str(calm.folder / "id_ed25519"))


@pytest.mark.parametrize("version", ["1.20.2", "1.36.2"])
def test_audit_by_hand_writes_real_shaped_events(version: str) -> None:
    with Sandbox.start(version=version) as node:
        turn_on(node)
        up(node)
        made = kubectl(node, "--as=foobar", "run", "my-suspicious-pod", "--image=nginx")
        assert made.stdout == "pod/my-suspicious-pod created\n"
        assert kubectl(node, "get", "pod/nothing").returncode == 1
        events = node.events()
        (created,) = [e for e in events if e["verb"] == "create"]
        admins = "system:masters" if version == "1.20.2" else "kubeadm:cluster-admins"
        assert created["user"] == {"username": "kubernetes-admin", "groups": [admins, "system:authenticated"]}
        assert created["impersonatedUser"] == {"username": "foobar", "groups": ["system:authenticated"]}
        assert created["objectRef"] == {
            "resource": "pods",
            "namespace": "default",
            "name": "my-suspicious-pod",
            "apiVersion": "v1",
        }
        assert created["requestURI"] == "/api/v1/namespaces/default/pods?fieldManager=kubectl-run"
        assert created["level"] == "Metadata"
        assert "requestObject" not in created
        assert created["annotations"] == {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "foobar-binding/default"'
            ' of ClusterRole "admin" to User "foobar"',
        }
        assert {e["stage"] for e in events} == {"ResponseComplete"}
        (missing,) = [e for e in events if e.get("responseStatus", {}).get("code") == 404]
        assert ("message" in missing["responseStatus"]) == (version == "1.36.2")
        metrics = kubectl(node, "get", "--raw", "/metrics").stdout
        assert 'apiserver_audit_level_total{level="Metadata"}' in metrics
        assert node.starts() == 2


def test_a_deployments_pods_are_made_by_its_controllers(node: Sandbox) -> None:
    turn_on(node, policy="apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n")
    up(node)
    assert kubectl(node, "create", "deployment", "web", "--image=nginx", "--replicas=2").returncode == 0

    def pods() -> list[dict[str, Any]]:
        return [
            e
            for e in node.events()
            if e["verb"] == "create" and e["stage"] == "ResponseComplete" and e["objectRef"]["resource"] == "pods"
        ]

    node.wait(lambda: len(pods()) == 2, "two Pods")
    for event in pods():
        assert event["user"]["username"] == "system:serviceaccount:kube-system:replicaset-controller"
        assert "name" not in event["objectRef"]
        assert event["responseObject"]["metadata"]["name"].startswith("web-")
        assert event["responseObject"]["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"


def test_what_cluster_state_there_is_outlives_the_server(node: Sandbox) -> None:
    assert kubectl(node, "run", "web", "--image=nginx").returncode == 0
    turn_on(node)
    up(node)
    assert json.loads(kubectl(node, "get", "pod/web").stdout)["metadata"]["name"] == "web"


@pytest.mark.parametrize(
    ("version", "policy", "flag", "words"),
    [
        ("1.36.2", "apiVersion: audit.k8s.io/v1\nkind: Policy\n", "", '"command failed" err="loading audit policy'),
        ("1.20.2", "rules: [", "", "Error: loading audit policy file"),
        ("1.36.2", POLICY, "--audit-log-maxage=-1", "--audit-log-maxage -1 can't be a negative number"),
        ("1.20.2", POLICY, "--audit-log-nonsense=1", "Error: unknown flag: --audit-log-nonsense"),
    ],
)
def test_a_server_that_refuses_its_settings_crash_loops(version: str, policy: str, flag: str, words: str) -> None:
    with Sandbox.start(version=version, faults=Faults(backoff_seconds=0.05)) as node:
        before = node.manifest.read_text()
        turn_on(node, *([flag] if flag else []), policy=policy)
        node.wait(lambda: node.starts() >= 4, "restarts")
        assert words in node.server_log()
        assert kubectl(node, "get", "--raw", "/readyz").returncode == 1
        put(node, before)
        up(node)


def test_the_static_pod_directory_has_kubelets_rules(node: Sandbox) -> None:
    text = node.manifest.read_text()
    # comments do not restart
    put(node, f"# a comment\n{text}")
    node.misbehave(relist_seconds=0.1)
    # a dot-named copy is nothing, another name is a manifest, and the last in sort order wins
    node.manifest.with_name(".kube-apiserver.yaml.old").write_text("nonsense")
    labelled = text.replace("    tier: control-plane", "    tier: stray")
    stray = node.manifest.with_name("kube-apiserver.yaml.bak")
    stray.write_text(labelled)
    node.wait(lambda: node.starts() == 2, "the stray copy to win")
    stray.unlink()
    node.wait(lambda: node.starts() == 3, "the manifest to be back")
    # an invalid manifest ends the Pod at the next re-list
    put(node, text.replace("volumeMounts:", "volumeMounts: ["))
    node.wait(lambda: not list((node.root / "proc").glob(f"{node.server_pid()}")), "the Pod to be killed")
    put(node, text)
    node.wait(lambda: node.starts() == 4, "a fixed manifest to run")


def test_a_draining_server_still_answers(node: Sandbox) -> None:
    node.misbehave(drain_seconds=60)
    pid = node.server_pid()
    put(node, node.manifest.read_text().replace("    tier: control-plane", "    tier: other"))
    node.wait((node.folder / "kubelet.log").parent.exists, "the folder")
    assert kubectl(node, "get", "--raw", "/readyz").stdout == "ok"
    assert node.server_pid() == pid
    node.misbehave(drain_seconds=0)
    node.wait(lambda: node.server_pid() != pid, "the new server")
    up(node)


def test_no_two_nodes_share_a_port(node: Sandbox, calm: Sandbox) -> None:
    put(node, node.manifest.read_text().replace(f"--secure-port={node.api_port}", f"--secure-port={calm.api_port}"))
    node.wait(lambda: "Address already in use" in node.server_log(), "a server that says that its port is taken")
    assert kubectl(calm, "get", "--raw", "/readyz").stdout == "ok"


def test_misbehaviours_of_kubelet_and_log(node: Sandbox) -> None:
    node.misbehave(kubelet="stopped", audit_writes=False)
    node.wait(lambda: len(list((node.root / "proc").iterdir())) == 1, "kubelet to be gone")
    (node.root / "etc/kubernetes/audit-policy.yaml").write_text(POLICY)
    put(
        node,
        audited(
            node.manifest.read_text(),
            "--audit-policy-file=/etc/kubernetes/audit-policy.yaml",
            f"--audit-log-path={LOG}",
        ),
    )
    assert kubectl(node, "get", "--raw", "/readyz").stdout == "ok"
    assert node.starts() == 1
    node.misbehave(kubelet="running")
    node.wait(lambda: node.starts() == 2, "a restart")
    up(node)
    assert node.events() == []
    node.misbehave(audit_writes=True)
    kubectl(node, "get", "--raw", "/version")
    node.wait(lambda: bool(node.events()), "an event")


def test_connections_are_cut_where_told(node: Sandbox) -> None:
    client = connect(node)
    node.misbehave(drop_at_command=2)
    assert ssh(client, "echo one")[1] == b"one\n"
    mark = node.root / "tmp/ran"
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        ssh(client, f"touch {mark}")
    assert not mark.exists()
    client = connect(node)
    node.misbehave(drop_at_command=1, drop_after_bytes=3)
    assert ssh(client, "echo abcdef; sleep 30")[0] == -1
    client = connect(node)
    node.misbehave(drop_at_command=1, drop_after_bytes=-1)
    assert ssh(client, f"touch {mark}")[0] == -1
    assert mark.exists()
    client = connect(node)
    _, out, _ = client.exec_command("sleep 30")
    node.cut_connections()
    assert out.channel.recv_exit_status() == -1


def test_what_setsid_started_survives_its_connection_and_not_the_sandbox(node: Sandbox) -> None:
    client = connect(node)
    node.misbehave(hangup=True)
    ssh(client, "setsid sh -c 'echo $$ >tmp/pid; sleep 300' >/dev/null 2>&1 </dev/null & sleep 0.2")
    client.exec_command("echo $$ >tmp/ours; sleep 300")
    ours, away = node.root / "tmp/ours", node.root / "tmp/pid"
    node.wait(lambda: ours.exists() and ours.read_text().strip() != "", "the command")
    client.close()
    node.wait(lambda: not alive(int(ours.read_text())), "the command to end")
    pid = int(away.read_text())
    assert alive(pid)
    node.stop()
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_sudo_as_told() -> None:
    with Sandbox.start(user="operator") as node:
        client = connect(node, username="operator")
        assert ssh(client, "id -u; sudo -n -- id -u")[1] == b"1000\n0\n"
        node.misbehave(sudo="password", sudo_password="s3cret $()")
        code, _, err = ssh(client, "sudo -n -- id -u")
        assert (code, err) == (1, b"sudo: a password is required\n")
        told = ssh(client, "sudo -S -p '' -- sh -c 'id -u; cat'", b"s3cret $()\nthe rest\n")
        assert told == (0, b"0\nthe rest\n", b"")
        assert ssh(client, "sudo -S -p '' -- id -u", b"wrong\n")[0] == 1
        node.misbehave(sudo="refused")
        assert b"not in the sudoers file" in ssh(client, "sudo -n -- true")[2]


def test_disk_limit_and_clock(node: Sandbox) -> None:
    client = connect(node)
    node.misbehave(file_size_limit=4096, clock_offset=7200)
    code, _, err = ssh(client, "head -c 100000 /dev/zero >tmp/big")
    assert code != 0
    assert b"File too large" in err
    theirs, ours = (int(x) for x in ssh(client, "date +%s; /bin/date +%s")[1].split())
    assert theirs - ours in (7200, 7199)


def test_a_killed_user_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import time; from kaudit_setup.sandbox import Sandbox; s = Sandbox.start();"
        "print(s.folder, s.server_pid(), s._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder, server, supervisor = process.stdout.readline().split()
        assert alive(int(server))
        process.send_signal(signal.SIGKILL)
        process.wait()
    for _ in range(500):
        if not alive(int(server)) and not alive(int(supervisor)) and not Path(folder).exists():
            return
        subprocess.run(["sleep", "0.02"], check=True)
    pytest.fail("something is left of the sandbox")
