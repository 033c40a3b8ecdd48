"""The sandbox's rules against the real code's answers: flags, static Pods, objects, access."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kaudit_setup.model import KubeVersion
from kaudit_setup.sandbox.flags import FlagError, parse
from kaudit_setup.sandbox.objects import StatusError, Store, Target
from kaudit_setup.sandbox.pods import InvalidPodError, expand, read
from kaudit_setup.sandbox.requests.access import ANONYMOUS, Ask, User, allows, forbidden, of_certificate
from kaudit_setup.sandbox.tree import VERSIONS, manifest

DATA = Path(__file__).resolve().parents[2] / "data"
PODS = Target("", "v1", "pods", "default", "")


def oracle(version: str) -> list[dict[str, object]]:
    rows = json.loads((DATA / f"oracle/flags-{version}.json").read_text())
    # the stand-in has no webhook backend, and what a file holds is not its command line's matter
    return [row for row in rows if not row.get("applyError") and not any("webhook" in a for a in row["args"])]


@pytest.mark.parametrize(
    ("version", "row"), [(v, row) for v in VERSIONS for row in oracle(v)], ids=lambda x: str(x)[:70]
)
def test_the_stand_in_refuses_what_the_real_server_refuses(version: str, row: dict[str, Any]) -> None:
    args = [str(a) for a in row["args"]]
    try:
        parse(args, KubeVersion.parse(version))
        said = None
    except FlagError as error:
        said = str(error)
    expected = row.get("parseError") or (row.get("validateErrors") or [None])[0]
    assert said == expected


def test_kubelet_hashes_what_is_decoded() -> None:
    text = manifest("1.36.2", 6443).encode()
    pod = read(text)
    assert (pod.key, pod.container) == ("kube-system/kube-apiserver", "kube-apiserver")
    assert read(b"# a comment\n" + text).uid == pod.uid
    assert read(text.replace(b"tier: control-plane", b'tier: "control-plane"')).uid == pod.uid
    assert read(text.replace(b"tier: control-plane", b"tier: other")).uid != pod.uid
    assert read(text + b"---\ngarbage: [").uid == pod.uid


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("kind: Pod", "kind: Job", "no kind"),
        ("    - --allow-privileged=true", "    - 8080", "cannot unmarshal number"),
        ("tier: control-plane", "tier: yes", "cannot unmarshal bool"),
        ("spec:", "spec: [", "couldn't parse"),
        ("  name: kube-apiserver\n  namespace", "  namespace", "metadata.name: Required"),
        (
            "    - mountPath: /etc/ssl/certs\n      name: ca-certs",
            "    - mountPath: /x\n      name: nope",
            "Not found",
        ),
        ("mountPath: /etc/ca-certificates", "mountPath: /etc/ssl/certs", "must be unique"),
        ("    name: etc-ca-certificates\n  - hostPath", "    name: ca-certs\n  - hostPath", "Duplicate value"),
    ],
)
def test_what_kubelet_would_not_take_for_a_pod(before: str, after: str, words: str) -> None:
    text = manifest("1.36.2", 6443)
    assert before in text
    with pytest.raises(InvalidPodError, match=words):
        read(text.replace(before, after).encode())


@pytest.mark.parametrize("data", [b"", b"---\n", b"null", b"[]", b"\xff\xfe\x00", b"a: *nowhere"])
def test_nonsense_is_no_pod(data: bytes) -> None:
    with pytest.raises(InvalidPodError):
        read(data)


def test_a_shell_around_the_server_is_seen_through() -> None:
    container = "{name: c, image: i, command: [sh, -c, X]}"
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{container}]}}"
    pod = read(text.replace("X", '"exec kube-apiserver --secure-port=1"').encode())
    assert pod.argv == ("kube-apiserver", "--secure-port=1")


def test_dollars_are_what_kubelet_makes_of_them() -> None:
    assert [expand(w) for w in ("$$(X)", "$(X)", "$$$$", "a$b", "$", "$$$(X)")] == [
        "$(X)",
        "$(X)",
        "$$",
        "a$b",
        "$",
        "$$(X)",
    ]


def test_objects(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "etcd.json")
    store.create(Target("", "v1", "namespaces", "", ""), {"metadata": {"name": "default"}})
    made = store.create(PODS, {"metadata": {"generateName": "web-"}})
    assert made["metadata"]["name"].startswith("web-")
    assert store.create(PODS, {"metadata": {"name": "dry"}}, dry_run=True)["metadata"]["name"] == "dry"
    named = Target("", "v1", "pods", "default", made["metadata"]["name"])
    assert store.replace(named, {"metadata": {"labels": {"a": "b"}}}, merge=True)["metadata"]["labels"] == {"a": "b"}
    assert [i["metadata"]["name"] for i in Store.open(tmp_path / "etcd.json").list(PODS)["items"]] == [named.name]
    for code, act in (
        (409, lambda: store.create(PODS, {"metadata": {"name": named.name}})),
        (404, lambda: store.get(Target("", "v1", "pods", "default", "dry"))),
        (404, lambda: store.create(Target("", "v1", "pods", "nowhere", ""), {"metadata": {"name": "a"}})),
        (404, lambda: store.list(Target("example.com", "v1", "widgets", "", ""))),
        (422, lambda: store.create(PODS, {})),
    ):
        with pytest.raises(StatusError) as caught:
            act()
        assert caught.value.code == code
    store.delete(named)
    assert store.list(PODS)["items"] == []


def test_access_is_worded_as_rbac_words_it() -> None:
    master = of_certificate(((("organizationName", "system:masters"),), (("commonName", "kubernetes-admin"),)))
    assert master == User("kubernetes-admin", ("system:masters", "system:authenticated"))
    assert allows(Ask(master, "delete", "", "nodes")) == ""
    foobar = User("foobar", ("system:authenticated",))
    assert "RoleBinding" in str(allows(Ask(foobar, "create", "", "pods", "", "default")))
    ask = Ask(foobar, "list", "", "configmaps", "", "rr")
    assert allows(ask) is None
    words = 'configmaps is forbidden: User "foobar" cannot list resource "configmaps" in API group ""'
    assert forbidden(ask).message == f'{words} in the namespace "rr"'
    assert allows(Ask(ANONYMOUS, "get", path="/readyz")) is not None
    assert allows(Ask(ANONYMOUS, "get", path="/metrics")) is None
