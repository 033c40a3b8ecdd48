"""The main job on a real kubelet: review, enable, prove, do nothing the second time, disable, roll back.

The tests stand in the order in which a node would live through them, so that each restart is waited for once;
every fixture makes its own state where the test before left another one.
"""

from __future__ import annotations

from baseline import Original
from conftest import Cli
from documentkit import document, only
from reallab import LOG, MANIFEST, POLICY, STATE, Lab, RealNode, watching

HAND_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/readyz*", "/healthz*", "/livez*"]
- level: Metadata
"""


def test_dry_run_shows_the_change_and_makes_none(pristine: RealNode, cli: Cli, original: Original) -> None:
    before = pristine.snapshot()
    result = cli.run("enable", "--policy", "metadata", "--host", pristine.name, "--dry-run")
    assert result.code == 3, result
    assert f"+    - --audit-policy-file={POLICY}" in result.out, result
    assert "+    - --audit-log-maxage=30" in result.out, result
    assert pristine.snapshot() == before
    assert pristine.server().pod == original.pod


def test_off_a_terminal_yes_is_required(pristine: RealNode, cli: Cli) -> None:
    before = pristine.snapshot()
    result = cli.run("enable", "--policy", "metadata", "--host", pristine.name)
    assert result.code == 2, result
    assert "--yes" in result.err, result
    assert pristine.snapshot() == before


def test_enable_turns_auditing_on_with_one_restart(pristine: RealNode, cli: Cli, original: Original) -> None:
    with watching(pristine) as seen:
        result = cli.ok("enable", "--policy", "metadata", "--host", pristine.name, "--yes", "-o", "json")
        # what the tool said is true at once: no waiting here
        server = pristine.server()
        assert pristine.ready()
    assert seen.news == 1, seen
    assert server.flags["audit-policy-file"] == POLICY
    assert server.flags["audit-log-path"] == LOG
    assert (server.flags["audit-log-maxage"], server.flags["audit-log-maxbackup"]) == ("30", "10")
    assert server.flags["audit-log-maxsize"] == "100"

    # the proof: a valid event of a request that really was made, in the log of this very server
    said = only(result.out)
    assert said["proved"], result
    assert said["server"].split(":") == [str(server.pid), str(server.start)]
    proof = said["event"]
    assert proof in pristine.events()
    assert "kaudit-probe-" in proof["auditID"] + proof["requestURI"]

    # what lies on the node now
    assert pristine.static_files() == original.files
    assert pristine.sh(f"stat -c '%a %U' {POLICY} {MANIFEST}").split() == ["600", "root"] * 2
    assert pristine.sh(f"stat -c %a {LOG.rsplit('/', 1)[0]} {STATE}").split() == ["700", "700"]
    backup = pristine.backups()[0]
    assert backup.files == {MANIFEST: original.manifest, POLICY: None}
    assert pristine.deeds() == ["enable"]
    pristine.expect_nothing_left(5)

    # the client certificate has the rights of kubeadm 1.36 (tests/lab/rights.sh), which are not enough to ask for it
    assert said["kubeadmConfig"] == "stored", result
    assert "audit-policy-file" in pristine.kubectl(
        "-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "yaml"
    )
    assert "survives kubeadm upgrade: yes" in cli.ok("status", "--host", pristine.name).out


def test_the_rights_of_older_releases_will_do_as_well(enabled: RealNode, cli: Cli, breakable: Lab) -> None:
    enabled.fault("rights", "old")
    try:
        assert "survives kubeadm upgrade: yes" in cli.ok("status", "--host", enabled.name).out
        assert "nothing to do" in cli.ok("enable", "--policy", "metadata", "--host", enabled.name, "--yes").out
    finally:
        enabled.fault("rights", "new")


def test_everything_that_happens_now_is_in_the_log(enabled: RealNode) -> None:
    enabled.kubectl("create", "configmap", "e2e-seen")
    enabled.kubectl("delete", "configmap", "e2e-seen")
    verbs = {e["verb"] for e in enabled.events() if e.get("objectRef", {}).get("name") == "e2e-seen"}
    assert {"create", "delete"} <= verbs


def test_the_second_enable_writes_nothing_and_restarts_nothing(enabled: RealNode, cli: Cli) -> None:
    before, before_servers, server = enabled.snapshot(), enabled.servers(), enabled.server()
    with watching(enabled) as seen:
        result = cli.ok("enable", "--policy", "metadata", "--host", enabled.name, "--yes")
    assert "nothing to do" in result.out, result
    assert enabled.snapshot() == before
    assert enabled.server() == server
    # the old one may still drain; a third one would have been started by this run
    assert (server.pid, server.start) in seen.processes
    assert set(seen.processes) <= {(s.pid, s.start) for s in [*before_servers, server]}


def test_dry_run_on_an_audited_node_has_nothing_to_show(enabled: RealNode, cli: Cli) -> None:
    before = enabled.snapshot()
    result = cli.run("enable", "--policy", "metadata", "--host", enabled.name, "--dry-run")
    assert result.code == 0, result
    assert enabled.snapshot() == before


def test_status_and_verify_of_an_audited_node(enabled: RealNode, cli: Cli) -> None:
    before = enabled.snapshot()
    status = cli.run("status", "--host", enabled.name)
    assert status.code == 0, status
    assert POLICY in status.out or "metadata" in status.out, status
    verified = cli.run("verify", "--host", enabled.name)
    assert verified.code == 0, verified
    assert enabled.snapshot() == before
    for command in ("status", "verify"):
        document(cli.run(command, "--host", enabled.name, "-o", "json").out)


def test_a_twin_of_another_network_confuses_nobody(enabled: RealNode, cli: Cli, breakable: object) -> None:
    """A machine that runs kind shows other nodes' servers in /proc; they are none of ours."""
    server = enabled.server()
    enabled.fault("twin", "start")
    try:
        cli.ok("verify", "--host", enabled.name)
        result = cli.ok("enable", "--policy", "metadata", "--host", enabled.name, "--yes")
        assert "nothing to do" in result.out, result
    finally:
        enabled.fault("twin", "stop")
    assert enabled.server() == server


