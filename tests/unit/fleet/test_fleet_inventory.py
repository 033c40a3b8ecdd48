"""Inventories: what is read, and that every error of a file is said at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.hosts import Host, expand, split_address
from kaudit_setup.fleet.inventory import read

DATA = Path(__file__).resolve().parents[2] / "data" / "inventory"


def hosts(text: str, file: str = "i.yaml", groups: tuple[str, ...] = ()) -> tuple[Host, ...]:
    return read(text, file, groups).hosts


def problems(text: str, file: str = "i.yaml", groups: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(text, file, groups)
    assert caught.value.hint
    return caught.value.details.splitlines() or [caught.value.message]


# --- the project's own format


def test_own_inventory_with_defaults_at_three_places() -> None:
    text = """
user: admin
proxyJump: bastion
hosts: [lab1]
clusters:
  prod:
    port: 2200
    hosts:
      - cp[1:2].example.com
      - root@10.0.0.4:2222
      - {name: five, host: 10.0.0.5, identityFile: ~/.ssh/five, proxyCommand: nc %h %p}
  stage: [s1]
"""
    one, two, four, five, stage, lab = sorted(hosts(text), key=lambda h: (h.cluster == "", h.cluster))
    assert one == Host(
        "cp1.example.com", "cp1.example.com", "admin", 2200, proxy_jump="bastion", cluster="prod", where="i.yaml:9"
    )
    assert two.name == "cp2.example.com"
    assert (four.user, four.address, four.port) == ("root", "10.0.0.4", 2222)
    assert (five.name, five.address, five.identity_file) == ("five", "10.0.0.5", "~/.ssh/five")
    assert (five.proxy_jump, five.proxy_command) == ("", "nc %h %p")
    assert (stage.cluster, stage.port, stage.user) == ("stage", None, "admin")
    assert (lab.name, lab.cluster) == ("lab1", "")


def test_one_cluster_of_the_own_inventory() -> None:
    text = "clusters: {a: [a1], b: {hosts: [b1, b2]}}\nhosts: [c]"
    assert [h.name for h in hosts(text, groups=("b",))] == ["b1", "b2"]


def test_own_inventory_says_all_its_errors_at_once() -> None:
    text = """hosts:
  - cp1:99999
  - "-oProxyCommand=x"
  - {user: me}
  - cp[3:1]
usr: root
clusters:
  a:
    hosts: cp1
  b: {}
  c:
    prot: 22
    proxyJump: x
    proxyCommand: y
    hosts: [{host: "a b"}]
"""
    found = problems(text)
    assert [int(p.split(":")[1]) for p in found] == [2, 3, 4, 5, 6, 9, 10, 12, 12, 15]
    assert "'99999' is not a port" in found[0]
    assert "did you mean 'user'?" in found[4]
    assert "did you mean 'port'?" in found[7] or "did you mean 'port'?" in found[8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "i.yaml: the inventory is empty"),
        ("hosts: []", "i.yaml:1: the inventory names no host"),
        ("a: [", "i.yaml:"),
        ("hosts: [cp1]\n\tuser: x", "i.yaml:2:"),
        ("just words", "i.yaml:1: the inventory must be a mapping"),
        ("hosts: &a [*a]", "i.yaml:1:"),
        ("clusters: {a: [x], a: [y]}", "i.yaml:1: cluster 'a' is given twice"),
    ],
)
def test_own_inventory_that_is_none(text: str, said: str) -> None:
    assert problems(text)[0].startswith(said)


# --- Ansible


def test_kubespray_ini() -> None:
    found = read((DATA / "kubespray.ini").read_text(), "kubespray.ini")
    one, two, three = found.hosts
    assert one == Host(
        "node1",
        "95.54.0.12",
        "admin",
        None,
        "/home/ops/keys/k8s cluster",
        proxy_command="ssh -W %h:%p -q jump@203.0.113.7",
        where="kubespray.ini:6",
    )
    assert (two.port, two.user) == (2222, "admin")
    assert three.user == "night shift"
    assert found.notes == ("kubespray.ini:29: StrictHostKeyChecking=no is not followed: host keys are checked",)


def test_ansible_yaml() -> None:
    one, two, b, c = hosts((DATA / "two.yml").read_text(), "two.yml")
    assert one == Host(
        "a1.example.com",
        "a1.example.com",
        "admin",
        proxy_jump="bastion.example.com:2200",
        known_hosts_file="/etc/fleet hosts",
        where="two.yml:7",
    )
    assert two.name == "a2.example.com"
    assert (b.address, b.port, b.user) == ("2001:db8::1", 2222, "admin")
    assert (c.address, c.port) == ("c1.example.com", 2022)


@pytest.mark.parametrize(
    ("group", "names"),
    [("kube_node", ["w1", "w2"]), ("everything", ["m1", "w1", "w2"]), ("all", ["lost", "m1", "w1", "w2"])],
)
def test_a_group_of_ones_own(group: str, names: list[str]) -> None:
    text = "lost\n[masters]\nm1\n[kube_node]\nw[1:2]\n[everything:children]\nmasters\nkube_node\n"
    assert [h.name for h in hosts(text, "hosts", (group,))] == names
    assert [h.name for h in hosts(text, "hosts")] == ["m1"]


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ("ansible_ssh_common_args='-J bastion'", Host("m", "m", proxy_jump="bastion")),
        ("ansible_ssh_common_args='-Jbastion'", Host("m", "m", proxy_jump="bastion")),
        ("ansible_ssh_common_args='-qJ u@b:22,c'", Host("m", "m", proxy_jump="u@b:22,c")),
        ("ansible_ssh_common_args='-o ProxyJump=bastion'", Host("m", "m", proxy_jump="bastion")),
        ("ansible_ssh_common_args='-oProxyJump=bastion -C'", Host("m", "m", proxy_jump="bastion")),
        ("ansible_ssh_common_args='-o \"proxyjump bastion\"'", Host("m", "m", proxy_jump="bastion")),
        ("ansible_ssh_common_args='-o ProxyJump=none'", Host("m", "m")),
        (
            "ansible_ssh_common_args='-o ProxyCommand=\"ssh -W %h:%p b\"'",
            Host("m", "m", proxy_command="ssh -W %h:%p b"),
        ),
        ("ansible_ssh_common_args='-o ProxyCommand=nc -J x'", Host("m", "m", proxy_command="nc")),
        ("ansible_ssh_extra_args='-i k -p 99 -o User=u'", Host("m", "m", "u", 99, "k")),
        ("ansible_ssh_extra_args='-p 99' ansible_port=22", Host("m", "m", port=22)),
        ("ansible_ssh_host=h ansible_ssh_port=5 ansible_ssh_user=u", Host("m", "h", "u", 5)),
        ("ansible_host='{{ inventory_hostname }}.lan'", Host("m", "m.lan")),
        ("ansible_connection=local", Host("m", "m", local=True)),
    ],
)
def test_ansible_connection_variables(variables: str, host: Host) -> None:
    (found,) = hosts(f"[masters]\nm {variables}\n", "hosts")
    assert found == Host(**{**{f: getattr(host, f) for f in host.__slots__}, "where": "hosts:2"})


def test_nearer_groups_and_the_host_itself_win() -> None:
    text = """[masters]
