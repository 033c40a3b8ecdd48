"""Three simulated nodes of one cluster, changed by the command line over SSH."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from documentkit import document
from fleetkit import Fleet, hosts, nodes

from kaudit_setup.sandbox import Sandbox


def test_one_review_then_one_after_the_other_then_stored_once(fleet: Fleet) -> None:
    plain = fleet.stored()
    dry = fleet.run("enable", "--policy", "metadata", "--dry-run", *hosts("cp1 cp2 cp3"))
    assert dry.code == 3
    # what is the same is shown once
    assert dry.out.count("+    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml") == 1
    assert "cp1, cp2, cp3: enable" in dry.out
    assert dry.out.count("+++ ConfigMap kube-system/kubeadm-config") == 1
    assert fleet.audited == []

    before = [box.starts() for box in fleet.boxes]
    ran = fleet.enable()
    assert ran.code == 0, ran.err
    assert fleet.audited == ["cp1", "cp2", "cp3"]
    assert [box.starts() for box in fleet.boxes] == [n + 1 for n in before]
    assert ran.out.count("proof: a marked request was found") == 3
    assert "cp1 changed, cp2 changed, cp3 changed" in ran.out
    assert "name: audit-policy-file" in fleet.stored()

    again = fleet.enable()
    assert again.code == 0, again.err
    assert [box.starts() for box in fleet.boxes] == [n + 1 for n in before]
    assert "cp1 unchanged, cp2 unchanged, cp3 unchanged" in again.out

    off = fleet.run("disable", "--yes", *hosts("cp1 cp2 cp3"))
    assert off.code == 0, off.err
    assert fleet.stored() == plain
    assert fleet.audited == []


def test_at_the_first_failure_the_node_is_put_back_and_the_rest_left_alone(fleet: Fleet) -> None:
    fleet.boxes[1].misbehave(crash="with-audit")
    starts = fleet.boxes[2].starts()
    ran = fleet.enable("--timeout", "20")
    assert ran.code == 1
    assert "cp1 changed, cp2 restored, cp3 not started" in ran.out
    assert "cp2" in ran.err
    assert fleet.audited == ["cp1"]
    assert fleet.boxes[2].starts() == starts
    assert "audit" not in fleet.stored()

    fleet.boxes[1].misbehave(crash="never")
    again = fleet.enable()
    assert again.code == 0, again.err
    assert "cp1 unchanged, cp2 changed, cp3 changed" in again.out
    assert "audit-policy-file" in fleet.stored()


@pytest.mark.slow
def test_all_or_nothing_takes_back_what_was_done(fleet: Fleet) -> None:
    before = [box.manifest.read_bytes() for box in fleet.boxes]
    fleet.boxes[2].misbehave(crash="with-audit")
    ran = fleet.enable("--all-or-nothing", "--timeout", "20", "-o", "json")
    assert ran.code == 1
    assert [(n["host"], n["state"]) for n in ran.json] == [
        ("cp1", "rolledBack"),
        ("cp2", "rolledBack"),
        ("cp3", "restored"),
    ]
    assert [box.manifest.read_bytes() for box in fleet.boxes] == before
    assert "audit" not in fleet.stored()


def test_an_unreachable_node_is_named_before_anything_is_changed(fleet: Fleet) -> None:
    fleet.boxes[1].misbehave(refuse_logins=True)
    fleet.boxes[2].misbehave(refuse_logins=True)
    ran = fleet.enable()
    assert ran.code == 1
    assert "2 of 3 nodes cannot be used; nothing was changed anywhere" in ran.err
    assert ran.err.count("(for cp2)") == ran.err.count("(for cp3)") == 1
    assert fleet.audited == []


def test_no_node_is_touched_while_another_server_is_not_ready(fleet: Fleet) -> None:
    fleet.boxes[2].misbehave(never_ready=True)
    ran = fleet.enable("--timeout", "2")
    assert ran.code == 1
    assert f"cp3 (127.0.0.1:{fleet.boxes[2].api_port}) of the same cluster is not ready" in ran.err
    assert "cp1 not started, cp2 not started, cp3 not started" in ran.out
    assert fleet.audited == []


def test_without_persist_the_configuration_stays(fleet: Fleet) -> None:
    plain = fleet.stored()
    ran = fleet.enable("--no-persist")
    assert ran.code == 0, ran.err
    assert fleet.stored() == plain
    assert "--no-persist" in ran.out
    # the next run without it stores what is missing, and restarts nothing
    starts = [box.starts() for box in fleet.boxes]
    ran = fleet.enable()
    assert ran.code == 0, ran.err
    assert "audit-policy-file" in fleet.stored()
    assert [box.starts() for box in fleet.boxes] == starts


def test_a_list_that_lacks_a_control_plane_node_stores_nothing(fleet: Fleet) -> None:
    ran = fleet.enable(nodes="cp1 cp2")
    assert ran.code == 0, ran.err
    assert f"127.0.0.1:{fleet.boxes[2].api_port} of this cluster is not in the list" in ran.out
    assert "audit" not in fleet.stored()


def test_a_configuration_that_is_no_yaml_is_said_before_anything_is_changed(fleet: Fleet) -> None:
    fleet.store(lambda _text: "apiServer: [audit\n")
    ran = fleet.enable()
    assert ran.code == 2
    assert "ConfigMap kube-system/kubeadm-config" in ran.err
    assert "--no-persist" in ran.err
    assert fleet.audited == []
    assert fleet.enable("--no-persist").code == 0


def test_a_configuration_that_somebody_changed_meanwhile_is_left_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kaudit_setup.cli import rollout

    def reviewed(_shown: str, *, yes: bool) -> None:
        assert not yes
        fleet.store(lambda text: text + "# by somebody else\n")

    monkeypatch.setattr(rollout, "confirm", reviewed)
    ran = fleet.run("enable", "--policy", "metadata", *hosts("cp1 cp2 cp3"))
    assert ran.code == 1
    assert "changed by somebody else after it was reviewed" in ran.err
    assert fleet.stored().endswith("# by somebody else\n")
    assert "audit" not in fleet.stored()
    assert fleet.audited == ["cp1", "cp2", "cp3"]


def test_an_inventory_and_a_node_that_is_listed_twice(fleet: Fleet, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(
        "[masters]\nnode1 ansible_host=cp1\nnode2 ansible_host=cp2\nagain ansible_host=cp1 ansible_user=root\n"
    )
    ran = fleet.run("enable", "--policy", "metadata", "--dry-run", "--inventory", str(inventory), "-o", "json")
    assert ran.code == 3, ran.err
    assert [n["host"] for n in ran.json] == ["node1", "node2"]
    assert any("node1 and again are the same node" in said["message"] for said in document(ran.out)["warnings"])


def test_apply_makes_nodes_as_their_inventory_says(fleet: Fleet, tmp_path: Path) -> None:
    inventory = tmp_path / "clusters.yaml"
    inventory.write_text("clusters:\n  prod:\n    audit: {policy: metadata, log-maxage: 90}\n    hosts: [cp1]\n")
    where = ("-i", str(inventory))
    assert fleet.run("apply", *where, "--check").code == 3
    assert fleet.audited == []
    ran = fleet.run("apply", *where, "--yes")
    assert ran.code == 0, ran.err
    assert "--audit-log-maxage=90" in fleet.boxes[0].manifest.read_text()
    assert fleet.run("apply", *where, "--check").code == 0
    assert fleet.run("status", *where).code == 0
    inventory.write_text(inventory.read_text().replace("90", "30"))
    assert fleet.run("status", *where).code == 1


def test_a_claimed_cluster_with_another_ca_in_it(fleet: Fleet, tmp_path: Path) -> None:
    with Sandbox.start(name="other") as other:
        config = tmp_path / "config"
        config.write_text(fleet.config.read_text() + other.ssh_config.read_text().replace("Host sandbox ", "Host "))
        inventory = tmp_path / "i.yaml"
        inventory.write_text("clusters:\n  prod:\n    hosts:\n      - cp1\n      - other\n")
        ran = Fleet(fleet.boxes, config, fleet.capture).run(
            "enable", "--policy", "metadata", "--yes", "--inventory", str(inventory)
        )
    assert ran.code == 2
    assert "different cluster CAs" in ran.err
    assert f"other ({inventory}:5)" in ran.err
    assert fleet.audited == []


def test_an_inventory_with_variables_beside_it(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the static reader's own words, on machines with Ansible, too
    monkeypatch.setattr("kaudit_setup.fleet.ansible_program.PROGRAM", "no-such-program")
    for name, text in {
        "hosts.ini": "[masters]\nnode1\nnode2\n[others]\nnode9\n",
        "group_vars/all.yml": "ansible_user: nobody\nansible_become_pass: secret\n",
        "group_vars/masters": "ansible_user: root\n",
        "host_vars/node1.yml": "ansible_host: cp1\n",
        "host_vars/node2.json": '{"ansible_host": "cp2"}',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    ran = fleet.run("status", "--inventory", str(tmp_path / "hosts.ini"), "-o", "json")
    assert ran.code == 1, ran.err
    assert [(n["host"], n["state"]) for n in ran.json] == [("node1", "off"), ("node2", "off")]
    assert f"note: {tmp_path}/group_vars/all.yml:2: ansible_become_pass is not followed" in ran.err
    assert "secret" not in ran.err + ran.out

    (tmp_path / "host_vars/node2.json").write_text('{\n"ansible_host": "{{ ip }}"}')
    (tmp_path / "group_vars/masters").write_text("- no mapping\n")
    bad = fleet.run("enable", "--policy", "metadata", "--yes", "--inventory", str(tmp_path / "hosts.ini"))
    assert bad.code == 2
    assert f"| {tmp_path}/host_vars/node2.json:2: ansible_host of node2 is a template" in bad.err
    assert f"| {tmp_path}/group_vars/masters:1: it must be a mapping" in bad.err
    assert fleet.audited == []


@pytest.mark.slow
def test_nodes_of_different_versions_are_said_and_worked_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nodes(tmp_path, "cp1 cp2", versions="1.36.2 1.20.2") as fleet:
        fleet.capture = capsys
        words = "its nodes run different versions (1.36: cp1; 1.20: cp2): is an upgrade under way?"
        dry = fleet.run("enable", "--policy", "metadata", "--dry-run", *hosts("cp1 cp2"))
        assert dry.code == 3
        assert words in dry.out
        ran = fleet.enable(nodes="cp1 cp2")
        assert ran.code == 0, ran.err
        assert words in ran.err
        assert fleet.audited == ["cp1", "cp2"]
        assert fleet.run("status", *hosts("cp1 cp2")).code == 0


@pytest.mark.parametrize("answer", ["y", "n", None])
def test_canary(fleet: Fleet, answer: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("" if answer is None else f"{answer}\n"))
    monkeypatch.setattr("kaudit_setup.cli.rollout.can_ask", lambda: True)
    ran = fleet.enable("--canary")
    assert (ran.code, fleet.audited) == {
        "y": (0, ["cp1", "cp2", "cp3"]),
        "n": (1, ["cp1"]),
        None: (130, ["cp1"]),
    }[answer]


def test_status_of_all_in_one_table(fleet: Fleet) -> None:
    names = hosts("cp1 cp2 cp3")
    off = fleet.run("status", *names)
    assert off.code == 1
    assert [line.split()[0] for line in off.out.splitlines()] == ["NODE", "cp1", "cp2", "cp3"]
    assert fleet.enable().code == 0
    on = fleet.run("status", *names)
    assert on.code == 0, on.out
    assert on.out.count(" metadata ") == 3
    assert all(line.endswith("yes") for line in on.out.splitlines()[1:])

    assert fleet.enable("--log-maxage", "7", nodes="cp2").code == 0
    odd = fleet.run("status", *names, "-o", "json")
    assert odd.code == 1
    assert [[(d["name"], d["here"], d["usual"]) for d in n["differs"]] for n in odd.json] == [
        [],
        [("audit-log-maxage", "7", "30")],
        [],
    ]
    assert [n["survivesUpgrade"] for n in odd.json] == [True, False, True]

    fleet.boxes[2].misbehave(refuse_logins=True)
    gone = fleet.run("status", *names)
    assert gone.code == 1
    assert "unreachable" in gone.out.splitlines()[3]
    assert "Traceback" not in gone.err
    fleet.boxes[2].misbehave(refuse_logins=False)


def test_status_looks_again_and_again_until_ctrl_c(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("kaudit_setup.cli.commands.status.sleep", pause)
    ran = fleet.run("status", "--watch", "--every", "7", *hosts("cp1 cp2"))
    assert ran.code == 130
    assert pauses == [7, 7]
    assert ran.out.count("NODE") == 2


@pytest.mark.slow
def test_what_was_only_stored_can_be_rolled_back(fleet: Fleet) -> None:
    plain = fleet.stored()
    assert fleet.enable("--no-persist").code == 0
    assert fleet.enable().code == 0
    assert fleet.stored() != plain
    starts = [box.starts() for box in fleet.boxes]
    # the newest backup of the last node is that of the configuration alone
    newest = fleet.run("backups", "list", *hosts("cp3")).out.splitlines()[-1]
    assert "before persist" in newest
    dry = fleet.run("rollback", "--dry-run", *hosts("cp1 cp2 cp3"), "--to", "first")
    assert dry.code == 3
    ran = fleet.run("rollback", "--yes", *hosts("cp1 cp2 cp3"), "--to", "first")
    assert ran.code == 0, ran.err
    assert fleet.stored() == plain
    assert [box.starts() for box in fleet.boxes] == [n + 1 for n in starts]


def test_what_kubeadm_has_written_anew_is_said_and_mended_with_one_restart(fleet: Fleet) -> None:
    assert fleet.enable().code == 0
    box = fleet.boxes[1]
    starts = box.starts()
    text = box.manifest.read_text()
    anew = "".join(line for line in text.splitlines(keepends=True) if "kaudit-setup.io" not in line)
    fresh = box.root / "etc/kubernetes/.anew"
    fresh.write_text(anew)
    fresh.replace(box.manifest)
    box.wait(lambda: box.starts() == starts + 1, "kubelet to restart the server")

    def told() -> bool:
        return "with the same audit settings, as kubeadm" in fleet.run("status", *hosts("cp1 cp2 cp3")).out

    box.wait(told, "status to say so")
    ran = fleet.enable()
    assert ran.code == 0, ran.err
    assert "cp1 unchanged, cp2 changed, cp3 unchanged" in ran.out
    assert box.starts() == starts + 2
    assert box.manifest.read_text() == text
    assert fleet.run("status", *hosts("cp1 cp2 cp3")).code == 0


def test_check_of_all(fleet: Fleet) -> None:
    names = hosts("cp1 cp2")
    assert fleet.run("check", *names).code == 1
    assert fleet.run("enable", "--policy", "cis", "--yes", *names).code == 0
    good = fleet.run("check", *names, "-o", "json")
    assert good.code == 0, good.out
    assert [c["id"] for c in good.json if c["host"] == "cp2"] == [
        "1.2.16",
        "1.2.17",
        "1.2.18",
        "1.2.19",
        "3.2.1",
        "3.2.2",
    ]
    assert fleet.run("enable", "--policy", "panic-only", "--log-maxsize", "50", "--yes", *hosts("cp2")).code == 0
    bad = fleet.run("check", *names, "--format", "junit")
    assert bad.code == 1
    root = ElementTree.fromstring(bad.out)
    assert root.attrib["failures"] == "2"
    assert [s.attrib["failures"] for s in root] == ["0", "2"]


@pytest.mark.slow
def test_rollback_of_all_takes_the_stored_settings_back(fleet: Fleet) -> None:
    plain = fleet.stored()
    assert fleet.enable().code == 0
    ran = fleet.run("rollback", "--yes", *hosts("cp1 cp2 cp3"))
    assert ran.code == 0, ran.err
    assert fleet.stored() == plain
    assert fleet.audited == []
