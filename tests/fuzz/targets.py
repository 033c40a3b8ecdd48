"""What is fuzzed: every text that somebody else writes, from its bytes to the values that the commands use."""

from __future__ import annotations

import atexit
import gzip
import hashlib
import json
import random
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzzer import Target, mutated
from shapes import TARGET as SHAPES

from kaudit_setup.auditlog.event import decode_strictly
from kaudit_setup.auditlog.filters import make_filter
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.query import events
from kaudit_setup.auditlog.record import body_of, in_ascii, with_source
from kaudit_setup.auditlog.reports.stats import stats
from kaudit_setup.auditlog.sources.collecting import collect as collecting
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.auditlog.timestamps import ALWAYS
from kaudit_setup.change import backup, persist, plan_enable, preflight, status
from kaudit_setup.change.diagnose import telling_lines, why_not_proved
from kaudit_setup.change.expectation import Expectation
from kaudit_setup.change.leftovers import purge, recover
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.verify import NotProved, verify
from kaudit_setup.errors import KauditError
from kaudit_setup.fleet import inventory
from kaudit_setup.fleet.group import group
from kaudit_setup.fleet.hosts import Tree
from kaudit_setup.fleet.status import Row
from kaudit_setup.fleet.survey import Candidate, cluster_of, member_of
from kaudit_setup.manifest import kubeadm, patch, pod, settings
from kaudit_setup.manifest.render import render
from kaudit_setup.manifest.render_source import Source
from kaudit_setup.model import NEWEST, AuditSettings, KubeVersion
from kaudit_setup.node import observe
from kaudit_setup.node.frames import Frames, frames
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.ssh import config_fallback, known_hosts
from kaudit_setup.node.ssh import settings as ssh_settings
from kaudit_setup.node.ssh.target import SshTarget
from kaudit_setup.policy.explain import explain
from kaudit_setup.policy.lint import lint
from kaudit_setup.policy.load import load
from kaudit_setup.policy.request import from_url
from kaudit_setup.report.collect import Collection
from kaudit_setup.report.collect import as_item as collected_item
from kaudit_setup.report.documents.document import document
from kaudit_setup.report.documents.json import to_json
from kaudit_setup.report.nodes.status import NodeStatus, as_items, as_text
from kaudit_setup.runner import Ran

