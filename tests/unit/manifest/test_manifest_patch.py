"""patch and unpatch on real and on awkward manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest import difference, pod
from kaudit_setup.manifest.documents import first_document
from kaudit_setup.manifest.patch import patch, unpatch
from kaudit_setup.model import POLICY_ANNOTATION, WEBHOOK_ANNOTATION, AuditSettings, KubeVersion

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
SHA = "ab" * 32
SETTINGS = AuditSettings(
    {
        "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
        "audit-log-path": "/var/log/kubernetes/audit/audit.log",
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
    },
    policy_sha256=SHA,
)


def sample(name: str) -> str:
    return (SAMPLES / f"kube-apiserver-{name}.yaml").read_text()


@pytest.mark.parametrize("version", ["1.20.2", "1.36.2"])
def test_equals_kubeadms_own_manifest_but_for_the_annotation(version: str) -> None:
    plain, audited = sample(version), sample(f"{version}.audited-by-kubeadm")
    patched = patch(plain, SETTINGS)
    lines = patched.splitlines(keepends=True)
    assert [line for line in lines if POLICY_ANNOTATION in line] == [f"    {POLICY_ANNOTATION}: {SHA}\n"]
    assert "".join(line for line in lines if POLICY_ANNOTATION not in line) == audited
    assert patch(patched, SETTINGS) == patched
    assert unpatch(patched) == unpatch(audited) == plain
    assert pod.read(patched).flags == dict(SETTINGS.flags)


PLAIN = sample("1.36.2")
HAND_MADE = PLAIN.replace(
    "    - --authorization-mode=Node,RBAC\n",
    """    - --audit_policy_file=/etc/kubernetes/audit/p.yaml
    - --authorization-mode=Node,RBAC
    - --audit-log-path
    - /var/log/audit.log   # ours
    - "--audit-log-maxage=7"
    - --audit-log-maxage=9
    - --audit-log-compress
