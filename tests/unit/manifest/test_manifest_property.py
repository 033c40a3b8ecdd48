"""Laws of the patch, over manifests in every style that people and programs write them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import difference, pod, shape
from kaudit_setup.manifest.patch import patch, unpatch
from kaudit_setup.model import LOG_FLAG, POLICY_ANNOTATION, POLICY_FLAG, WEBHOOK_FLAG, AuditSettings

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FLAGS = [
    "--advertise-address=192.0.2.10",
    "--allow-privileged=true",
    "--authorization-mode=Node,RBAC",
    "--client-ca-file=/etc/kubernetes/pki/ca.crt",
    "--tls-cipher-suites=TLS_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128",
    "--service-cluster-ip-range=10.96.0.0/12",
    '--x-note=it\'s "quoted" # not a comment: really',
]


class Emitter:
    """Writes values as block YAML in one hand's style."""

    def __init__(self, hand: random.Random) -> None:
        self.hand = hand
        self.dash = hand.choice([0, 2])
        self.step = hand.choice([2, 4])
        self.pad = hand.choice([2, 2, 4])
        self.quote = hand.choice(["", "", "'", '"'])
        self.comments = hand.random() < 0.4
        self.flow_lists = hand.random() < 0.2
        self.blank_lines = hand.random() < 0.2

    def text(self, value: dict[str, Any]) -> str:
        lines = self.map(value, 0)
        if self.hand.random() < 0.3:
            lines.insert(0, "---")
        if self.hand.random() < 0.2:
            lines.insert(0, "# made by hand")
        if self.hand.random() < 0.2:
            lines += ["...", "--- # another document", "kind: Other", "a: [1"]
        newline = self.hand.choice(["\n", "\n", "\n", "\r\n"])
        return newline.join(lines) + self.hand.choice([newline, newline, "", newline * 2])

    def map(self, value: dict[str, Any], indent: int) -> list[str]:
        lines: list[str] = []
        for key, inner in value.items():
            lines += self.noise(indent)
            head = " " * indent + key + ":"
            if isinstance(inner, dict) and inner:
                lines += [head + self.tail(), *self.map(inner, indent + self.step)]
            elif isinstance(inner, list) and inner and not (self.flow_lists and isinstance(inner[0], str)):
                lines += [head + self.tail(), *self.list(inner, indent + self.dash)]
            else:
                lines.append(f"{head} {self.flow(inner)}{self.tail()}")
        return lines

    def list(self, value: list[Any], indent: int) -> list[str]:
        lines: list[str] = []
        for item in value:
            lines += self.noise(indent)
            bullet = " " * indent + "-".ljust(self.pad)
            if isinstance(item, dict):
                inner = [line for line in self.map(item, indent + self.pad) if line.strip()]
                while inner[0].lstrip().startswith("#"):
                    inner.pop(0)
                lines += [bullet + inner[0][indent + self.pad :], *inner[1:]]
            else:
                lines.append(f"{bullet}{self.flow(item)}{self.tail()}")
        return lines

    def flow(self, value: Any) -> str:
        if isinstance(value, list):
            return "[" + ", ".join(self.flow(v) for v in value) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {self.flow(v)}" for k, v in value.items()) + "}"
        if not isinstance(value, str):
            return json.dumps(value)
        awkward = any(c in value for c in "#:\"'{}[],") or value in {"", "-", "true"}
        if self.quote == "'" or (awkward and self.quote != '"'):
            return "'" + value.replace("'", "''") + "'"
        return json.dumps(value) if self.quote == '"' or awkward else value

    def noise(self, indent: int) -> list[str]:
        if self.blank_lines and self.hand.random() < 0.05:
            return [""]
        return [" " * indent + "# why: because"] if self.comments and self.hand.random() < 0.15 else []

    def tail(self) -> str:
        return "  # so it is" if self.comments and self.hand.random() < 0.15 else ""