DATA = Path(__file__).resolve().parents[1] / "data"
OLDEST = KubeVersion(1, 20)
POLICY = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
_FOLDER = Path(tempfile.mkdtemp(prefix="kaudit-fuzz-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _read(pattern: str) -> tuple[bytes, ...]:
    found = tuple(path.read_bytes() for path in sorted(DATA.glob(pattern)))
    assert found, pattern
    return found


def _each(*calls: Callable[[], object]) -> None:
    """Every one of them, each of which may refuse."""
    for call in calls:
        try:
            call()
        except KauditError:
            continue


# -- manifests and policies ---------------------------------------------------------------------------------------

WANTED = settings.desired({}, {}, "0" * 64)


def manifest(data: bytes) -> None:
    """Read, enabled, disabled; as a static Pod and as kubeadm's configuration."""
    text = _text(data)
    _each(
        lambda: pod.read(text).flags,
        lambda: settings.desired({}, pod.read(text).flags, "0" * 64, NEWEST),
        lambda: patch.patch(text, WANTED, OLDEST),
        lambda: patch.unpatch(text),
    )


def kubeadm_config(data: bytes) -> None:
    """What kubeadm has stored: read, enabled, disabled."""
    text = _text(data)
    _each(
        lambda: kubeadm.read_cluster_configuration(text),
        lambda: kubeadm.patch_cluster_configuration(text, WANTED),
        lambda: kubeadm.patch_cluster_configuration(text, AuditSettings({})),
    )


def policy(data: bytes) -> None:
    """Loaded as two versions do; what is a policy answers and is inspected."""
    for version in (NEWEST, OLDEST):
        loaded = load(data, version)
        lint(loaded, version)
        if loaded.policy:
            explain(loaded.policy, from_url("GET", "/api/v1/namespaces/a/pods/b", "u").attributes, version)
    _each(lambda: render("kubespray", Source(WANTED, _text(data))))


def url(data: bytes) -> None:
    """What `policy explain --url` takes: as it stands on a command line, where bytes are anything."""
    method, _, rest = _text(data).partition(" ")
    found = from_url(method, rest, "u")
    str(found).encode("utf-8")


def kubeconfig(data: bytes) -> None:
    """The webhook's kubeconfig, in every format that holds it."""
    source = Source(settings.desired(_HOOK, {}, "0" * 64, webhook_sha256="1" * 64), POLICY.decode(), _text(data))
    _each(*(lambda name=name: render(name, source) for name in ("kubespray", "kubeadm-v1beta4")))


_HOOK = {"audit-webhook-config-file": "/etc/kubernetes/hook.yaml"}
KUBECONFIGS = (
    (
        b"apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://hook.example:443/a\n"
        b"    insecure-skip-tls-verify: true\nusers:\n- name: u\n  user: {token: t}\ncontexts:\n- name: x\n"
        b"  context: {cluster: c, user: u}\ncurrent-context: x\n"
    ),
    b'{"clusters":[{"cluster":{"server":"https://[::1]:6443"}}]}',
)

# -- logs ---------------------------------------------------------------------------------------------------------

_LINES = tuple(
    line for file in _read("logs/audit-*.jsonl.gz") for line in gzip.decompress(file).splitlines()[:400:40]
)
LOGS = (b"\n".join(_LINES[:6]) + b"\n", *_LINES)
LOG_WORDS = (
    b'"stage":null',
    b'"stageTimestamp":"9999-12-31T23:59:59.999999Z"',
    b'"code":1e9',
    b"2026-13-01T00:00:00Z",
)


def log(data: bytes) -> None:
    """A log on this machine: found, counted, searched, and each event printed."""
    folder = _FOLDER / "logs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / ("audit.log.gz" if data[:2] == b"\x1f\x8b" else "audit.log")).write_bytes(data)
    logs = LocalLogs(find_logs([str(folder)]).files)
    stats(logs)
    for wanted in ({}, {"verb": ["create"], "user": ["!a*"]}):
        for row in events(logs, make_filter(wanted, ALWAYS)):
            in_ascii(with_source(row.body, row.place))
    logs.coverage()


def log_line(data: bytes) -> None:
    """One line, as the last one of a node's log is read; the strict reader."""
    for line in data.split(b"\n"):
        event = decode_strictly(line)
        if event:
            body_of(event)


def packed(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Altered before or behind its compression."""
    if data[:2] != b"\x1f\x8b":
        return mutated(rng, data, words)
    if rng.random() < 0.5:
        return mutated(rng, data, words)
    try:
        return gzip.compress(mutated(rng, gzip.decompress(data), words), 1)
    except (OSError, EOFError, ValueError, zlib.error):
        return mutated(rng, data, words)


# -- inventories --------------------------------------------------------------------------------------------------

OWN = (
    (
        b"clusters:\n  prod:\n    user: ops\n    hosts: [cp1, 'ops@cp2:2222', 'cp[3:5].example']\n"
        b"  dev:\n    hosts:\n    - host: 10.0.0.1\n      port: 22\n      user: root\n"
    ),
    b"hosts:\n- root@[2001:db8::1]:22\n",
)
INI = (
    (
        b"[kube_control_plane]\na\\1b ansible_host={{ inventory_hostname }} ansible_port=22\n"
        b"cp[01:03] ansible_user='o p' ansible_become_password=x\n[all:vars]\n"
        b"ansible_ssh_common_args='-o ProxyCommand=\"ssh -W %h:%p b\" -J u@j:22'\n"
        b"[kube_control_plane:children]\nx\n[x]\ny\n"
    ),
)
ANSWER = (
    b'{"_meta":{"hostvars":{"cp1":{"ansible_host":"10.0.0.1","ansible_port":22,"ansible_ssh_common_args":"-J j",'
    b'"ansible_become":true,"ansible_user":"{{ inventory_hostname }}"},"cp2":{}}},'
    b'"all":{"children":["kube_control_plane"]},'
    b'"kube_control_plane":{"hosts":["cp1","cp2"],"children":["more"]},"more":{"hosts":["a\\\\1b"]}}'
)
ANSIBLE_WORDS = (
    b"ansible_host",
    b"ansible_port",
    b"ansible_connection",
    b"ansible_ssh_extra_args",
    b"-o",
    b"IdentityFile=",
    b"{{ inventory_hostname }}",
    b"{{ x }}",
    b"[all:vars]",
    b"kube_control_plane",
    b":children",
    b"a\\1b",
    b"[1:9:2]",
    b"[a:z]",
    b"ansible_become_user",
    b"-J",
    b"-i",
    b"[1:99999999]",
)


def own_inventory(data: bytes) -> None:
    """The project's own format."""
    inventory.is_own(_text(data), "clusters.yaml")
    inventory.read(_text(data), "clusters.yaml")


def ansible_files(data: bytes) -> None:
    """Ansible's INI and YAML without Ansible, and a file of variables beside it."""
    beside = Tree("", {"group_vars/all.yml": data, "host_vars/cp1": data})
    _each(
        lambda: inventory.read(_text(data), "inventory.ini"),
        lambda: inventory.read(_text(data), "inventory.yml"),
        lambda: inventory.read(_text(data), "hosts"),
        lambda: inventory.read("[kube_control_plane]\ncp1\n", "hosts", (), beside),
    )


def ansible_answer(data: bytes) -> None:
    """What ansible-inventory prints."""
    inventory.read_answer(data, "inventory")


# -- ssh ----------------------------------------------------------------------------------------------------------

SSH_CONFIGS = (
    (
        b"Host cp1 cp*\n  HostName %h.example\n  User ops\n  Port 22\n  IdentityFile ~/.ssh/%u\n"
        b'  ProxyJump b:22\nMatch host cp1 user ops\n  ProxyCommand ssh -W %h:%p b\n  UserKnownHostsFile "a b" c\n'
    ),
    (
        b"hostname 10.0.0.1\nuser ops\nport 22\nidentityfile ~/.ssh/id_rsa\nuserknownhostsfile /a /b\n"
        b"proxyjump none\nidentityagent $SOCK\n"
    ),
)
SSH_WORDS = (
    b"Include",
    b"Match",
    b"final",
    b"exec",
    b"localuser",
    b"canonical",
    b"CanonicalizeHostname",
    b"Host",
    b"Port",
    b"=",
    b"CertificateFile",
    b"IdentityAgent",
    b"%d",
    b"%C",
    b"~nobody/x",
    b"all",
    b"!cp1",
    b"ProxyJump",
    b"none",
    b"@",
)


def ssh_config(data: bytes) -> None:
    """As paramiko reads it, and as `ssh -G` prints it."""
    # the parser runs what `Match exec` names
    data = data.replace(b"exec", b"user").replace(b"EXEC", b"user")
    file = _FOLDER / "ssh_config"
    file.write_bytes(data)
    target = SshTarget.parse("cp1")
    _each(
        lambda: ssh_settings.settings_of(target, config_fallback.read_words(target, file)).known_as,
        lambda: ssh_settings.settings_of(target, ssh_settings.words_of(_text(data))).known_as,
    )


def known(data: bytes) -> None:
    """Every line of known_hosts, asked about."""
    found = known_hosts.parse(data.decode("utf-8", "replace"))
    for name in ("cp1", "[cp1]:2222", "10.0.0.1", "h\u00f6st"):
        found.judge(name, "ssh-ed25519", b"x")
        known_hosts.fingerprints(found.expected(name))
        found.types(name)


_KEY = b"AAAAC3NzaC1lZDI1NTE5AAAAIJ5Rg9Rr3wMZl0x2XfUbRRBTRnKOl9i1xTnYlx3a1jPF"
KNOWN_HOSTS = (
    b"cp1,10.0.0.1 ssh-ed25519 " + _KEY + b" c\n@revoked *.example ssh-ed25519 " + _KEY + b"\n"
    b"@cert-authority !cp2,cp? ssh-ed25519 "
    + _KEY
    + b"\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 "
    + _KEY
    + b"\n",
)

# -- nodes --------------------------------------------------------------------------------------------------------

Found = list[tuple[str, bytes]]


def wire(found: Found) -> bytes:
    """As the scripts send it."""
    return b"".join(key.encode("ascii", "replace") + b" %d\n" % len(value) + value + b"\n" for key, value in found)


def _file(kind: str, path: str, content: bytes = b"") -> Found:
    found = [(f"{kind}.path", path.encode()), (f"{kind}.kind", b"file"), (f"{kind}.stat", b"644 0 0 30 1796016412")]
    return [*found, (f"{kind}.sha256", b"a" * 64), (f"{kind}.content", content)]


MANIFESTS = (*_read("samples/*.yaml"), *_read("render/*.yaml"))
ABOUT = json.dumps({"action": "enable", "by": "me", "deadline": 90}).encode()
BACKUP = {
    "name": "20261130T052600Z-0123ab",
    "time": "2026-11-30T05:26:00Z",
    "host": "cp1",
    "before": "enable",
    "by": "me",
}
BACKUP |= {
    "flags": {"audit-log-path": "/a"},
    "files": [{"number": 0, "path": "/a", "sha256": "", "mode": "644", "owner": "0:0"}],
}
JOURNAL = {
    "action": "enable",
    "result": "confirmed",
    "time": "x",
    "files": {"/etc/a": "b"},
    "flags": {"audit-log-path": "/a"},
}
CONFIG = (
    b"apiServer: {}\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncontrolPlaneEndpoint: cp:6443\n"
)
STORED = {"data": {"ClusterConfiguration": CONFIG.decode()}, "metadata": {"resourceVersion": "1"}}
SERVERS = {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"name": "https", "port": 6443}]}]}
_ARGV = b"kube-apiserver\n--audit-log-path=/var/log/kubernetes/audit.log\n--audit-policy-file=/p"
ANSWERED: Found = [
    *(("uid", b"0"), ("host", b"cp1"), ("machine", b"m"), ("uptime", b"4"), ("time", b"1796016412")),
    *(("tool", b"curl"), ("tool", b"flock"), ("static.path", b"/etc/kubernetes/manifests"), ("kubelet.pid", b"1")),
    *_file("manifest", "/etc/kubernetes/manifests/kube-apiserver.yaml", MANIFESTS[-1]),
    *_file("beside", "/etc/kubernetes/manifests/b.yaml"),
    *_file("file", "/etc/kubernetes/audit-policy.yaml", POLICY),
    *(
        ("log.path", b"/var/log/kubernetes/audit/audit.log"),
        ("log.kind", b"file"),
        ("log.stat", b"600 0 0 900 1796016412"),
    ),
    *(("log.first", _LINES[0]), ("log.last", _LINES[-1]), ("log.rotated", b"3 4000")),
    *(("log.volume.folder", b"/var"), ("log.volume.df", b"/dev/vda 264212084 32267808 74123104 31% /")),
    *(("server.pid", b"12"), ("server.start", b"900"), ("server.cmdline", _ARGV)),
    *(("credential", b"client-certificate"), ("pki.ca.crt", b"x"), ("pki.apiserver-kubelet-client.crt", b"x")),
    *(("backup", json.dumps(BACKUP).encode()), ("journal", json.dumps(JOURNAL).encode())),
    *(("run.id", b"0123456789abcdef"), ("run.about", ABOUT), ("run.armed", b"yes"), ("run.watchdog", b"alive")),
    *(("loose", b"/var"), ("config.code", b"200"), ("config.body", json.dumps(STORED).encode())),
    *(("servers.code", b"200"), ("servers.body", json.dumps(SERVERS).encode())),
    *(
        ("address", b"10.0.0.1"),
        ("endpoint", b"cp"),
        ("endpoint.address", b"10.0.0.1"),
        ("cluster", b"ok"),
        ("end", b"ok"),
    ),
]
LEFT: Found = [
    ("run.id", b"01"),
    ("run.about", ABOUT),
    ("run.backup", b"x"),
    ("run.state", b"stuck"),
    ("stray", b"/a"),
]


