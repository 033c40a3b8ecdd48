"""Three real control-plane nodes of one cluster: a rollout without an outage, kept, and repaired after kubeadm."""

from __future__ import annotations

import http.server
import json
import re
import shlex
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from baseline import SWEEP, Baseline
from conftest import Cli
from poller import Poller
from reallab import LOG, MANIFEST, POLICY, Lab, RealNode, wait_until

HOSTS = ("--host", "cp1", "--host", "cp2", "--host", "cp3")


@pytest.fixture(scope="module")
def baseline3(lab3: Lab) -> Iterator[Baseline]:
    maker = Baseline([lab3.node(host) for host in lab3.hosts])
    yield maker
    maker.end()


@pytest.fixture(scope="module")
def tool(lab3: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(lab3.ssh_config, tmp_path_factory.mktemp("home3"))


@pytest.fixture
def plain(lab3: Lab, baseline3: Baseline) -> tuple[RealNode, ...]:
    """The three without auditing, their configuration without it, and nothing of the tool's left."""
    baseline3.fresh()
    return tuple(lab3.node(host) for host in lab3.hosts)


def test_a_rollout_never_leaves_fewer_than_two_ready(plain: tuple[RealNode, ...], tool: Cli) -> None:
    before = [node.settle() for node in plain]
    with Poller([node.address for node in plain]) as poller:
        ran = tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=600)
    assert poller.rounds > 100
    assert poller.fewest >= 2, ran
    assert poller.fewest == 2, "the poller did not even see the restarts"
    # the node that controlPlaneEndpoint points to goes last, with the rights of kubeadm 1.36 (tests/lab/rights.sh)
    for node in plain:
        certificate = "openssl x509 -noout -subject -in /etc/kubernetes/pki/apiserver-kubelet-client.crt"
        assert node.sh(certificate).strip() == "subject=CN = kube-apiserver-kubelet-client"
    assert "peers-unknown" not in ran.err
    assert "cp2 changed, cp3 changed, cp1 changed" in ran.out
    for node, old in zip(plain, before, strict=True):
        server = node.settle(audited=True)
        assert server.pid != old.pid
        assert any("kaudit-probe-" in e["requestURI"] for e in node.events(LOG))
    assert "audit-policy-file: /etc/kubernetes/audit-policy.yaml" in plain[0].stored_config()
    again = tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=300)
    assert again.out.count("unchanged") == 3
    table = tool.ok("status", *HOSTS)
    assert [line.split()[2] for line in table.out.splitlines()[1:4]] == ["on", "on", "on"]


def test_kubeadm_makes_the_same_manifest_and_enable_mends_what_it_wrote(
    plain: tuple[RealNode, ...], tool: Cli
) -> None:
    tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=600)
    node = plain[1]
    ours = node.manifest.decode()
    old = node.settle()
    kubeadm_writes_manifest(node, node.address, node.stored_config())
    kubeadms = node.manifest.decode()
    assert kubeadms == "".join(line for line in ours.splitlines(keepends=True) if "kaudit-setup.io/" not in line)

    new = wait_until("kubelet restarts the server", lambda: restarted(node, old.pid), 120)
    assert new
    server = node.settle(audited=True)
    said = tool.ok("status", "--host", "cp2")
    assert "with the same audit settings, as kubeadm upgrade does" in said.out

    ran = tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=300)
    assert ran.out.count("unchanged") == 2
    # the stamp of this test was not this tool's, so that nobody brings it back
    assert node.manifest.decode() == "".join(line for line in ours.splitlines(keepends=True) if "/turn: " not in line)
    repaired = node.settle(audited=True)
    assert repaired.pid != server.pid
    assert tool.ok("status", *HOSTS)


