"""Faults of the node and of the run, on a real kubelet. After each: old or new state, working, nothing left over."""

from __future__ import annotations

import time

import pytest
from baseline import Original
from conftest import WEBHOOK, Cli, sound
from reallab import LOG, MANIFEST, MANIFESTS, POLICY, STATE, RealNode, wait_until, watching

from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH

STRAY = f"{MANIFESTS}/kube-apiserver.yaml.bak"
# the shortest time that the node waits for a confirmation
QUICK = ("--timeout", "1")
pytestmark = pytest.mark.usefixtures("breakable")


def enable(node: RealNode, *more: str) -> list[str]:
    return ["enable", "--policy", "metadata", "--host", node.name, "--yes", *more]


def refused(cli: Cli, node: RealNode, original: Original, *more: str, word: str) -> None:
    """`enable` says no, names the thing, and leaves no trace."""
    before = node.snapshot()
    result = cli.run(*enable(node, *more))
    assert result.code == 1, result
    assert word in result.err, result
    assert "hint:" in result.err, result
    assert node.snapshot() == before
    sound(node, original)


def test_a_stray_copy_is_named_and_refused(pristine: RealNode, cli: Cli, original: Original) -> None:
    # a dot file is none of kubelet's business, so the node stays as it is: only the name decides
    pristine.sh(f"cp -p {MANIFEST} {MANIFESTS}/.kept.yaml")
    dry = cli.run("enable", "--policy", "metadata", "--host", pristine.name, "--dry-run")
    assert dry.code == 3, dry
    pristine.sh(f"rm {MANIFESTS}/.kept.yaml")
    # moving it in under another name while kubelet sleeps: it has no chance to act on it
    pristine.fault("kubelet", "stop")
    pristine.sh(f"cp -p {MANIFEST} {STRAY}")
    try:
        result = cli.run(*enable(pristine, "--force", "kubelet-down"))
        assert result.code == 1, result
        assert STRAY in result.err, result
    finally:
        pristine.sh(f"rm -f {STRAY}")
        pristine.fault("kubelet", "start")
    sound(pristine, original)


def test_kubelet_stopped_is_found_before_anything_is_changed(
    pristine: RealNode, cli: Cli, original: Original
) -> None:
    pristine.fault("kubelet", "stop")
    try:
        refused(cli, pristine, original, word="kubelet")
    finally:
        pristine.fault("kubelet", "start")


@pytest.mark.parametrize("kind", ["full", "readonly"])
@pytest.mark.parametrize("place", [STATE, "/etc/kubernetes/e2e", MANIFESTS])
def test_no_room_or_read_only(pristine: RealNode, cli: Cli, original: Original, kind: str, place: str) -> None:
    """At the backup, at the policy, at the manifest: found beforehand; and if it is forced, at the step itself."""
    pristine.sh('mkdir -p "$1"', place)
    more = ("--policy-path", f"{place}/policy.yaml") if place.endswith("e2e") else ()
    pristine.fault("disk", kind, place)
    name = {"full": "disk-full", "readonly": "read-only"}[kind]
    try:
        first = cli.run(*enable(pristine, *more))
        # the full disk is a tmpfs, which is no place for a policy
        forced = cli.run(*enable(pristine, *more, "--force", name, "--force", "volatile-folder"))
    finally:
        pristine.fault("disk", "heal", place)
    for result in (first, forced):
        assert result.code == 1, result
        assert place in result.err, result
        assert "hint:" in result.err, result
    assert name in first.err, first
    sound(pristine, original)
    assert not pristine.exists(POLICY)
    pristine.sh("rmdir /etc/kubernetes/e2e 2>/dev/null || true")


@pytest.mark.parametrize("free", [4096, 12288])
def test_room_for_a_part_only(pristine: RealNode, cli: Cli, original: Original, free: int) -> None:
    """The disk fills up in the middle of a step."""
    pristine.fault("disk", "full", MANIFESTS, str(free))
    try:
        result = cli.run(*enable(pristine, "--force", "disk-full"))
        # where the room was enough the change is whole, or else nothing is changed
        assert result.code in {0, 1}, result
        assert (b"--audit-policy-file" in pristine.manifest) == (result.code == 0)
        assert pristine.static_files() == sorted([*original.files, ".klab-fill"])
    finally:
        pristine.fault("disk", "heal", MANIFESTS)
    # the folder below the small disk still holds the old manifest; kubelet finds it at its next look
    pristine.settle(pod=original.pod)
    sound(pristine, original)


def test_a_log_path_that_is_a_folder_is_refused(pristine: RealNode, cli: Cli, original: Original) -> None:
    refused(cli, pristine, original, "--log-path", "/var/log/containers", word="/var/log/containers")