def _with(**values: object) -> bytes:
    """The answer with other values; `_` stands for a dot."""
    given = {key.replace("_", "."): value for key, value in values.items()}
    plain = {key: v if isinstance(v, bytes) else json.dumps(v).encode() for key, v in given.items()}
    return wire([(key, plain.get(key, value)) for key, value in ANSWERED])


def framed(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Mostly one value within its frame; else the frames themselves."""
    splitter = Frames()
    try:
        found = splitter.feed(data)
    except KauditError:
        found = []
    if not found or rng.random() < 0.15:
        return mutated(rng, data, words)
    at = rng.randrange(len(found))
    key, value = found[at]
    chance = rng.random()
    if chance < 0.08:
        del found[at]
    elif chance < 0.16:
        found.insert(rng.randrange(len(found)), found[at])
    else:
        found[at] = (key, mutated(rng, value, words))
    return wire(found)


def answer(data: bytes) -> None:
    """A look at a node: everything that a status, a plan and the backups are made from."""
    found = list(frames(data))
    _each(lambda: recover.parse(found))
    seen = observe.parse(found)
    backup.backups_of(seen)
    purge.made_files(seen), purge.log_of(seen)
    _each(lambda: backup.name_of(seen, "0123456789abcdef"))
    state = NodeState.of(seen)
    judged = status.judge(state)
    rows = (Row("cp1", status=judged), Row("cp2", status=judged))
    as_text(rows[:1]), as_text(rows), to_json(document(NodeStatus, as_items(rows)))
    node = Candidate(LocalNode(_FOLDER))
    group([member_of(node, state, cluster_of(seen))])
    _each(lambda: _planned(state))
    stored = cluster_of(seen).config
    if stored:
        persist.plan_persist(stored, WANTED, state.pod.mounts).after.encode()


def _planned(state: NodeState) -> None:
    wanted = plan_enable.Wanted(POLICY)
    made = plan_enable.plan_enable(state, wanted, plan_enable.target_of(state, wanted))
    preflight.inspect(state, made, prove=True)
    json.dumps(backup.describe(made, state, name="x", by="me"))


VERIFIED: Found = [
    ("proved", b"yes"),
    ("phase", b"restart"),
    ("server", b"12 900"),
    ("cmdline", _ARGV),
    ("event", _LINES[0]),
    ("hook", b"taken"),
]
GAVE_UP: Found = [
    ("phase", b"event"),
    ("gaveup", b"timeout"),
    ("phase.last", b"event"),
    ("serverlog", b"unknown flag: --a"),
]


def proof(data: bytes) -> None:
    """What a node says while its server is waited for."""
    want = Expectation(("--audit-log-path=/a",), "cp1", 6443, "", "", None, None)
    seen = verify(Answering({"": data}), want, limit=1)
    if isinstance(seen, NotProved):
        why_not_proved(seen), telling_lines(seen.server_log)


# -- logs on nodes ------------------------------------------------------------------------------------------------


class Answering:
    """A node that says what it is told to."""

    name = "cp1"

    def __init__(self, answers: dict[str, bytes]) -> None:
        """`answers`: by the first argument of the script."""
        self._answers = answers

    def sh(self, _script, args=(), *, stdin=b"", sink=None, timeout=None) -> Ran:
        said = self._answers[args[0] if args else ""]
        for at in range(0, len(said), 1000):
            sink(said[at : at + 1000])
        return Ran(0, b"", b"")


def node_logs(data: bytes) -> None:
    """The list of a node's logs, and what a search there found."""
    listed, _, found = data.partition(b"\0\n")
    logs = RemoteLogs([Answering({"list": listed, "search": found})], "")
    for row in events(logs, make_filter({"verb": ["create"]}, ALWAYS)):
        in_ascii(with_source(row.body, row.place))
    logs.coverage()


def collect(data: bytes) -> None:
    """Logs that are copied from a node, and the manifest of an earlier run."""
    listed, _, manifest = data.partition(b"\0\n")
    folder = _FOLDER / "collected"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "cp1").mkdir(parents=True)
    (folder / "cp1" / "audit.log").write_bytes(b"{}\n")
    (folder / "manifest.json").write_bytes(manifest or b"[]")
    node = Answering({"list": listed, "fetch": b"plain\n{}\n", "sum": hashlib.sha256(b"{}\n").hexdigest().encode()})
    try:
        collected = collecting.collect([node], "", [], folder, lambda *_: None)
        to_json(document(Collection, [collected_item(collected, folder)]))
    finally:
        outside = [path for path in _FOLDER.rglob("*.altered") if not path.is_relative_to(folder)]
        assert not outside, outside


