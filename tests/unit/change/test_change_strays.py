"""A second file in the static Pod folder counts if kubelet would take it, whether this tool could patch it or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kaudit_setup.cli import main

PLAIN = (Path(__file__).resolve().parents[2] / "data/samples/kube-apiserver-1.36.2.yaml").read_text()
MANIFESTS = "etc/kubernetes/manifests"
COMMAND = "  - command:\n    - kube-apiserver\n"
OTHER = """apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: kube-system}
spec:
  containers:
  - {name: c, image: IMAGE, command: [COMMAND]}
"""


def edited(old: str, new: str) -> str:
    assert old in PLAIN
    return PLAIN.replace(old, new, 1)


def other(name: str = "x", image: str = "busybox", command: str = "sleep, '9'") -> str:
    return OTHER.replace("NAME", name).replace("IMAGE", image).replace("COMMAND", command)


def hidden(name: str, key: str = "kind") -> str:
    """A Pod of the same name, which stands nowhere in the text as it is."""
    text = other(name).replace("kind:", f"{key}:")
    assert "kube-apiserver" not in text
    return text


def enable(root: Path, stray: str | bytes) -> int:
    (root / MANIFESTS).mkdir(parents=True)
    (root / "var/log").mkdir(parents=True)
    (root / MANIFESTS / "kube-apiserver.yaml").write_text(PLAIN)
    (root / MANIFESTS / "kube-apiserver.yaml.bak").write_bytes(stray.encode() if isinstance(stray, str) else stray)
    return main(["enable", "--policy", "metadata", "--root", str(root), "--dry-run"])


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param(PLAIN, id="copy"),
        pytest.param(edited("  - command:\n", "  - command: &old\n"), id="anchor"),
        pytest.param(edited("  hostNetwork: true\n", "  hostNetwork: true\t# old copy\n"), id="tab"),
        pytest.param(edited("  hostNetwork: true\n", "  hostNetwork:\ttrue\n"), id="tab-value"),
        pytest.param(edited("kind: Pod\n", "kind: Other\nkind: Pod\n"), id="doubled-key"),
        pytest.param(edited("  hostNetwork: true\n", "  <<: {hostNetwork: true}\n"), id="merge"),
        pytest.param("x: &all\n  kind: Pod\n<<: *all\n" + edited("kind: Pod\n", ""), id="merged-kind"),
        pytest.param(
            edited(COMMAND, "  - command:\n    - /bin/sh\n    - -c\n    - exec kube-apiserver --v=2 2>&1 | tee /x\n"),
            id="shell",
        ),
        pytest.param(edited(COMMAND, "  - command:\n    - python3\n    - /serve.py\n"), id="wrapped"),
        pytest.param(json.dumps(YAML(typ="safe", pure=True).load(PLAIN)), id="json"),
        pytest.param(PLAIN + "---\nkind: [broken\n", id="second-document"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="dos"),
        pytest.param(other("kube-apiserver"), id="same-name"),
        pytest.param(other("kube-apiserver").replace("kind:", "KIND:"), id="other-case"),
        pytest.param(hidden(r'"kube\x2dapiserver"'), id="hex-escape"),
        pytest.param(hidden(r'"kube\u002dapiserver"'), id="unicode-escape"),
        pytest.param(hidden(r'"\U0000006bube-apiserver"'), id="long-escape"),
        pytest.param(hidden('"kube-\\\n  apiserver"'), id="folded"),
        pytest.param(hidden("!!binary a3ViZS1hcGlzZXJ2ZXI="), id="binary"),
        pytest.param("%TAG !b! tag:yaml.org,2002:\n---\n" + hidden("!b!binary a3ViZS1hcGlzZXJ2ZXI="), id="own-tag"),
        pytest.param('x: &n "kube\\x2dapiserver"\n' + hidden("*n"), id="alias"),
        pytest.param(
            json.dumps(YAML(typ="safe", pure=True).load(PLAIN)).replace("kube-apiserver", "kube\\u002dapiserver"),
            id="json-escape",
        ),
        pytest.param(other(image="registry.k8s.io/kube-apiserver:v1.30.0"), id="same-image"),
        pytest.param(other(command="/usr/local/bin/kube-apiserver, --v=2"), id="same-program"),
    ],
)
def test_a_file_that_kubelet_takes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], stray: str) -> None:
    code = enable(tmp_path, stray)
    said = capsys.readouterr()
    assert code in {1, 3}
    assert "kube-apiserver.yaml.bak also holds a kube-apiserver Pod" in said.out + said.err


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        pytest.param("# kube-apiserver\nkind: [\n", "cannot be read", id="broken"),
        pytest.param(edited("  containers:\n", "\tcontainers:\n"), "cannot be read", id="indented-by-tab"),
        pytest.param(edited("apiVersion: v1\n", ""), "its apiVersion is missing", id="no-version"),
        pytest.param(edited("  volumes:\n", "  volumes:\n  - emptyDir: {}\n"), "a volume has no name", id="invalid"),
        pytest.param(edited("    - --allow-privileged=true\n", "    - 1\n"), "is not a text", id="number"),
    ],
)
def test_a_file_that_kubelet_refuses_is_only_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stray: str, said: str
) -> None:
    assert enable(tmp_path, stray) == 3
    seen = capsys.readouterr()
    assert said in seen.out + seen.err
    assert "also holds" not in seen.out + seen.err


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_copy_in_an_encoding_that_kubelet_reads_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """By its byte-order mark (go-yaml: readerc.go, yaml_parser_determine_encoding)."""
    code = enable(tmp_path, ("\ufeff" + PLAIN).encode(name))
    said = capsys.readouterr()
    assert code in {1, 3}
    assert "kube-apiserver.yaml.bak also holds a kube-apiserver Pod" in said.out + said.err


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_a_copy_in_an_encoding_that_kubelet_cannot_read_is_only_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert enable(tmp_path, ("# caf\u00e9\n" + PLAIN).encode(name)) == 3
    seen = capsys.readouterr()
    assert ".bak mentions kube-apiserver" in seen.out + seen.err
    assert "also holds" not in seen.out + seen.err


@pytest.mark.parametrize("stray", [other(command="tail, -F, /var/log/kube-apiserver.log"), "# none\n"])
def test_other_pods_are_no_strays(tmp_path: Path, capsys: pytest.CaptureFixture[str], stray: str) -> None:
    assert enable(tmp_path, stray) == 3
    assert ".bak" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stray", "reason"),
    [
        (PLAIN, "the last one in sort order wins"),
        (edited("  namespace: kube-system\n", "  namespace: default\n"), "this one, default/kube-apiserver, beside"),
        (edited("  namespace: kube-system\n", ""), "this one, default/kube-apiserver, beside"),
        (
            edited("  name: kube-apiserver\n", "  name: kube-apiserver-old\n"),
            "kube-system/kube-apiserver-old, beside",
        ),
        (other("kube-apiserver"), "the last one in sort order wins"),
    ],
)
def test_what_a_second_server_does_depends_on_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stray: str, reason: str
) -> None:
    """kubelet keeps one Pod of each namespace and name, and runs all others beside each other."""
    enable(tmp_path, stray)
    said = "".join(capsys.readouterr())
    assert reason in " ".join(said.split())
    assert ("wins" in said) != ("beside the other" in " ".join(said.split()))
