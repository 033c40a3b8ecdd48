"""What every Node promises, whichever way its scripts travel."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kaudit_setup.errors import LostError
from kaudit_setup.node.observe import observe
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

NASTY = (
    "plain",
    "",
    "two words",
    " leading and trailing ",
    'it\'s "quoted"',
    "$(touch /tmp/kaudit-pwned) `id` $HOME ${IFS}",
    "back\\slash \\n",
    "new\nline\n",
    "-n",
    "--",
    "*",
    "; exit 9",
    "ünïcødé ✓",
    "bytes that are no text \udcff\udcfe",
    "tab\there",
    "!history",
    "#",
    "a" * 20_000,
)


def test_streams_and_status(node: Node) -> None:
    ran = node.sh("echo out; echo err >&2; exit 7")
    assert (ran.code, ran.out, ran.err) == (7, b"out\n", b"err\n")
    assert node.sh("exit 0").code == 0
    assert node.sh("no-such-command-here 2>/dev/null").code == 127
    assert node.sh("exit 255").code == 255


def test_nothing_is_left_of_a_run_for_the_next(node: Node) -> None:
    node.sh("x=1; export x; cd /; set -e", ["a", "b"])
    ran = node.sh('echo "${x-unset} $#"')
    assert ran.out == b"unset 0\n"


def test_standard_input_carries_any_bytes(node: Node) -> None:
    data = bytes(range(256)) * 512 + os.urandom(100_000) + b"no newline at the end"
    ran = node.sh("cat", stdin=data)
    assert ran.out == data
    assert node.sh("sha256sum", stdin=data).out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert node.sh("wc -c").out.strip() == b"0"


def test_a_script_need_not_read_its_input(node: Node) -> None:
    assert node.sh("exec <&-; exit 3", stdin=b"x" * 3_000_000).code == 3
    first = node.sh("IFS= read -r line; printf '%s' \"$line\"", stdin=b"first\nsecond\n")
    assert first.out == b"first"


def test_large_output_goes_through_the_sink_as_it_comes(node: Node) -> None:
    size, digest, longest = 0, hashlib.sha256(), 0

    def sink(chunk: bytes) -> None:
        nonlocal size, longest
        size += len(chunk)
        longest = max(longest, len(chunk))
        digest.update(chunk)

    ran = node.sh("yes 0123456789abcde | head -c 24000000; echo done >&2", sink=sink)
    assert (ran.code, ran.out, ran.err, size) == (0, b"", b"done\n", 24_000_000)
    assert digest.digest() == hashlib.sha256(b"0123456789abcde\n" * 1_500_000).digest()
    assert longest <= 1_000_000


def test_output_arrives_while_the_script_runs(node: Node, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def sink(chunk: bytes) -> None:
        if b"ready" in chunk:
            # the script waits for this file, so it has not ended yet
            go.touch()

    script = 'echo ready; n=0; while [ ! -e "$1" ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done; [ -e "$1" ]'
    assert node.sh(script, [str(go)], sink=sink, timeout=40).code == 0


def test_much_on_standard_error_blocks_nothing(node: Node) -> None:
    ran = node.sh("head -c 3000000 /dev/zero >&2; echo end")
    assert (ran.code, ran.out, len(ran.err)) == (0, b"end\n", 3_000_000)


def test_arguments_arrive_as_they_are(node: Node) -> None:
    ran = node.sh('printf "%s" "$#"; for a; do printf "<%s>" "$a"; done', NASTY)
    expected = str(len(NASTY)) + "".join(f"<{arg}>" for arg in NASTY)
    assert ran.out == expected.encode("utf-8", "surrogateescape")
    assert not Path("/tmp/kaudit-pwned").exists()


def test_a_long_script_with_quotes_arrives_as_it_is(node: Node) -> None:
    filler = '# it\'s a "comment" with $(things) and `more`\n' * 2000
    ran = node.sh(f"{filler}cat <<'END'\n$HOME `x` 'q' \"d\" \\\nEND\nprintf '%s' \"$1\"", ["arg"])
    assert ran.out == b"$HOME `x` 'q' \"d\" \\\narg"


def test_nothing_of_a_run_shows_in_any_command_line(node: Node) -> None:
    secret = f"secret-{os.urandom(8).hex()}"
    script = f": {secret}; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null; cat >/dev/null"
    ran = node.sh(script, [secret], stdin=secret.encode())
    assert ran.out.count(b"\n") > 3
    assert secret.encode() not in ran.out


def test_time_that_is_up_is_a_lost_error_and_the_node_goes_on(node: Node) -> None:
    began = time.monotonic()
    with pytest.raises(LostError):
        node.sh("sleep 30", timeout=0.5)
    assert time.monotonic() - began < 20
    assert node.sh("echo still here", timeout=30).out == b"still here\n"


def test_what_came_before_the_time_was_up_was_seen(node: Node) -> None:
    seen: list[bytes] = []
    with pytest.raises(LostError):
        node.sh("echo before; sleep 30", sink=seen.append, timeout=1)
    assert b"".join(seen) == b"before\n"


def test_several_at_once(node: Node) -> None:
    def one(number: int) -> bytes:
        return node.sh("sleep 0.1; cat; echo $1", [str(number)], stdin=b"in\n").out

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [f"in\n{n}\n".encode() for n in range(8)]


def test_a_closed_node_opens_itself_again(node: Node) -> None:
    node.close()
    assert node.sh("echo again").out == b"again\n"


def test_closed_from_elsewhere_a_running_script_is_lost_at_once(node: Node) -> None:
    def close(chunk: bytes) -> None:
        threading.Thread(target=node.close).start()

    began = time.monotonic()
    with pytest.raises(LostError):
        node.sh("echo begun; sleep 60", sink=close, timeout=60)
    assert time.monotonic() - began < 20
    assert node.sh("echo again").out == b"again\n"


def test_every_way_sees_the_same_node(node: Node) -> None:
    seen = observe(node)
    assert seen.manifest.path == "/etc/kubernetes/manifests/kube-apiserver.yaml"
    assert seen.manifest.text.startswith("apiVersion: v1\nkind: Pod\n")
    assert (seen.manifest.kind, seen.manifest.mode) == ("file", "600")
    assert {path.path.rpartition("/")[2] for path in seen.beside} == {
        "etcd.yaml",
        "kube-controller-manager.yaml",
        "kube-scheduler.yaml",
    }
    (server,) = seen.servers
    assert server.argv[0] == "kube-apiserver"
    assert server.start == int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[19])
    assert seen.kubelet_pid > 0


def test_an_answer_for_which_there_is_no_room_is_none(node: Node) -> None:
    config = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
    servers = "/api/v1/namespaces/default/endpoints/kubernetes"
    text = "\n".join(
        [
            *(script(name) for name in ("lib", "server", "client")),
            "trap '' XFSZ; curl() { (ulimit -f 1; command curl \"$@\"); }",
            f"ask_each {servers} {config} {servers}; echo $CODES",
        ]
    )
    assert node.sh(text).out == b"200 000 200\n"