def test_a_node_that_joined_without_the_policy_is_named_and_mended(
    plain: tuple[RealNode, ...], tool: Cli, lab3: Lab
) -> None:
    """`kubeadm join` writes the manifest from kubeadm-config, which names a policy that nobody has brought there."""
    if lab3.state is None:
        pytest.skip("these nodes are not the project's lab: nothing is broken on purpose there")
    tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=600)
    *_, joined = plain
    address = joined.address
    joined.sh(f"mv {MANIFEST} /root/")
    wait_until("the end of its server", lambda: not joined.servers(), 60)
    joined.sh(SWEEP)
    # its server cannot be asked, so what kubeadm-config has comes from another one
    kubeadm_writes_manifest(joined, address, plain[0].stored_config())
    assert f"--audit-policy-file={POLICY}".encode() in joined.manifest

    said = tool.run("status", *HOSTS)
    assert said.code == 1, said
    assert f"{POLICY} does not exist" in said.out, said
    [fix] = re.findall("`kaudit-setup enable [^`]*` writes it", said.out)
    assert "--policy metadata" in fix
    assert "--host cp3" in fix
    ran = tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=600)
    assert "cp3 changed" in ran.out
    assert ran.out.count("unchanged") == 2
    joined.settle(audited=True)
    assert joined.sh('stat -c "%a %U" "$1"', POLICY).split() == ["600", "root"]
    assert tool.ok("status", *HOSTS)


def test_no_node_is_restarted_while_a_known_one_is_stopped(plain: tuple[RealNode, ...], tool: Cli, lab3: Lab) -> None:
    """A server that was stopped in good order withdraws its announcement; the cluster knows its Node all the same."""
    if lab3.state is None:
        pytest.skip("these nodes are not the project's lab: nothing is broken on purpose there")
    _, two, stopped = plain
    before = two.manifest
    address = stopped.address
    stopped.sh(f"mv {MANIFEST} /root/")
    try:
        wait_until("the end of its announcement", lambda: address not in two.announced(), 60)
        refused = tool.run("enable", "--policy", "metadata", "--yes", "--host", "cp2")
        assert refused.code == 1, refused
        assert "cp3" in refused.err, refused
        assert "--force peer-stopped" in refused.err, refused
        assert two.manifest == before
    finally:
        stopped.sh(f"mv /root/{MANIFEST.rpartition('/')[2]} {MANIFEST}")
    stopped.settle(audited=False)
    wait_until("its announcement", lambda: address in two.announced(), 60)
    # nobody named the two others: their API servers are known all the same, and asked
    ran = tool.ok("enable", "--policy", "metadata", "--yes", "--host", "cp2", timeout=300)
    assert "asking the other API servers of the cluster" in ran.err, ran


def kubeadm_writes_manifest(node: RealNode, address: str, config: str) -> None:
    """What kubeadm would make of this ClusterConfiguration, in place of the manifest that is there."""
    api = next(line.split()[1] for line in config.splitlines() if line.startswith("apiVersion:"))
    init = (
        f"apiVersion: {api}\nkind: InitConfiguration\nlocalAPIEndpoint:\n"
        f"  advertiseAddress: {address}\n  bindPort: 6443\n---\n"
    )
    node.sh(
        "cat >/tmp/kubeadm.yaml; kubeadm init phase control-plane apiserver --config /tmp/kubeadm.yaml",
        stdin=(init + config).encode(),
    )


def restarted(node: RealNode, pid: int) -> bool:
    servers = node.servers()
    return len(servers) == 1 and servers[0].pid != pid


def test_a_node_that_fails_is_put_back_and_the_rest_left_alone(
    plain: tuple[RealNode, ...], tool: Cli, lab3: Lab
) -> None:
    if lab3.state is None:
        pytest.skip("these nodes are not the project's lab: nothing is broken on purpose there")
    before = {node.name: node.manifest for node in plain}
    victim = plain[2]
    victim.fault("kubelet", "stop")
    try:
        options = ["--force", "kubelet-down", "--timeout", "10"]
        ran = tool.run("enable", "--policy", "metadata", "--yes", *HOSTS, *options, timeout=600)
    finally:
        victim.fault("kubelet", "start")
    assert ran.code == 1, ran
    # the node that controlPlaneEndpoint points to would have been the last
    assert "cp2 changed, cp3 restored, cp1 not started" in ran.out
    assert victim.manifest == before["cp3"]
    assert plain[0].manifest == before["cp1"]
    assert plain[1].settle(audited=True)
    assert "audit" not in plain[0].stored_config()