def packed_answer(rng: random.Random, data: bytes, words: Sequence[bytes]) -> bytes:
    """Altered, and perhaps as the node compresses it."""
    listed, _, found = mutated(rng, data, words).partition(b"\0\n")
    if rng.random() < 0.1 and found.startswith(b"plain\n"):
        found = b"gzip\n" + mutated(rng, gzip.compress(found[6:], 1), ())
    return listed + b"\0\n" + found


_LISTED = b"plain\nown /a/audit.log\nd 81a4 2049 11 900 1796016412 0 0 /a/audit-2026-11-23T16-20-54.099.log\n"
_LISTED += b"f 81a4 2049 12 900 1796016412 0 0 /a/audit.log\nodd\ndone\n"
_HITS = b"plain\nm\t/a/audit.log\n1:" + _LINES[0] + b"\n/a/audit.log:2:" + _LINES[1] + b"\n"
_HITS += b"f\t900\t2\t1\t2026-11-23T16:20:54.099000Z\t2026-11-23T16:30:54.099000Z\t/a/audit.log\ns\t/a/audit.log\n"
_HITS += b"r\t/a/new.log\t/a/audit.log\nx\t/a/audit.log\ng\t/a/audit.log\ndone\n"
_SMALL = _LISTED.replace(b" 900 ", b" 3 ")
_ENTRY = {"node": "cp1", "file": "cp1/audit.log", "path": "/a/audit.log", "inode": 12, "size": 3, "sha256": "0"}
COLLECTED = (_SMALL + b"\0\n[]", _SMALL + b"\0\n" + json.dumps([_ENTRY]).encode())
NODE_LOGS = (_LISTED + b"\0\n" + _HITS,)