def test_a_manifest_changed_between_review_and_apply_is_left_alone(
    pristine: RealNode, cli: Cli, original: Original
) -> None:
    terminal = cli.terminal("enable", "--policy", "metadata", "--host", pristine.name)
    terminal.until("Apply?")
    assert "--audit-policy-file" in terminal.said
    theirs = original.manifest + b"# somebody else was here\n"
    pristine.write(MANIFEST, theirs)
    terminal.say("y")
    assert terminal.end() == 1, terminal.said
    assert MANIFEST in terminal.said
    sound(pristine, original, theirs)
    assert pristine.manifest == theirs


def test_saying_no_changes_nothing(pristine: RealNode, cli: Cli, original: Original) -> None:
    before = pristine.snapshot()
    terminal = cli.terminal("enable", "--policy", "metadata", "--host", pristine.name)
    terminal.until("Apply?")
    terminal.say("n")
    assert terminal.end() != 0, terminal.said
    assert pristine.snapshot() == before


def test_two_runs_at_once(pristine: RealNode, cli: Cli, original: Original) -> None:
    """One of them changes the node; the other one says why it did not."""
    runs = [cli.start(*enable(pristine, "--set", f"audit-log-maxage={days}")) for days in (40, 50)]
    said = [run.end() for run in runs]
    codes = [result.code for result in said]
    assert sorted(codes) == [0, 1], said
    winner = ("40", "50")[codes.index(0)]
    assert pristine.settle(audited=True).flags["audit-log-maxage"] == winner
    loser = said[codes.index(1)].err
    assert "another" in loser or "changed after it was reviewed" in loser, loser
    sound(pristine, original, pristine.manifest)
    cli.ok("verify", "--host", pristine.name)


def test_a_server_that_does_not_start_is_undone(pristine: RealNode, cli: Cli, original: Original) -> None:
    webhook = cli.home / "webhook.conf"
    webhook.write_text(WEBHOOK)
    result = cli.run(*enable(pristine, "--webhook-config", str(webhook)))
    assert result.code == 1, result
    assert "/etc/kubernetes/pki/no.crt" in result.err, result
    # the tool came back when the old server was healthy again
    assert pristine.ready()
    assert pristine.server().pod == original.pod
    assert not pristine.exists(DEFAULT_WEBHOOK_PATH)
    assert not pristine.exists(POLICY)
    sound(pristine, original)


def test_kubelet_stopped_after_the_change_is_undone(pristine: RealNode, cli: Cli, original: Original) -> None:
    before = pristine.server()
    run = cli.start(*enable(pristine, *QUICK))
    # stopped first thing: whether kubelet saw the new manifest before does not matter
    run.until("the new manifest", lambda: pristine.manifest != original.manifest, 30)
    pristine.fault("kubelet", "stop")
    try:
        result = run.end()
        assert result.code in {1, 4}, result
        assert pristine.manifest == original.manifest
    finally:
        pristine.fault("kubelet", "start")
    server = pristine.settle(pod=original.pod)
    assert server.pod == before.pod
    sound(pristine, original)


def test_ctrl_c_while_proving_puts_the_node_back(pristine: RealNode, cli: Cli, original: Original) -> None:
    run = cli.start(*enable(pristine))
    run.until("the new manifest", lambda: pristine.manifest != original.manifest, 30)
    run.interrupt()
    result = run.end()
    assert result.code == 130, result
    assert pristine.manifest == original.manifest
    pristine.settle(pod=original.pod)
    sound(pristine, original)


def test_the_tool_killed_while_the_node_writes(pristine: RealNode, cli: Cli, original: Original) -> None:
    """What has begun on the node ends there, one way or the other, with nobody listening."""
    run = cli.start(*enable(pristine, *QUICK))
    run.until("a backup on the node", lambda: bool(pristine.run(f"ls {STATE}/backups/*").stdout), 30)
    run.kill()
    wait_until("the end of what was begun", lambda: _has_ended(pristine), 30)
    hurry(pristine)
    wait_until("the old manifest, and no open change", lambda: _back(pristine, original), 200)
    pristine.settle(pod=original.pod)
    sound(pristine, original)
    assert not pristine.exists(POLICY)


def hurry(node: RealNode) -> None:
    """The watchdog's time is up, if it waits; how long it waits is shown where the node is unplugged."""
    node.sh(f"for run in {STATE}/run/*/; do if [ -e $run/deadline ]; then echo 0 >$run/deadline; fi; done")


def _has_ended(node: RealNode) -> bool:
    """Nobody holds the node's lock."""
    return node.run(f"flock -n {STATE}/lock true").returncode == 0


def _back(node: RealNode, original: Original) -> bool:
    return node.manifest == original.manifest and node.leftovers() == []