m1
m2 ansible_user=own
[top:children]
middle
[middle:children]
masters
[all:vars]
ansible_user=all
ansible_port=1
[top:vars]
ansible_user=top
ansible_port=2
[middle:vars]
ansible_user=middle
"""
    one, two = hosts(text, "hosts")
    assert (one.user, one.port) == ("middle", 2)
    assert (two.user, two.port) == ("own", 2)


def test_ini_says_all_its_errors_at_once() -> None:
    text = """[masters]
m1 ansible_port=x
m2 loose
m3 ansible_host="unbalanced
m[1:
[masters:kids]
[masters:vars]
broken
[ghost:vars]
a=b
[top:children]
nobody
[two words]
"""
    found = problems(text, "hosts")
    assert [p.split(":")[1] for p in found] == ["2", "3", "4", "5", "6", "8", "9", "12", "13"]
    assert "'x' is not a port" in found[0]
    assert "group 'nobody'" in found[7]


@pytest.mark.parametrize(
    ("text", "file", "said"),
    [
        ("[web]\nw\n", "hosts", "hosts: none of its groups is kube_control_plane"),
        ("[masters]\n", "hosts", "hosts:1: group 'masters' has no hosts"),
        ("[masters:children]\na\n[a:children]\nmasters\n", "hosts", "hosts:4: group 'masters' is a child of itself"),
        ("[masters]\nm ansible_host='{{ ip }}'\n", "hosts", "hosts:2: ansible_host of m is a template"),
        ("[masters]\nm ansible_connection=docker\n", "hosts", "hosts:2: ansible_connection=docker of m"),
        ("[masters]\nm ansible_ssh_common_args='-o'\n", "hosts", "hosts:2: ssh arguments of m: -o needs a value"),
        ("all: {hosts: [a]}", "h.yml", "h.yml:1: hosts of group 'all' must be a mapping, not a list"),
        ("masters: {hosts: {a: b}}", "h.yml", "h.yml:1: the variables of host 'a' must be a mapping"),
        ("masters: {host: {a: }}", "h.yml", "h.yml:1: group 'masters' has an unexpected key 'host'"),
        ('{"_meta": [], "masters": {"hosts": {"a": {}}}}', "x", "x:1: group '_meta' must be a mapping"),
    ],
)
def test_ansible_errors(text: str, file: str, said: str) -> None:
    assert problems(text, file)[0].startswith(said)


def test_a_group_that_is_not_there_is_said_with_those_that_are() -> None:
    assert "(groups: masters)" in problems("[masters]\nm\n", "hosts", ("nope",))[0]


def test_the_same_way_to_the_same_host_is_one_host() -> None:
    assert len(hosts("hosts: [cp1, cp1, root@cp1]")) == 2


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("cp", ["cp"]),
        ("cp[01:03]", ["cp01", "cp02", "cp03"]),
        ("cp[9:11].x", ["cp9.x", "cp10.x", "cp11.x"]),
        ("[a:c]1", ["a1", "b1", "c1"]),
        ("r[1:2]n[0:4:2]", ["r1n0", "r1n2", "r1n4", "r2n0", "r2n2", "r2n4"]),
    ],
)
def test_ranges(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


@pytest.mark.parametrize("pattern", ["[1:", "[a:3]", "[01:100]", "[3:1]", "[1:5:0]", "[1:99999]", "[]", "a]"])
def test_bad_ranges(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"range|more than"):
        expand(pattern)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h", ("", "h", None)),
        ("u@h:22", ("u", "h", 22)),
        ("u@dom@h", ("u@dom", "h", None)),
        ("::1", ("", "::1", None)),
        ("u@[fe80::1]:22", ("u", "fe80::1", 22)),
    ],
)
def test_addresses(text: str, parts: tuple[str, str, int | None]) -> None:
    assert split_address(text) == parts


@pytest.mark.parametrize(
    "text", ["", "@h", "h:", "h:0", "h:65536", "h:٣", "-x", "a b", "a/b", "$(x)", "[::1", "a\nb"]
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"empty user|is no"):
        split_address(text)