URLS = tuple(
    text.encode()
    for text in (
        "GET /api/v1/namespaces/a/pods/b?watch=1&fieldSelector=metadata.name%3Dx",
        "DELETE https://cp1:6443/apis/apps/v1/deployments?labelSelector=a in (b),c!=d&limit=5",
        "POST /api/v1/namespaces/a/pods/b/exec?command=x",
        "GET /healthz",
    )
)

TARGETS = {
    target.name: target
    for target in (
        Target(
            "manifest",
            manifest,
            MANIFESTS,
            (b"command:", b"- --audit-log-path=", b"hostPath:", b"initContainers:", b"env:"),
        ),
        Target(
            "kubeadm-config",
            kubeadm_config,
            (
                CONFIG,
                (
                    b"apiServer:\n  extraArgs:\n  - name: audit-log-path\n    value: /a\n"
                    b"apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
                ),
            ),
            (b"extraArgs:", b"extraVolumes:", b"---\n"),
        ),
        Target(
            "policy",
            policy,
            (POLICY, *_read("oracle/policies/*.yaml")),
            (b"level:", b"rules:", b"omitStages:", b"!!binary"),
        ),
        Target("url", url, URLS, (b"%ff", b"\xff", b"/namespaces/", b"?watch", b"//", b"*")),
        Target("kubeconfig", kubeconfig, KUBECONFIGS, (b"clusters:", b"server:", b"cluster:")),
        Target("log", log, (*LOGS, gzip.compress(LOGS[0], 1)), LOG_WORDS, packed),
        SHAPES,
        Target("log-line", log_line, LOGS, LOG_WORDS),
        Target(
            "inventory", own_inventory, OWN, (b"clusters:", b"hosts:", b"user:", b"jump:", b"[1:3]", b"[1:99999999]")
        ),
        Target("ansible", ansible_files, (*INI, *_read("inventory/*")), ANSIBLE_WORDS),
        Target("ansible-answer", ansible_answer, (ANSWER,), ANSIBLE_WORDS),
        Target("ssh-config", ssh_config, SSH_CONFIGS, SSH_WORDS),
        Target("known-hosts", known, KNOWN_HOSTS, (b"@revoked", b"|1|", b"*", b"?", b"!", b"[", b"]:22", _KEY[:9])),
        Target("node-answer", answer, (wire(ANSWERED), wire(LEFT)), (b"damaged", b"files", b"deadline"), framed),
        Target("collect", collect, COLLECTED, (b"../", b"/\xff", b"\\n", b'"inode":'), packed_answer),
        Target("node-proof", proof, (wire(VERIFIED), wire(GAVE_UP)), (), framed),
        Target(
            "node-logs",
            node_logs,
            NODE_LOGS,
            (b"\n1:", b"\nf\t", b"\nm\t", b"\nr\t", b"\td ", b"done"),
            packed_answer,
        ),
    )
}