def test_a_node_that_is_unplugged_for_good_stops_the_rollout(
    plain: tuple[RealNode, ...], tool: Cli, lab3: Lab
) -> None:
    """The way to it is gone for as long as the tool runs. The same command finishes the job when it is back."""
    if lab3.state is None:
        pytest.skip("these nodes are not the project's lab: nothing is broken on purpose there")
    before = {node.name: node.manifest for node in plain}
    one, _, victim = plain
    run = tool.start("enable", "--policy", "metadata", "--yes", "--timeout", "5", *HOSTS)
    run.until("cp3's turn", lambda: victim.manifest != before["cp3"], 120)
    victim.fault("net", "down")
    try:
        result = run.end()
    finally:
        victim.fault("net", "up")
    assert result.code == 1, result
    assert "cp2 changed, cp3 unreachable (its watchdog restores it), cp1 not started" in result.out, result
    assert one.manifest == before["cp1"]
    wait_until("the watchdog", lambda: victim.manifest == before["cp3"], 180)
    for node in plain:
        node.settle()
    victim.forget_back_off()
    again = tool.ok("enable", "--policy", "metadata", "--yes", *HOSTS, timeout=600)
    assert "cp2 unchanged, cp3 changed, cp1 changed" in again.out


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes EventLists, as a webhook backend sends them."""

    seen: ClassVar[list[dict[str, object]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.extend(json.loads(body)["items"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiver(address_: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """A real HTTPS receiver on this machine, and the certificate that names it."""
    import subprocess

    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=sink",
            "-addext",
            f"subjectAltName=IP:{address_}",
            "-keyout",
            str(key),
            "-out",
            str(cert),
        ],
        check=True,
        capture_output=True,
    )
    server = http.server.ThreadingHTTPServer((address_, 0), Receiver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], cert
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside the log"])
def test_a_webhook_receiver_gets_the_marked_event(
    plain: tuple[RealNode, ...], tool: Cli, lab3: Lab, tmp_path: Path, alone: bool
) -> None:
    import base64

    gateway = lab3.klab("net").strip() + ".1"
    Receiver.seen.clear()
    with receiver(gateway, tmp_path) as (port, cert):
        kubeconfig = tmp_path / "webhook.yaml"
        ca = base64.b64encode(cert.read_bytes()).decode()
        kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: sink\n  cluster:\n"
            f"    server: https://{gateway}:{port}/audit\n    certificate-authority-data: {ca}\n"
            "users: []\ncontexts:\n- name: sink\n  context: {cluster: sink, user: ''}\ncurrent-context: sink\n"
        )
        options = ["--webhook-config", str(kubeconfig), "--set", "audit-webhook-batch-max-wait=1s"]
        options += ["--log-path", ""] if alone else []
        node = plain[0]
        ran = tool.ok(
            "enable", "--policy", "metadata", "--yes", "--no-persist", *options, "--host", "cp1", timeout=300
        )
        marked = wait_until(
            "the marked event at the receiver",
            lambda: [e for e in Receiver.seen if "kaudit-probe-" in str(e.get("requestURI"))],
            60,
        )
        assert marked, ran
        flags = node.settle(audited=True).flags
        assert "audit-webhook-config-file" in flags
        assert ("audit-log-path" in flags) is not alone
        assert node.sh(f"stat -c %a {shlex.quote(flags['audit-webhook-config-file'])}").strip() == "600"
        tool.ok("disable", "--yes", "--no-persist", "--host", "cp1", timeout=300)
        assert not node.exists(flags["audit-webhook-config-file"])