def test_the_tool_killed_while_proving_the_watchdog_takes_it_back(
    pristine: RealNode, cli: Cli, original: Original
) -> None:
    run = cli.start(*enable(pristine, *QUICK))
    run.until("the new manifest", lambda: pristine.manifest != original.manifest, 30)
    run.kill()
    # a second run keeps its hands off while the first one's fate is open
    second = cli.run(*enable(pristine))
    assert second.code == 1, second
    assert "waits to be confirmed" in second.err, second
    hurry(pristine)
    wait_until("the watchdog", lambda: pristine.manifest == original.manifest, 200)
    pristine.settle(pod=original.pod)
    wait_until("the journal's entry", lambda: "watchdog" in str(pristine.journal()), 30)
    sound(pristine, original)
    assert not pristine.exists(POLICY)
    status = cli.run("status", "--host", pristine.name)
    assert "watchdog" in status.out, status


def test_unplugged_while_proving_the_node_helps_itself(pristine: RealNode, cli: Cli, original: Original) -> None:
    run = cli.start(*enable(pristine, *QUICK))
    run.until("the new manifest", lambda: pristine.manifest != original.manifest, 30)
    pristine.fault("net", "down")
    try:
        wait_until("the watchdog", lambda: pristine.manifest == original.manifest, 180)
        pristine.settle(pod=original.pod)
    finally:
        pristine.fault("net", "up")
    result = run.end()
    assert result.code == 1, result
    sound(pristine, original)


@pytest.mark.parametrize(
    ("step", "condition"),
    [
        ("connecting", ""),
        ("backing up", f"ls {STATE}/backups/*"),
        ("applied", f"grep -q audit-policy-file {MANIFEST}"),
        ("proving", f"test -e {LOG}"),
    ],
)
def test_the_connection_is_cut(pristine: RealNode, cli: Cli, original: Original, step: str, condition: str) -> None:
    """At every step: either the tool finds the way back and ends well, or the node is as it was."""
    run = cli.start(*enable(pristine))
    if condition:
        run.until(step, lambda: pristine.run(condition).returncode == 0, 30)
    else:
        time.sleep(0.2)
    pristine.fault("ssh", "cut")
    result = run.end()
    if result.code == 0:
        assert pristine.server().audited
        cli.ok("verify", "--host", pristine.name)
        sound(pristine, original, pristine.manifest)
    else:
        assert result.code == 1, result
        pristine.settle(pod=original.pod)
        sound(pristine, original)
    if step == "proving":
        assert result.code == 0, result


@pytest.mark.parametrize("clock", ["+9h", "-9h"])
def test_clocks_that_differ_by_hours(pristine: RealNode, cli: Cli, original: Original, clock: str) -> None:
    result = cli.run(*enable(pristine), prefix=("faketime", "-f", clock))
    assert result.code == 0, result
    # the backup carries the node's own time, in the node's own order
    name = pristine.backups()[0].name
    assert name.startswith(pristine.sh("date -u +%Y%m%dT%H").strip()), name
    sound(pristine, original, pristine.manifest)


def test_paths_with_spaces_quotes_and_dollars(pristine: RealNode, cli: Cli, original: Original) -> None:
    odd = "/etc/kubernetes/odd 'na\"me $(touch /tmp/pwned) `id` \\ é"
    log = "/var/log/odd lo'g $(touch /tmp/pwned)/audit log.txt"
    args = ("--policy-path", f"{odd}/policy one.yaml", "--log-path", log)
    with watching(pristine) as seen:
        cli.ok(*enable(pristine, *args))
    assert seen.news == 1
    try:
        server = pristine.server()
        assert server.flags["audit-policy-file"] == f"{odd}/policy one.yaml"
        assert pristine.events(log)
        before = pristine.snapshot()
        assert "nothing to do" in cli.ok(*enable(pristine, *args)).out
        assert pristine.snapshot() == before
        cli.ok("disable", "--host", pristine.name, "--yes")
        assert pristine.manifest == original.manifest
        assert not pristine.exists("/tmp/pwned")
        sound(pristine, original)
    finally:
        pristine.sh('rm -rf "$1" "$2"', odd, log.rsplit("/", 1)[0])


def test_a_path_with_a_newline_is_refused_or_works(pristine: RealNode, cli: Cli, original: Original) -> None:
    path = "/etc/kubernetes/two\nlines.yaml"
    result = cli.run(*enable(pristine, "--policy-path", path))
    try:
        if result.code == 0:
            assert pristine.server().flags["audit-policy-file"] == path
            cli.ok("disable", "--host", pristine.name, "--yes")
        else:
            assert result.code == 2, result
        sound(pristine, original)
    finally:
        pristine.sh('rm -f "$1"', path)