def test_a_changed_policy_restarts_the_server_exactly_once(enabled: RealNode, cli: Cli) -> None:
    policy = cli.home / "hand.yaml"
    policy.write_text(HAND_POLICY)
    with watching(enabled) as seen:
        cli.ok("enable", "--policy", str(policy), "--host", enabled.name, "--yes")
    assert seen.news == 1, seen
    assert enabled.read(POLICY) == HAND_POLICY.encode()
    assert enabled.server().pod == seen.pods[-1]
    assert len(enabled.backups()) == 2
    enabled.expect_nothing_left(5)


def test_disable_takes_away_exactly_what_belongs_to_auditing(enabled: RealNode, cli: Cli, original: Original) -> None:
    with watching(enabled) as seen:
        cli.ok("disable", "--host", enabled.name, "--yes")
        server = enabled.server()
    assert seen.news == 1, seen
    assert enabled.manifest == original.manifest, "not byte for byte what kubeadm wrote"
    assert server.pod == original.pod
    assert not enabled.exists(POLICY)
    assert enabled.exists(LOG), "the log is evidence"
    assert enabled.static_files() == original.files
    enabled.expect_nothing_left(5)
    before = enabled.snapshot()
    assert "nothing to do" in cli.ok("disable", "--host", enabled.name, "--yes").out
    assert enabled.snapshot() == before


def test_status_of_a_node_without_auditing(node: RealNode, pristine: RealNode, cli: Cli) -> None:
    before = pristine.snapshot()
    result = cli.run("status", "--host", pristine.name)
    assert "off" in result.out, result
    assert pristine.snapshot() == before


def test_rollback_restores_is_backed_up_and_is_proved(enabled: RealNode, cli: Cli, original: Original) -> None:
    audited, policy = enabled.manifest, enabled.read(POLICY)
    listed = cli.ok("backups", "list", "--host", enabled.name)
    first = enabled.backups()[0]
    assert first.name in listed.out
    dry = cli.run("rollback", "--to", first.name, "--host", enabled.name, "--dry-run")
    assert dry.code == 3, dry
    assert enabled.manifest == audited

    cli.ok("rollback", "--to", first.name, "--host", enabled.name, "--yes")
    assert enabled.manifest == original.manifest
    assert enabled.server().pod == original.pod
    assert not enabled.exists(POLICY)
    # the rollback itself can be taken back, too
    newest = enabled.backups()[-1]
    assert newest.files == {MANIFEST: audited, POLICY: policy}
    cli.ok("rollback", "--to", newest.name, "--host", enabled.name, "--yes")
    assert (enabled.manifest, enabled.read(POLICY)) == (audited, policy)
    assert enabled.settle(audited=True)
    cli.ok("verify", "--host", enabled.name)
    assert enabled.deeds()[-2:] == ["rollback", "rollback"]


def test_audit_that_somebody_set_up_by_hand_is_adopted(pristine: RealNode, cli: Cli) -> None:
    """Its paths stay, and what was written by hand is not written twice."""
    policy, log = "/etc/kubernetes/by-hand.yaml", "/var/log/by-hand/audit.log"
    pristine.sh(f"cat >{policy}; mkdir -p /var/log/by-hand", stdin=HAND_POLICY.encode())
    by_hand = (
        pristine.manifest.replace(
            b"    - --advertise-address",
            f"    - --audit-policy-file={policy}\n    - --audit-log-path={log}\n    - --advertise-address".encode(),
            1,
        )
        .replace(
            b"    volumeMounts:\n",
            b"    volumeMounts:\n"
            + f"    - mountPath: {policy}\n      name: hand-policy\n      readOnly: true\n".encode()
            + b"    - mountPath: /var/log/by-hand\n      name: hand-log\n",
            1,
        )
        .replace(
            b"  volumes:\n",
            b"  volumes:\n"
            + f"  - hostPath:\n      path: {policy}\n      type: File\n    name: hand-policy\n".encode()
            + b"  - hostPath:\n      path: /var/log/by-hand\n    name: hand-log\n",
            1,
        )
    )
    pristine.write(MANIFEST, by_hand)
    pristine.settle(audited=True)
    try:
        cli.ok("enable", "--policy", "metadata", "--host", pristine.name, "--yes")
        server = pristine.server()
        assert (server.flags["audit-policy-file"], server.flags["audit-log-path"]) == (policy, log)
        assert server.flags["audit-log-maxage"] == "30"
        assert pristine.manifest.count(b"--audit-policy-file") == 1
        assert not pristine.exists(POLICY)
        # the server from before wrote to it, too, and what it had half written when it ended stands in it
        assert b'"stage":"ResponseComplete"' in pristine.read(log)
    finally:
        pristine.sh(f"rm -rf {policy} /var/log/by-hand")