DIGITS = b"9" * 5000
DEEP = b"[" * 3000 + b"]" * 3000
FOUND = (
    ("shapes", gzip.decompress((DATA / "fuzz/not-utf-8-in-a-list.gz").read_bytes())),
    ("shapes", b"x " + b"\\" * 300_000 + b" auditID {\n"),
    (
        "shapes",
        b'2026-05-01T10:00:00.0Z AUDIT: id="a" stage="ResponseComplete" method="get" user="\\ud800" uri="/api"\n',
    ),
    ("shapes", b'2026-05-01T10:00:00Z AUDIT: id="e" stage="Panic" uri="/" response="' + DIGITS + b'"\n'),
    ("manifest", MANIFESTS[0].replace(b"hostNetwork: true", b"hostNetwork: " + DIGITS)),
    ("manifest", MANIFESTS[0].replace(b"hostNetwork: true", b"terminationGracePeriodSeconds: " + DIGITS)),
    ("kubeadm-config", CONFIG + b"a: " + DIGITS),
    ("kubeadm-config", CONFIG.replace(b"v1beta4", b"v1beta" + DIGITS)),
    ("policy", POLICY + b"a: " + DIGITS),
    ("policy", b'{"kind":"Policy","apiVersion":"audit.k8s.io/v1","rules":[{"level":' + DIGITS + b"}]}"),
    ("policy", POLICY + b"!!int : a\n"),
    ("policy", POLICY + b"  a: 0x" + b"f" * 5000 + b"\n"),
    ("url", b"GET /api/v1/pods/\xff%ff"),
    ("url", b"GET /api/v1/pods?fieldSelector=\xff%ff"),
    ("ansible", b"[kube_control_plane]\na\\1b ansible_host={{ inventory_hostname }}\n"),
    ("ansible", b'[kube_control_plane]\na\\\\1b ansible_host="{{ inventory_hostname }}"\n'),
    (
        "ansible-answer",
        ANSWER.replace(b'"hosts":["cp1"', b'"hosts":["a\\\\1b"').replace(b'{"cp1":{', b'{"a\\\\1b":{'),
    ),
    ("ansible-answer", b'{"\xff":{}}'),
    ("ansible-answer", b'{"a":' + DEEP + b"}"),
    ("ssh-config", b"port " + DIGITS),
    ("ssh-config", b'Host "cp1\n  Match host "a\n'),
    ("ssh-config", b'Match host "cp1\n'),
    ("log", _LINES[0].replace(b'"stage":', b'"requestObject":' + DEEP + b',"stage":')),
    ("log-line", _LINES[0].replace(b'"stage":', b'"requestObject":' + DEEP + b',"stage":')),
    ("node-answer", b"uid " + DIGITS + b"\n0\n"),
    ("node-answer", wire([("run.about", ABOUT)])),
    ("node-answer", _with(uid=DIGITS)),
    ("node-answer", _with(server_cmdline=b"kube-apiserver\n--audit-\xff=1\n--audit-a=1")),
    ("node-answer", _with(config_body={**STORED, "data": {"ClusterConfiguration": CONFIG.decode() + "# \ud800"}})),
    ("node-answer", _with(config_body=DEEP, servers_body=DEEP)),
    ("node-answer", _with(servers_body=json.dumps(SERVERS).replace("6443", "1e999").encode())),
    ("ansible", b"all: &a\n  x: &a 1\n"),
    ("node-answer", _with(time=b"99999999999999")),
    ("node-answer", _with(log_last=_LINES[0].replace(b'"stage":', b'"requestObject":' + DEEP + b',"stage":'))),
    ("node-answer", _with(log_last=_LINES[0].replace(b'Z","', b'","'))),
    ("node-answer", _with(run_about={"by": "me", "deadline": None})),
    ("node-answer", _with(run_about=b'{"deadline":' + DIGITS + b"}")),
    ("node-answer", _with(journal={"action": "enable", "files": ["/a"], "flags": 3})),
    ("node-answer", _with(backup=BACKUP | {"name": "20261331T052600Z-0123ab"})),
    ("node-answer", _with(backup=BACKUP | {"name": "99991231T235959Z-0123ab"})),
    ("node-answer", _with(backup=BACKUP | {"files": [[]]})),
    ("node-answer", _with(backup=BACKUP | {"files": [{**BACKUP["files"][0], "path": 3}], "flags": [["a", 1]]})),
    ("node-answer", _with(backup=json.dumps(BACKUP).replace('"number": 0', '"number": 1e999').encode())),
    ("collect", _SMALL.replace(b"audit.log", b"audit\xff.log")),
    ("collect", _SMALL.replace(b"audit.log", b"au\0dit.log")),
    ("collect", _SMALL.replace(b"81a4", b"9" * 80)),
    ("collect", _SMALL + b"\0\n\xff"),
    ("collect", _SMALL + b"\0\n" + json.dumps([_ENTRY | {"file": "../victim"}]).encode()),
    ("collect", _SMALL + b"\0\n" + DEEP),
    ("node-proof", wire([("proved", b"yes")])),
    ("node-proof", wire([("phase", b"\xff"), ("gaveup", b"\xff"), ("phase.last", b"\xff")])),
    ("node-logs", _LISTED.replace(b"900", DIGITS) + b"\0\n" + _HITS),
    ("node-logs", _LISTED.replace(b"1796016412", b"9" * 18) + b"\0\n" + _HITS),
    ("node-logs", _LISTED.replace(b"900", b"9" * 30) + b"\0\n" + _HITS),
    ("node-logs", _LISTED.replace(b"/a/", b"/\xff/") + b"\0\n" + _HITS.replace(b"/a/", b"/\xff/")),
)
"""(target, input): what an earlier version fell over."""