""",
)


def with_mount(text: str, mount: str, volume: str) -> str:
    return text.replace("    volumeMounts:\n", f"    volumeMounts:\n{mount}").replace(
        "  volumes:\n", f"  volumes:\n{volume}"
    )


def mount(path: str, name: str, *, read_only: bool = False) -> str:
    return f"    - mountPath: {path}\n      name: {name}\n" + ("      readOnly: true\n" if read_only else "")


def host(path: str, name: str, kind: str = "") -> str:
    return f"  - hostPath:\n      path: {path}\n" + (f"      type: {kind}\n" if kind else "") + f"    name: {name}\n"


def added(before: str, after: str) -> list[str]:
    old = before.splitlines()
    return [line for line in after.splitlines() if line not in old]


def test_hand_made_audit_keeps_its_form() -> None:
    text = with_mount(
        HAND_MADE,
        mount("/var/log/audit.log", "logfile") + mount("/etc/kubernetes/audit", "pol", read_only=True),
        host("/data/logs/k8s-audit.log", "logfile", "FileOrCreate") + host("/opt/k8s/audit", "pol"),
    )
    assert pod.read(text).flags == {
        "audit-policy-file": "/etc/kubernetes/audit/p.yaml",
        "audit-log-path": "/var/log/audit.log",
        "audit-log-maxage": "9",
        "audit-log-compress": "true",
    }
    adopted = AuditSettings(pod.read(text).flags | {"audit-log-maxage": "30"}, SHA)
    patched = patch(text, adopted)
    # two words stay two, the doubled flag is one, underscores are gone, the comment is there
    assert "    - --audit-log-path\n    - /var/log/audit.log   # ours\n    - --audit-log-maxage=30\n" in patched
    assert patched.count("audit-log-maxage") == 1
    assert "    - --audit-policy-file=/etc/kubernetes/audit/p.yaml\n" in patched
    assert "    - --audit-log-compress\n" in patched
    # the policy's mount is used as it is; a mounted log file cannot be renamed, so its folder takes its place
    now = pod.read(patched)
    assert pod.host_path(now, "/etc/kubernetes/audit/p.yaml") == "/opt/k8s/audit/p.yaml"
    assert pod.host_path(now, "/var/log/audit.log") == "/data/logs/audit.log"
    assert "logfile" not in patched
    assert patch(patched, adopted) == patched
    bare = unpatch(text)
    assert unpatch(patched) == bare == PLAIN


def test_a_writable_parent_mount_covers_and_stays() -> None:
    text = with_mount(
        PLAIN,
        mount("/etc/kubernetes", "k8s", read_only=True) + mount("/var/log", "logs"),
        host("/srv/k8s", "k8s") + host("/var/log", "logs"),
    )
    patched = patch(text, SETTINGS)
    assert [line for line in added(text, patched) if "audit" not in line] == []
    assert "name: audit-" not in patched
    assert pod.host_path(pod.read(patched), SETTINGS.policy_path) == "/srv/k8s/audit-policy.yaml"
    assert unpatch(patched) == text


def test_a_read_only_parent_does_not_cover_the_log() -> None:
    text = with_mount(PLAIN, mount("/var/log", "logs", read_only=True), host("/mnt/log", "logs"))
    patched = patch(text, SETTINGS)
    assert pod.host_path(pod.read(patched), SETTINGS.log_path) == "/mnt/log/kubernetes/audit/audit.log"
    log = next(m for m in pod.read(patched).mounts if m.path == "/var/log/kubernetes/audit")
    assert (log.name, log.read_only, log.type) == ("audit-log", False, "DirectoryOrCreate")
    assert unpatch(patched) == text


def test_a_read_only_log_folder_becomes_writable_where_it_is() -> None:
    log = "    - --audit-log-path=/var/log/kubernetes/audit/audit.log\n"
    text = PLAIN.replace("    - --allow-privileged=true\n", f"    - --allow-privileged=true\n{log}")
    text = with_mount(text, mount("/var/log/kubernetes/audit/", "x", read_only=True), host("/mnt/log", "x"))
    now = pod.read(patch(text, SETTINGS))
    assert pod.host_path(now, SETTINGS.log_path) == "/mnt/log/audit.log"
    assert len([m for m in now.mounts if "/var/log" in m.path]) == 1


def test_taken_volume_names_are_left_alone() -> None:
    text = with_mount(
        PLAIN,
        mount("/a", "audit-log") + mount("/b", "audit-policy"),
        host("/a", "audit-log") + host("/b", "audit-policy"),
    )
    patched = patch(text, SETTINGS)
    names = [m.name for m in pod.read(patched).mounts]
    assert names[:4] == ["audit-log", "audit-log-1", "audit-policy", "audit-policy-1"]
    assert unpatch(patched) == text


def test_a_log_shipper_beside_the_server_keeps_its_volume() -> None:
    shipper = "  - name: shipper\n    image: x\n    volumeMounts:\n    - mountPath: /logs\n      name: audit-log\n"
    text = PLAIN.replace("  hostNetwork: true\n", f"{shipper}  hostNetwork: true\n", 1).replace(
        "  volumes:\n", "  volumes:\n" + host("/var/log/kubernetes/audit", "audit-log", "DirectoryOrCreate")
    )
    patched = patch(text, SETTINGS)
    assert "audit-log-1" not in patched
    assert unpatch(patched) == text


def test_a_mount_that_another_flag_uses_stays() -> None:
    text = with_mount(PLAIN, mount("/etc/kubernetes/audit", "audit"), host("/etc/kubernetes/audit", "audit"))
    text = text.replace(
        "    - --secure-port", "    - --egress-selector-config-file=/etc/kubernetes/audit/e.yaml\n    - --secure-port"
    )
    wanted = AuditSettings({"audit-policy-file": "/etc/kubernetes/audit/p.yaml", "audit-log-path": "-"}, SHA)
    patched = patch(text, wanted)
    assert "p.yaml\n      name" not in patched
    assert unpatch(patched) == text


def test_changed_paths_leave_nothing_behind() -> None:
    first = patch(PLAIN, SETTINGS)
    moved = AuditSettings({"audit-policy-file": "/etc/audit/p.yaml", "audit-log-path": "-"}, SHA)
    second = patch(first, moved)
    assert second == patch(PLAIN, moved)
    assert "/var/log" not in second


def test_the_webhook_is_mounted_and_annotated() -> None:
    hook = AuditSettings(SETTINGS.flags | {"audit-webhook-config-file": "/etc/kubernetes/hook.conf"}, SHA, "cd" * 32)
    now = pod.read(patch(PLAIN, hook))
    assert now.annotations[WEBHOOK_ANNOTATION] == "cd" * 32
    found = next(m for m in now.mounts if m.path == "/etc/kubernetes/hook.conf")
    assert (found.name, found.read_only, found.type) == ("audit-webhook-config", True, "File")
    assert unpatch(patch(PLAIN, hook)) == PLAIN


def test_variables_are_expanded_as_kubelet_does_and_never_by_accident() -> None:
    env = "    env:\n    - name: WHERE\n      value: /var/log/here\n    image:"
    text = PLAIN.replace("    image:", env).replace(
        "    - --secure-port", "    - --audit-log-path=$(WHERE)/a.log\n    - --secure-port"
    )
    assert pod.read(text).flag("audit-log-path") == "/var/log/here/a.log"
    unknown = text.replace("value: /var/log/here", "valueFrom: {fieldRef: {fieldPath: spec.nodeName}}")
    assert pod.read(unknown).flag("audit-log-path") == "$(WHERE)/a.log"
    literal = AuditSettings({"audit-policy-file": "/etc/$(WHERE)/p$$.yaml", "audit-log-path": "-"})
    patched = patch(text, literal)
    assert pod.read(patched).flags == dict(literal.flags)
    assert "--audit-policy-file=/etc/$$(WHERE)/p$$$$.yaml" in patched


def test_json_stays_json() -> None:
    import json

    plain = json.dumps(first_document(PLAIN).root.plain(), indent=4) + "\n"
    patched = patch(plain, SETTINGS)
    assert first_document(patched).root.plain() == first_document(patch(PLAIN, SETTINGS)).root.plain()
    assert json.loads(patched)["metadata"]["annotations"][POLICY_ANNOTATION] == SHA
    assert set(added(plain, patched)) == set(added(plain, json.dumps(json.loads(patched), indent=4)))
    assert unpatch(patched) == plain


@pytest.mark.parametrize("version", ["1.20", "1.30", "1.31", "1.36"])
def test_flags_go_where_kubeadm_of_that_version_puts_them(version: str) -> None:
    patched = patch(PLAIN, SETTINGS, KubeVersion.parse(version))
    lines = patched.splitlines()
    appended = lines.index("    - --audit-log-maxage=30") > lines.index(
        "    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt"
    )
    assert appended == (KubeVersion.parse(version) > KubeVersion(1, 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\n# nothing\n", "it is empty"),
        ("---\n---\nkind: Pod\n", "first document is empty"),
        ("a: [1", "line 1 of the manifest"),
        (PLAIN.replace("  name: kube-apiserver\n", "  name: a: b\n", 1), "line 9 of the manifest"),
        (PLAIN.replace("    - --", "\t- --"), "not valid YAML: found "),
        (PLAIN.replace("spec:\n", "spec:\n  hostNetwork: true\n"), "'hostNetwork' is given twice"),
        (PLAIN.replace("kind: Pod", "kind: PodList"), "kind is PodList, not Pod"),
        (f"kind: ConfigMap\n---\n{PLAIN}", "kind is ConfigMap"),
        (PLAIN.replace("kube-apiserver", "kube-other"), "no kube-apiserver container"),
        ("kind: Pod\nmetadata: {}\nspec: {containers: 3}\n", "containers is a scalar where a list belongs"),
        ("kind: Pod\nspec: {}\n", "no metadata"),
        ("- a\n", "a list, not a Pod"),
        (PLAIN.replace("    - kube-apiserver\n", "    - sh\n    - -c\n    - exec kube-apiserver\n"), "through 'sh'"),
        (PLAIN.replace("    - kube-apiserver\n", "    - /bin/wrapper\n"), "starts '/bin/wrapper'"),
        (PLAIN.replace("  - command:\n", "  - command: &flags\n"), "anchor or alias"),
        (PLAIN.replace("  labels:\n", "  <<: {a: b}\n  labels:\n"), "merge key"),
        ('{"kind": "Pod",}', "not valid JSON"),
        ('{"kind": "Pod"} x', "after top-level value"),
        ("{kind: Pod}", "not valid JSON"),
        ("a: " + "[" * 100, "nested deeper than 64"),
        ("a: " + "[" * 100_000, "nest"),
        ('{"a":' * 5_000, "nested deeper than 64"),
        ("x" * (1 << 20) + "y", "larger than 1 MiB"),
        ("kind: Pod\0", "not valid YAML"),
        ("a: &a [*a]\n", "kind is missing"),
        (PLAIN + "a: *nowhere\n", "the alias *nowhere has no anchor"),
        (PLAIN.replace("spec:\n", "spec: &spec\n"), "spec uses a YAML anchor"),
        (PLAIN.replace("  containers:\n  - ", "  containers:\n  - &server\n    "), "container uses a YAML anchor"),
        ("a: !!python/object:os.system x\n", "kind is missing"),
    ],
)
def test_bad_manifests_are_refused_in_words(text: str, words: str) -> None:
    for use in (pod.read, unpatch, lambda t: patch(t, SETTINGS)):
        with pytest.raises(ManifestError) as caught:
            use(text)
        assert words in caught.value.message
        assert caught.value.hint
        assert len(caught.value.message) < 400


def aliases(levels: int) -> str:
    lists = (f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, levels))
    return "x0: &x0 [lol]\n" + "".join(lists)


def test_aliases_elsewhere_are_not_touched() -> None:
    assert unpatch(patch(aliases(3) + PLAIN, SETTINGS)) == aliases(3) + PLAIN


def test_an_alias_bomb_is_refused_as_kubelet_refuses_it() -> None:
    with pytest.raises(ManifestError, match="excessive aliasing"):
        patch(aliases(40) + PLAIN, SETTINGS)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/audit.log", "node's / mounted over"),
        ("/etc/audit.log", "node's /etc mounted over"),
        ("/usr/local/bin/audit.log", "mounted over"),
        ("relative.log", "not the absolute path"),
        ("/var/log/../audit.log", "not the absolute path"),
        ("/etc/kubernetes/audit-policy.yaml", "another audit file"),
    ],
)
def test_paths_that_cannot_be_mounted_are_refused(path: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        patch(PLAIN, AuditSettings(SETTINGS.flags | {"audit-log-path": path}))


@pytest.mark.parametrize(
    ("text", "log"),
    [
        (PLAIN, "/etc/ssl/certs/audit.log"),
        (PLAIN, "/etc/kubernetes/pki/audit.log"),
        (PLAIN, "/usr/share/ca-certificates//audit.log"),
        (with_mount(PLAIN, mount("/srv/audit", "x", read_only=True), host("/srv/audit", "x")), "/srv/audit/a.log"),
        (with_mount(PLAIN, mount("/srv/a.log", "x", read_only=True), host("/srv/a.log", "x")), "/srv/a.log"),
        # the old log was there, too: the server could never write it, and the mount is still the certificates'
        (
            PLAIN.replace("--allow-privileged=true\n", "--audit-log-path=/etc/kubernetes/pki/a.log\n"),
            "/etc/kubernetes/pki/a.log",
        ),
    ],
)
def test_a_read_only_mount_of_somebody_else_is_not_taken_over(text: str, log: str) -> None:
    with pytest.raises(ManifestError, match="read-only for something else") as caught:
        patch(text, AuditSettings(SETTINGS.flags | {"audit-log-path": log}))
    assert "a folder of its own" in caught.value.hint


def test_a_volume_that_is_not_on_the_node_is_refused() -> None:
    text = with_mount(PLAIN, mount("/var/log/kubernetes/audit", "x"), "  - emptyDir: {}\n    name: x\n")
    with pytest.raises(ManifestError, match="which is not on the node"):
        patch(text, SETTINGS)


def test_what_others_need_of_the_pod() -> None:
    read = pod.read(sample("1.20.2"))
    assert read.version == KubeVersion(1, 20)
    assert read.flag("advertise-address") == read.probe_host == "192.0.2.10"
    assert read.flag("shutdown-delay-duration", "0s") == "0s"
    assert (read.grace_seconds, read.namespace) == (30, "kube-system")
    assert (
        pod.read(PLAIN.replace("  hostNetwork", "  terminationGracePeriodSeconds: 90\n  hostNetwork")).grace_seconds
        == 90
    )
    assert pod.host_path(read, "/etc/kubernetes/pki/ca.crt") == "/etc/kubernetes/pki/ca.crt"
    assert pod.host_path(read, "/usr/local/bin/kube-apiserver") is None
    for image, version in [
        ("r:5000/kube-apiserver:v1.29.3-eks.1", KubeVersion(1, 29)),
        ("x@sha256:ab", None),
        ("x", None),
    ]:
        assert pod.image_version(image) == version


def test_differences_are_told_by_name_and_empty_where_there_are_none() -> None:
    patched = patch(PLAIN, AuditSettings({"audit-policy-file": "/etc/p.yaml", "audit-log-path": "-"}))
    server = "spec.containers.kube-apiserver"
    assert difference.structural(PLAIN, patched) == (
        f'{server}.command.--audit-policy-file added: "/etc/p.yaml"',
        f'{server}.command.--audit-log-path added: "-"',
        f'{server}.volumeMounts.audit-policy added: {{"mountPath": "/etc/p.yaml", "readOnly": true}}',
        'spec.volumes.audit-policy added: {"hostPath": {"path": "/etc/p.yaml", "type": "File"}}',
    )
    assert difference.structural(PLAIN, PLAIN) == ()
    assert difference.unified(PLAIN, PLAIN, "f") == ""
    diff = difference.unified(PLAIN, patched, "/etc/kubernetes/manifests/kube-apiserver.yaml")
    assert "+    - --audit-policy-file=/etc/p.yaml\n" in diff
    assert not [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Pod", "kind:\tPod"),
        ("kind: Pod", "kind: Pod\t# the server"),
        ("    - --authorization-mode=Node,RBAC\n", "    - --authorization-mode=Node,RBAC\t\n"),
        ("apiVersion: v1", "\ufeffapiVersion: v1"),
        ("kind: Pod", 'kind: !!str "Pod"'),
        ("  hostNetwork: true", "  hostNetwork: y"),
    ],
)
def test_what_kubelet_reads_is_patched_and_keeps_its_bytes(old: str, new: str) -> None:
    text = PLAIN.replace(old, new)
    assert text != PLAIN
    patched = patch(text, SETTINGS)
    assert patched.replace(new, old) == patch(PLAIN, SETTINGS)
    assert unpatch(patched) == text


@pytest.mark.parametrize(
    ("value", "meaning"), [("y", True), ("0x10", 16), ("!!str 1", "1"), ("'1'", "1"), ("~", None), ("1e3", 1000.0)]
)
def test_a_scalar_means_what_kubelet_takes_it_for(value: str, meaning: object) -> None:
    assert first_document(f"a: {value}\n").root.plain() == {"a": meaning}


@pytest.mark.parametrize("value", [".inf", "!!int x"])
def test_a_scalar_that_is_no_json_is_refused_with_its_line(value: str) -> None:
    with pytest.raises(ManifestError, match="line 3 of the manifest"):
        pod.read(f"kind: Pod\nmetadata: {{}}\nspec: {{a: {value}}}\n")