@st.composite
def manifests(draw: st.DrawFn) -> str:
    hand = random.Random(draw(st.integers(0, 2**32)))
    flags = FLAGS[: draw(st.integers(0, len(FLAGS)))]
    if draw(st.booleans()):
        hand.shuffle(flags)
    server: dict[str, Any] = {"name": "kube-apiserver", "image": "registry.k8s.io/kube-apiserver:v1.36.2"}
    where = draw(st.sampled_from(["command", "args", "both", "two-words"]))
    if where == "command":
        server["command"] = ["kube-apiserver", *flags]
    elif where == "two-words":
        server["command"] = ["/usr/local/bin/kube-apiserver", *(w for f in flags for w in f.split("=", 1))]
    elif where == "args":
        server["args"] = flags
    else:
        server |= {"command": ["kube-apiserver", *flags[:2]], "args": flags[2:]}
    volumes = [("ca-certs", "/etc/ssl/certs"), ("k8s-certs", "/etc/kubernetes/pki"), ("logs", "/var/log")]
    volumes += [("audit-log", "/srv/other"), ("audit-policy", "/srv/more")]
    hand.shuffle(volumes)
    volumes = volumes[: draw(st.integers(0, 5))]
    if draw(st.booleans()):
        volumes.sort()
    if volumes or draw(st.booleans()):
        server["volumeMounts"] = [
            {"mountPath": path, "name": name} | ({"readOnly": True} if name != "logs" else {})
            for name, path in volumes
        ]
    spec: dict[str, Any] = {"containers": [server], "hostNetwork": True}
    if draw(st.booleans()):
        spec["containers"].insert(0, {"name": "sidecar", "image": "x", "command": ["sleep", "--audit-log-path=/no"]})
    if volumes or draw(st.booleans()):
        spec["volumes"] = [{"hostPath": {"path": path, "type": ""}, "name": name} for name, path in volumes]
    metadata: dict[str, Any] = {"name": "kube-apiserver", "namespace": "kube-system"}
    match draw(st.integers(0, 3)):
        case 0:
            metadata["annotations"] = {}
        case 1:
            metadata["annotations"] = {"a": "one", "z": "two"}
    if draw(st.booleans()):
        metadata = dict(sorted(metadata.items()))
        spec = dict(sorted(spec.items()))
        spec["containers"] = [dict(sorted(c.items())) for c in spec["containers"]]
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    if draw(st.integers(0, 3)) == 0:
        separators = hand.choice([None, (",", ":")])
        indent = None if separators else hand.choice([2, 4, "\t", None])
        return json.dumps(whole, indent=indent, separators=separators) + hand.choice(["", "\n"])
    return Emitter(hand).text(whole)


PATH_PARTS = st.text(
    st.one_of(
        st.sampled_from(" '\"$(){}#:,&*!|>%@`\\-~\n\t\r=[]?é\u2028\x85\U0001f600"), st.characters(codec="utf-8")
    ),
    min_size=1,
    max_size=8,
).filter(lambda s: "/" not in s and "\0" not in s and s not in {".", ".."})


@st.composite
def wishes(draw: st.DrawFn) -> AuditSettings:
    flags = {POLICY_FLAG: f"/etc/kubernetes/{draw(PATH_PARTS)}.yaml"}
    log = draw(st.sampled_from(["file", "file", "-", "none"]))
    if log == "file":
        flags[LOG_FLAG] = f"/var/log/kubernetes/{draw(PATH_PARTS)}/{draw(PATH_PARTS)}.log"
        flags["audit-log-maxage"] = str(draw(st.integers(0, 99)))
    elif log == "-":
        flags[LOG_FLAG] = "-"
    if draw(st.booleans()) or log == "none":
        flags[WEBHOOK_FLAG] = "/etc/kubernetes/webhook.kubeconfig"
    if draw(st.booleans()):
        flags["audit-log-compress"] = "true"
    sha = draw(st.sampled_from(["", "ab" * 32, "1" * 64, "1e" + "0" * 62, "0" * 64]))
    return AuditSettings(flags, sha, "cd" * 32 if WEBHOOK_FLAG in flags else "")


@QUICK
@given(manifests(), wishes(), wishes())
def test_laws_of_the_patch(before: str, first: AuditSettings, second: AuditSettings) -> None:
    once = patch(before, first)
    # what was asked for is what kubelet will read
    read = pod.read(once)
    assert read.flags == dict(first.flags)
    assert read.annotations.get(POLICY_ANNOTATION, "") == first.policy_sha256
    for flag in (POLICY_FLAG, WEBHOOK_FLAG, LOG_FLAG):
        path = first.flags.get(flag, "-")
        assert path == "-" or pod.host_path(read, path) is not None
    assert len({m.path for m in read.mounts}) == len(read.mounts)
    # twice is once
    assert patch(once, first) == once
    # every line that was there is there, in its order
    if not read.json and "[" not in before and "{" not in before:
        kept = iter(once.splitlines())
        assert all(any(line == other for other in kept) for line in before.splitlines())
    # undone is as it was
    assert unpatch(once) == before
    # another wish leaves nothing of the first behind
    twice = patch(once, second)
    assert pod.read(twice).flags == dict(second.flags)
    assert unpatch(twice) == before
    difference.only_audit_differs(shape.find(before), shape.find(once))


@QUICK
@given(manifests(), st.data())
def test_whatever_else_changes_is_refused(before: str, data: st.DataObject) -> None:
    after = patch(before, AuditSettings({POLICY_FLAG: "/etc/p.yaml", LOG_FLAG: "-"}, "ab" * 32))
    victims = [w for w in ("192.0.2.10", "Node,RBAC", "/etc/ssl/certs", "sidecar", "v1.36.2") if w in after]
    other = after.replace(data.draw(st.sampled_from(victims)), "other")
    with pytest.raises(ManifestError, match="more than the audit settings"):
        difference.only_audit_differs(shape.find(before), shape.find(other))


@QUICK
@given(st.text(max_size=300) | st.text("[]{}:,-&*!|>'\"#%@ \n\tab", max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        pod.read(text)
    assert caught.value.message
    assert caught.value.hint
