"""`pack`: each text once, whole or not at all; and what goes wrong with an archive is said."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import zstandard
from logkit import event, write

from kaudit_setup.auditlog.reports import absent_values
from kaudit_setup.cli import main
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive import embedded
from kaudit_setup.stores.archive.folder import Folder
from kaudit_setup.stores.logs import StoreLogs
from kaudit_setup.stores.opening import addresses, stores

pytest.importorskip("chdb")


def run(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = main([str(arg) for arg in args])
    return (code, *capfd.readouterr())


def packed(capfd: pytest.CaptureFixture[str], *logs: Path, to: Path) -> dict[str, int]:
    code, out, err = run(capfd, "pack", "-o", "json", "--to", to, *(word for log in logs for word in ("--log", log)))
    assert code == 0, err
    (item,) = json.loads(out)["items"]
    return {"added": len(item["added"]), "there": len(item["there"])}


def count(capfd: pytest.CaptureFixture[str], archive: Path) -> int:
    code, out, err = run(capfd, "top", "--by", "user", "-o", "json", "--log", archive)
    assert code == 0, err
    return int(json.loads(out)["items"][0]["total"]["events"])


def places(capfd: pytest.CaptureFixture[str], archive: Path) -> list[tuple[str, int]]:
    code, out, err = run(capfd, "events", "-o", "json", "--log", archive)
    assert code == 0, err
    return [(Path(one["source"]["file"]).name, one["source"]["line"]) for one in json.loads(out)["items"]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def test_the_same_text_adds_nothing(tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    assert packed(capfd, log, to=archive) == {"added": 1, "there": 0}
    assert packed(capfd, log, to=archive) == {"added": 0, "there": 1}
    other = tmp_path / "cp2/audit-2026-11-23T17-00-00.000.log.gz"
    other.parent.mkdir()
    other.write_bytes(gzip.compress(log.read_bytes()))
    assert packed(capfd, other, to=archive) == {"added": 0, "there": 1}
    assert count(capfd, archive) == 5


PACKERS = {"gz": gzip.compress, "zst": zstandard.compress, "xz": lzma.compress, "bz2": bz2.compress}


@pytest.mark.parametrize("first", ["plain", *PACKERS])
def test_the_same_log_is_one_in_every_compression(
    first: str, tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = write(tmp_path / "plain/audit.log", *map(event, range(5)))
    logs = {"plain": plain}
    for name, compress in PACKERS.items():
        logs[name] = tmp_path / name / f"audit-2026-11-23T17-00-00.000.log.{name}"
        logs[name].parent.mkdir()
        logs[name].write_bytes(compress(plain.read_bytes()))
    assert packed(capfd, logs[first], to=archive) == {"added": 1, "there": 0}
    for name, log in logs.items():
        assert packed(capfd, log, to=archive) == {"added": 0, "there": 1}, name
    assert count(capfd, archive) == 5
    (record,) = (archive / "batches").iterdir()
    assert hashlib.sha256(logs[first].read_bytes()).hexdigest() in record.read_text()


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_file_that_is_cut_is_not_taken_for_whole(
    name: str, tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "audit.log", *map(event, range(5)))
    cut = log.with_name(f"audit-2026-11-23T17-00-00.000.log.{name}")
    cut.write_bytes(PACKERS[name](log.read_bytes())[:-20])
    code, _, err = run(capfd, "pack", "--log", cut, "--to", archive)
    assert code == 1
    assert "cannot be packed: a compressed file that is cut short" in err


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_packed(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    write(logs / "audit.log", event(1), event(2))
    cut = gzip.compress((logs / "audit.log").read_bytes() * 9)[:-20]
    (logs / "audit-2026-05-01T10-00-00.000.log.gz").write_bytes(cut)
    code, out, err = run(capfd, "pack", "-o", "json", "--to", archive, "--log", logs)
    assert code == 1
    document = json.loads(out)
    assert [Path(one["file"]).name for one in document["items"][0]["added"]] == ["audit.log"]
    assert "000.log.gz cannot be packed" in document["errors"][0]["message"]
    assert "000.log.gz cannot be packed" in err
    assert count(capfd, archive) == 2


def test_what_is_no_event_in_a_packed_file_is_said(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = write(tmp_path / "cut.log", event(1))
    cut.write_bytes(cut.read_bytes() + b'{"kind":"Event","auditID":"x","sta\n')
    other = tmp_path / "auditd.log"
    other.write_text("type=SYSCALL msg=audit(1777629600.123:42): arch=c000003e\n" * 3)
    code, _, err = run(capfd, "pack", "--to", archive, "--log", cut, "--log", other)
    assert code == 0
    said = " ".join(err.split())
    assert f"1 of 2 lines of {cut} could not be read" in said
    assert f"3 of 3 lines of {other} could not be read as audit events (they look like the log of auditd" in said
    assert run(capfd, "pack", "--to", tmp_path / "vain", "--log", other)[0] == 1, "nothing readable"


def test_two_copies_in_one_run_are_one(tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logs = [write(tmp_path / f"cp{n}/audit.log", *map(event, range(5))) for n in (1, 2)]
    assert packed(capfd, *logs, to=archive) == {"added": 1, "there": 1}
    assert count(capfd, archive) == 5


def test_a_log_that_has_grown_adds_its_new_lines(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    packed(capfd, log, to=archive)
    write(log, *map(event, range(8)))
    log.rename(rotated := log.with_name("audit-2026-11-23T17-00-00.000.log"))
    assert packed(capfd, rotated, to=archive) == {"added": 1, "there": 0}
    assert places(capfd, archive) == [(rotated.name, n) for n in range(1, 9)]
    assert count(capfd, archive) == 8


def test_an_unfinished_last_line_is_packed_whole_later(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "cp1/audit.log", *map(event, range(3)))
    whole = log.read_bytes()
    for cut in (whole[:-20], whole[:-1], whole):
        log.write_bytes(cut)
        packed(capfd, log, to=archive)
    assert count(capfd, archive) == 3
    assert places(capfd, archive) == [("audit.log", n) for n in (1, 2, 3)]


@pytest.mark.parametrize("at", range(1, 5))
def test_interrupted_it_is_absent(
    at: int, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    packed(capfd, first, to=archive)
    put, times = Folder.put, iter(range(1, 100))

    def broken(self: Folder, name: str, file: Path) -> None:
        if next(times) == at:
            raise KeyboardInterrupt
        put(self, name, file)

    second = write(tmp_path / "cp1/audit-2.log", *(event(n) for n in range(100, 107)))
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "put", broken)
        assert run(capfd, "pack", "--log", second, "--to", archive)[0] == 130
    assert count(capfd, archive) == 5
    assert packed(capfd, second, to=archive) == {"added": 1, "there": 0}
    assert count(capfd, archive) == 12


def test_a_record_that_arrived_without_an_answer_keeps_its_lines(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The connection ends right after the last object was written: what is recorded is whole."""
    put = Folder.put

    def unanswered(self: Folder, name: str, file: Path) -> None:
        put(self, name, file)
        if name.startswith("batches/"):
            raise StoreError("the connection was closed")

    log = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "put", unanswered)
        assert run(capfd, "pack", "--log", log, "--to", archive)[0] == 1
    assert packed(capfd, log, to=archive) == {"added": 0, "there": 1}
    assert count(capfd, archive) == 5


def test_what_two_packed_at_the_same_time_counts_once(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    other = tmp_path / "other"
    packed(capfd, log, to=archive)
    packed(capfd, log, to=other)
    for file in [one for one in other.rglob("*") if one.is_file()]:
        target = archive / file.relative_to(other)
        file.rename(target)
    assert count(capfd, archive) == 5
    assert len(places(capfd, archive)) == 5


WHO = ["who", "created", "pod/p", "-n", "ns"]
DAMAGES = {
    "batches/*.json": ("is damaged", WHO),
    "cluster=*/day=*/*.lines.parquet": ("could not be read", WHO),
    "cluster=*/day=*/*.index": ("is damaged", WHO),
    "cluster=*/day=*/*.counts": ("is damaged", ["top", "--by", "agent"]),
}


@pytest.mark.parametrize(("pattern", "said", "question"), [(name, *of) for name, of in DAMAGES.items()])
def test_a_damaged_archive_is_no_empty_one(
    pattern: str, said: str, question: list[str], tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "cp1/audit.log", *map(event, range(5)))
    packed(capfd, log, to=archive)
    (file,) = archive.glob(pattern)
    file.write_bytes(file.read_bytes()[:-9])
    code, out, err = run(capfd, *question, "--log", archive)
    assert code == 1
    assert said in err
    assert "Nobody" not in out
    file.unlink()
    code, out, err = run(capfd, *question, "--log", archive)
    assert code in {1, 2}, out
    assert "Nobody" not in out


def test_one_store_that_does_not_answer_is_missing(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    packed(capfd, write(tmp_path / "cp1/audit.log", *map(event, range(5))), to=archive)
    lost = tmp_path / "lost"
    packed(capfd, write(tmp_path / "cp2/audit.log", event(9, verb="create")), to=lost)
    next(lost.glob("cluster=*/day=*/*.lines.parquet")).unlink()
    for question in (
        ["events"],
        ["top", "--by", "path"],
        ["estimate", "metadata"],
        ["who", "touched", "pod/p", "-n", "ns"],
    ):
        code, out, err = run(capfd, *question, "--log", archive, "--log", lost)
        assert "is missing from this answer" in out.replace("\n", " ") + err.replace("\n", " "), question
        assert code == (0 if question[0] == "who" else 1), question
        code, out, _ = run(capfd, *question, "-o", "json", "--log", archive, "--log", lost)
        assert "lost" in out, question


@pytest.mark.slow
def test_hostile_words_stay_words(store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a log or a user says never becomes a part of a query."""
    words = [
        "x' OR 1=1 --",
        "'; DROP TABLE audit; --",
        "\\",
        "\\'",
        "a\tb\nc",
        "é?",
        "*/ UNION ALL",
        "`${x}`",
        "unhex('41')",
    ]
    events = [
        event(
            n,
            user={"username": word},
            userAgent=word,
            objectRef={"resource": "pods", "namespace": "ns", "name": word},
        )
        for n, word in enumerate(words)
    ]
    log = write(tmp_path / "it's/a'b.log", *events)
    to = f"{store}hostile"
    code, _, err = run(capfd, "pack", "--cluster", "it's", "--log", log, "--to", to)
    assert code == 0, err
    # what differs on S3 is how objects are read, and boto3 takes its time for each command
    for n, word in list(enumerate(words))[:: 8 if to.startswith("s3:") else 1]:
        code, out, err = run(
            capfd, "events", "--user", word, "--name", word, "--agent", word, "-o", "json", "--log", to
        )
        assert [one["auditID"] for one in json.loads(out)["items"]] == [f"id-{n}"], (word, err)
    code, out, _ = run(capfd, "top", "--by", "user,node,agent", "-o", "json", "--log", to)
    assert sorted(row["user"] for row in json.loads(out)["items"][0]["rows"]) == sorted(words)


@pytest.mark.parametrize("library", ["chdb", "pyarrow"])
def test_what_is_not_installed_is_named(
    library: str, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "audit.log", event(1))
    packed(capfd, log, to=archive)
    monkeypatch.setattr(embedded, "find_spec", lambda name: None if name == library else name)
    for command in (
        ["who", "created", "pod/p", "-n", "ns", "--log", archive],
        ["pack", "--log", log, "--to", archive],
    ):
        code, _, err = run(capfd, *command)
        assert code == 2
        assert f"archives need {library}, which is not installed" in err
        assert "kaudit-setup[archive]" in err


def test_a_folder_that_the_engine_cannot_be_told_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "audit.log", event(1))
    code, _, err = run(capfd, "pack", "--log", log, "--to", tmp_path / "a{b}")
    assert code == 2
    assert "rename the folder" in err


def test_a_record_of_a_later_version_is_not_guessed_at() -> None:
    from kaudit_setup.stores.records import decode

    with pytest.raises(StoreError, match="later version"):
        decode(b'{"id":"x","version":99,"sources":[],"parts":[]}', "there")


def test_clusters_are_kept_apart(store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    to = f"{store}clusters"
    for n, cluster in enumerate(("prod", "test"), start=1):
        log = write(tmp_path / cluster / "audit.log", *(event(k + 100 * n, verb="create") for k in range(n)))
        code, _, err = run(capfd, "pack", "--cluster", cluster, "--log", log, "--to", to)
        assert code == 0, err
    code, out, err = run(capfd, "top", "--by", "cluster", "-o", "json", "--log", to)
    assert code == 0, err
    assert {row["cluster"]: row["events"] for row in json.loads(out)["items"][0]["rows"]} == {"prod": 1, "test": 2}


def test_a_path_that_is_not_utf_8_is_written_so_that_it_can_be_read(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "n\udce9/audit.log", event(1))
    assert packed(capfd, log, to=archive) == {"added": 1, "there": 0}
    ((file, line),) = places(capfd, archive)
    assert (file, line) == ("audit.log", 1)


QUESTIONS = [
    ["who", "created", "pod/p-3", "-n", "ns"],
    ["who", "touched", "pod/p-3", "-n", "ns", "--since", "2026-11-23T16:00:00Z"],
    ["events", "--name", "p-3"],
    ["top", "--by", "user,verb,resource"],
    ["top", "--by", "namespace,agent,code,decision", "--user", "!bob", "--resource", "pods,secrets"],
    ["top", "--by", "cluster,node,group,impersonator,level,stage", "--verb", "c*", "--agent", "kubectl"],
    ["top", "--by", "resource", "--since", "2026-11-23T16:00:00Z", "--code", "2*"],
    ["top", "--by", "path,name,ip"],
]


def test_the_record_knows_on_which_nodes_api_servers_ran(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody is named, so it matters that the log of cp2 is missing; for that no line is read."""

    def of_kubelet(n: int, node: str, code: int = 200) -> dict[str, Any]:
        return event(
            n,
            user={"username": f"system:node:{node}", "groups": ["system:nodes"]},
            userAgent="kubelet/v1.36.2 (linux/amd64)",
            objectRef={"resource": "pods", "namespace": "kube-system", "name": f"kube-apiserver-{node}"},
            responseStatus={"code": code},
        )

    # a person who asks for such a Pod, and a kubelet that was refused, show nothing
    person = event(5, objectRef=of_kubelet(5, "cp3")["objectRef"])
    seen = [of_kubelet(2, "cp1"), of_kubelet(3, "cp2"), of_kubelet(4, "cp4", code=403)]
    log = write(tmp_path / "cp1/audit.log", event(1), *seen, person)
    packed(capfd, log, to=archive)
    for question in (
        ["who", "created", "pod/no-such-pod", "-n", "ns"],
        ["who", "changed", "pod/no-such-pod", "-n", "ns"],
    ):
        of_file = run(capfd, *question, "--log", log)
        assert "cp2" in of_file[1]
        assert "cp3" not in of_file[1]
        assert "cp4" not in of_file[1]
        assert run(capfd, *question, "--log", archive)[:2] == of_file[:2]
    for lines in archive.glob("cluster=*/day=*/*.parquet"):
        lines.unlink()
    servers = stores(addresses([str(archive)]), lambda *_: None).servers("") or ()
    assert {one.user.username for one in servers} == {"system:node:cp1", "system:node:cp2"}


def test_a_line_that_was_cut_before_its_namespace_is_told(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = write(tmp_path / "cp1/audit.log", event(1))
    cut = json.dumps(event(2, verb="delete", requestURI="/api/v1/namespaces/ns/pods/web-1"), separators=(",", ":"))
    with log.open("a") as more:
        more.write(cut[: cut.index('"objectRef"')] + "\n")
    packed(capfd, log, to=archive)
    question = ["who", "deleted", "pod/web-1", "-n", "ns", "-o", "json"]
    of_file, of_archive = (json.loads(run(capfd, *question, "--log", one)[1])["items"] for one in (log, archive))
    assert of_archive == of_file
    assert any("1 line that mentions it is damaged" in note for note in of_file[0]["notes"])


def test_what_is_read_without_the_engine_is_the_same(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    events = [
        event(
            n,
            verb="create" if n % 2 else "get",
            user={"username": ("alice", "bob", "carol")[n % 3]},
            userAgent="kubectl/v1.36.2 (linux)" if n % 4 else "curl",
            objectRef={"resource": ("pods", "secrets")[n // 2 % 2], "namespace": "ns", "name": f"p-{n}"},
            **({"impersonatedUser": {"username": "root"}} if n % 5 == 0 else {}),
        )
        for n in range(40)
    ]
    logs = [write(tmp_path / f"cp{k}/audit.log", *events[20 * k : 20 * k + 20]) for k in range(2)]
    with logs[0].open("ab") as more:
        more.write(b'\nno event "p-3"\n\0\n' + logs[1].read_bytes().replace(b"carol", b"c\xffl"))
    packed(capfd, *logs, to=archive)
    for question in QUESTIONS:
        of_files = run(capfd, *question, "-o", "json", *(word for log in logs for word in ("--log", log)))
        of_archive = run(capfd, *question, "-o", "json", "--log", archive)
        assert json.loads(of_archive[1])["items"] == json.loads(of_files[1])["items"], question
        assert of_archive[0] == of_files[0], question


def test_two_searches_share_the_engine() -> None:
    """Where a question has two filters, both are read at the same time, in the order of time."""
    engine = embedded.Embedded()
    first = engine.query("SELECT number FROM numbers(100000)")
    begun = next(first)
    second = engine.query("SELECT number FROM numbers(50000)")
    parts = [next(second), begun, *first]
    assert b"".join(second).endswith(b"\n49999\n")
    numbers = b"".join(parts[1:]).split()
    assert (len(numbers), numbers[-1]) == (100000, b"99999")
    assert b"".join(engine.query("SELECT 7")) == b"7\n"


@pytest.mark.parametrize(
    "question",
    [
        ["events", "--user", "alice", "--verb", "create", "-o", "json"],
        ["events", "--user", "alice", "--code", "2*", "-o", "json"],
        ["events", "--user", "!alice", "--resource", "secrets", "-o", "json"],
        ["events", "--impersonator", "*", "-o", "json"],
        ["events", "--verb", "get", "--stage", "ResponseComplete", "-o", "json"],
        ["events", "--verb", "!get", "-o", "raw"],
        ["who", "touched", "secrets", "-n", "ns", "-o", "json"],
        ["who", "created", "pod/p-*", "-n", "ns", "-o", "json"],
    ],
    ids=" ".join,
)
def test_columns_tell_which_lines_a_filter_is_about(
    question: list[str], tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last stage of a request decides, whatever an earlier one said; what is no event may be of any request."""
    user = {"username": "alice"}
    early = event(30, stage="RequestReceived", verb="create", user=user, responseStatus={}, auditID="one")
    late = event(30, verb="create", user=user, impersonatedUser={"username": "bob"}, auditID="one")
    denied = event(31, verb="create", user=user, responseStatus={"code": 403}, auditID="two")
    begun = event(31, stage="RequestReceived", verb="create", user=user, responseStatus={}, auditID="two")
    log = write(tmp_path / "cp1/audit.log", *[event(n, user=user) for n in range(4)], early, late, begun, denied)
    with log.open("ab") as more:
        more.write(b'no event of "alice"\n')
    packed(capfd, log, to=archive)
    of_file, of_archive = (run(capfd, *question, "--log", one) for one in (log, archive))
    assert of_archive[0] == of_file[0]
    if "raw" in question:
        assert of_archive[1] == of_file[1]
    else:
        assert json.loads(of_archive[1])["items"] == json.loads(of_file[1])["items"]


@pytest.mark.parametrize(("namespace", "hint"), [("ns", ""), ("NS", "did you mean ns?"), ("shop", "No event")])
def test_a_large_archive_tells_a_namespace_that_is_nowhere(
    namespace: str,
    hint: str,
    tmp_path: Path,
    archive: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(absent_values, "_READ_BELOW_BYTES", 0)
    log = write(tmp_path / "cp1/audit.log", event(1), event(2))
    packed(capfd, log, to=archive)
    question = ["who", "deleted", "pod/none", "-n", namespace]
    of_file, of_archive = (run(capfd, *question, "--log", one) for one in (log, archive))
    assert of_archive[:2] == of_file[:2]
    assert hint in of_archive[1]
    assert hint or "namespace 'ns'" not in of_archive[1]


MANAGER = "system:kube-controller-manager"


@pytest.mark.parametrize(
    ("user", "agent", "behind", "named"),
    [
        ("alice", "kubectl/v1.36.2 (linux/amd64)", "", "alice"),
        (MANAGER, "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/abc", "", ""),
        (MANAGER, "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/abc", "bob", "bob"),
        (MANAGER, "kubectl/v1.36.2 (linux/amd64)", "", MANAGER),
        ("system:kube-scheduler", "kube-controller-manager/v1.36.2", "", "system:kube-scheduler"),
        (MANAGER, "kube-controller-manager/v1.36.2 kubernetes/abc/horizontal-pod-autoscaler", "", MANAGER),
        ("system:apiserver", "kube-apiserver/v1.36.2 (linux/amd64) kubernetes/abc", "", ""),
        ("system:apiserver", "curl/8", "", ""),
    ],
)
@pytest.mark.parametrize("verb", ["read", "touched"])
def test_of_lists_of_all_only_those_of_the_control_plane_are_passed_by(
    verb: str,
    user: str,
    agent: str,
    behind: str,
    named: str,
    tmp_path: Path,
    archive: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Somebody who took a component's credentials, or acts as it, is named; the component itself is not."""
    secret = {"resource": "secrets", "namespace": "ns", "name": "db", "apiVersion": "v1"}
    sender = {"user": {"username": behind}, "impersonatedUser": {"username": user}}
    listed = event(
        5,
        verb="list",
        userAgent=agent,
        requestURI="/api/v1/secrets",
        objectRef={"resource": "secrets", "apiVersion": "v1"},
        **(sender if behind else {"user": {"username": user}}),
    )
    made = event(2, verb="create", user={"username": "carol"}, objectRef=secret, responseStatus={"code": 201})
    log = write(tmp_path / "cp1/audit.log", made, listed, event(9))
    packed(capfd, log, to=archive)
    question = ["who", verb, "secret/db", "-n", "ns"]
    of_file, of_archive = (run(capfd, *question, "--log", one) for one in (log, archive))
    assert of_archive[:2] == of_file[:2]
    assert (named in of_archive[1]) if named else (user not in of_archive[1])


def test_many_small_files_share_a_part(tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A shipper leaves one every few minutes; more than 127 in one part were too many once."""
    logs = [write(tmp_path / f"cp1/audit-{n:03}.log", event(n)) for n in range(150)]
    assert packed(capfd, *logs, to=archive) == {"added": 150, "there": 0}
    assert len(list(archive.glob("cluster=*/day=*/*.parquet"))) == 1
    assert len({file for file, _ in places(capfd, archive)}) == 150


def test_a_log_without_an_event_is_packed(tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its counts have no row, and its lines are still there."""
    log = write(tmp_path / "cp1/audit.log", event(1))
    broken = tmp_path / "cp2/audit.log"
    broken.parent.mkdir()
    broken.write_bytes(b'no event\n{"stage"\n')
    assert run(capfd, "pack", "--to", archive, "--log", broken)[0] == 1, "nothing in it can be read"
    code, out, _ = run(capfd, "top", "--by", "user", "--log", archive)
    assert (code, "bob" in out) == (1, False)
    assert packed(capfd, broken, log, to=archive) == {"added": 1, "there": 1}
    assert count(capfd, archive) == 1


POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, users: ["bob", "eve's\\n"], verbs: ["get"]}
  - {level: None, userGroups: ["system:masters"], nonResourceURLs: ["/healthz*"]}
  - {level: None, namespaces: ["shop"], resources: [{group: "", resources: ["secrets"], resourceNames: ["p-3"]}]}
  - {level: Metadata, userGroups: ["dev", "ops"], resources: [{group: "", resources: ["pods/*"]}]}
  - {level: Request, userGroups: ["dev"]}
"""


def test_an_estimate_is_counted_where_the_lines_are(
    store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = [
        {"resource": ("pods", "secrets")[n // 2 % 2], "namespace": ("ns", "shop", "")[n % 3], "name": f"p-{n % 7}"}
        for n in range(40)
    ]
    events = [
        event(
            n,
            level="RequestResponse",
            verb=("create", "get", "watch")[n % 3],
            stage=("RequestReceived", "ResponseComplete")[n % 2],
            user=({"username": "bob", "groups": ["dev", "x"]}, {"groups": ["system:masters"]}, {})[n % 5 // 2],
            requestURI="/healthz/ping?x=1" if n % 11 == 0 else "/api/v1/pods",
            requestObject={"kind": "Pod", "text": "\u00e9\t" * n},
            responseObject={"n": n},
            **({} if n % 11 == 0 else {"objectRef": ref}),
            **({"impersonatedUser": {"username": "root", "groups": ["dev"]}} if n % 6 == 0 else {}),
        )
        for n, ref in enumerate(objects)
    ]
    for n, one in enumerate(events):
        if n % 11 == 0:
            del one["objectRef"]
    log = write(tmp_path / "cp1/audit.log", *events)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    to = f"{store}estimate"
    assert run(capfd, "pack", "--log", log, "--to", to)[0] == 0
    asked = ["estimate", "metadata", policy, "-o", "json", "--since", events[3]["stageTimestamp"]]
    of_file = run(capfd, *asked, "--log", log)
    monkeypatch.setattr(StoreLogs, "fetch", None)  # no line travels
    assert run(capfd, *asked, "--log", to) == of_file


def test_a_suggestion_is_counted_in_the_store(
    store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [
        (user, verb, {"resource": resource, "apiGroup": group, "namespace": "ns", "name": f"n{n}"})
        for n, (user, verb, resource, group) in enumerate(
            [
                ("system:kube-scheduler", "update", "leases", "coordination.k8s.io"),
                ("system:kube-proxy", "watch", "endpointslices", "discovery.k8s.io"),
                ("system:node:n1", "get", "nodes", ""),
                ("system:serviceaccount:kube-system:job-controller", "list", "jobs", "batch"),
                ("alice", "get", "pods", ""),
            ]
        )
    ]
    events = [
        event(
            n, user={"username": user}, verb=verb, objectRef=ref, stage=("RequestReceived", "ResponseComplete")[n % 2]
        )
        for n in range(60)
        for user, verb, ref in [kinds[n % len(kinds)]]
    ]
    # a component that somebody else acts as is not that component
    events += [event(100 + n, verb="list", impersonatedUser={"username": "system:kube-scheduler"}) for n in range(9)]
    log = write(tmp_path / "cp1/audit.log", *events)
    to = f"{store}suggest"
    assert run(capfd, "pack", "--log", log, "--to", to)[0] == 0
    asked = ["policy", "suggest", "-o", "json", "--since", events[1]["stageTimestamp"]]
    of_file = run(capfd, *asked, "--log", log)
    assert "kube-scheduler" in of_file[1]
    monkeypatch.setattr(StoreLogs, "fetch", None)  # no line travels
    assert run(capfd, *asked, "--log", to) == of_file


@pytest.mark.parametrize("form", ["raw", "json"])
def test_events_of_several_nodes_are_ordered_by_time(
    form: str, tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaudit_setup.auditlog.query._HELD_REQUESTS", 3)  # as if there were very many
    monkeypatch.setattr("kaudit_setup.auditlog.sources.by_time._IN_MEMORY_BYTES", 500)
    for node, first in (("cp1", 0), ("cp2", 1)):
        stamps = [f"2026-11-23T10:00:{second:02}.000000Z" for second in range(first, 60, 2)]
        lines = [
            event(first * 100 + n, requestReceivedTimestamp=at, stageTimestamp=at) for n, at in enumerate(stamps)
        ]
        (tmp_path / "logs" / node).mkdir(parents=True)
        text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in lines)
        (tmp_path / "logs" / node / "audit.log").write_text(text)
    logs = tmp_path / "logs"
    assert run(capfd, "pack", "--log", logs, "--to", archive)[0] == 0
    whole = run(capfd, "events", "-o", form, "--log", archive)
    assert whole == run(capfd, "events", "-o", form, "--log", logs)
    assert whole[1].count("2026-11-23T10:00:") >= 60
    first = run(capfd, "events", "-o", form, "--limit", "3", "--log", archive)
    assert first == run(capfd, "events", "-o", form, "--limit", "3", "--log", logs)


@pytest.mark.parametrize("kind", ["batches/*.json", "*/*/*.lines.parquet", "*/*/*.index", "*/*/*.counts"])
def test_a_flipped_bit_changes_no_answer_silently(
    kind: str, tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    packed(capfd, write(tmp_path / "audit.log", *(event(n, auditID=f"id-{n}") for n in range(60))), to=archive)
    asked = (["events", "-o", "raw"], ["who", "touched", "pod/p", "-n", "ns"], ["top", "--by", "user"])
    whole = [run(capfd, *question, "--log", archive)[:2] for question in asked]
    (file,) = archive.glob(kind)
    data = file.read_bytes()
    for at in range(7, len(data), max(1, len(data) // 9)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        for question, right in zip(asked, whole, strict=True):
            code, out, err = run(capfd, *question, "--log", archive)
            assert (code, out) == right or (code == 1 and not out and err.startswith("error: ")), (question, at)
            assert "this is a bug" not in err


def test_where_an_archive_cannot_be_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "logs" / "audit.log", event(1))
    (tmp_path / "file").write_text("x")
    code, _, err = run(capfd, "pack", "--log", log, "--to", tmp_path / "file")
    assert code == 1
    assert "Not a directory" in err
    assert "an archive is a folder" in err
    for folder in (log.parent, tmp_path):
        code, _, err = run(capfd, "pack", "--log", log, "--to", folder)
        assert code == 2
        assert f"{log} lies there" in err
    assert run(capfd, "pack", "--log", log, "--to", tmp_path / "archive")[0] == 0
    argv = ["who", "deleted", "pod/p", "--cluster", f"one={tmp_path / 'archive'}", "--cluster", f"two={log}"]
    code, _, err = run(capfd, *argv)
    assert code == 2
    assert "is a store and" in err
    assert "cannot be asked together" in err


def test_who_listed_all_of_a_kind_is_told_while_the_object_was_there(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def lists(n: int, who: str) -> dict[str, Any]:
        uri = "/api/v1/pods?labelSelector=app%3Dweb"
        user = {"username": who}
        return event(n, verb="list", user=user, requestURI=uri, objectRef={"resource": "pods", "apiVersion": "v1"})

    made, gone = (event(n, verb=verb, user={"username": "ann"}) for n, verb in ((2, "create"), (4, "delete")))
    asked = [lists(1, "too-early"), made, lists(3, "in-time"), gone, lists(9, "too-late")]
    logs = [write(tmp_path / "cp1" / name, *some) for name, some in (("a.log", asked[:2]), ("audit.log", asked[2:]))]
    other = write(tmp_path / "cp2/audit.log", *(lists(n, "too-late") for n in range(4000, 4003)))
    packed(capfd, *logs, other, to=archive)
    name = made["objectRef"]["name"]
    for verb in ("touched", "read"):
        question = ["who", verb, f"pod/{name}", "-n", made["objectRef"]["namespace"]]
        of_files = run(capfd, *question, *(word for log in (*logs, other) for word in ("--log", log)))
        assert "in-time" in of_files[1]
        assert "too-" not in of_files[1]
        assert run(capfd, *question, "--log", archive) == of_files


def test_archives_are_logs_of_clusters_as_files_are(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Packed without a name, or under another one: who asks says of which cluster each is."""
    other, mixed = tmp_path / "other", tmp_path / "mixed"
    for folder, user in ((archive, "alice"), (other, "bob")):
        log = write(tmp_path / user / "audit.log", event(1, verb="create", user={"username": user}))
        packed(capfd, log, to=folder)
        assert run(capfd, "pack", "--log", log, "--to", mixed, "--cluster", user)[0] == 0
    named = ["--cluster", f"prod={archive}", "--cluster", f"test={other}"]
    code, out, err = run(capfd, "who", "created", "pod/p", "-n", "ns", "-o", "json", *named)
    assert code == 0, err
    assert [(one["cluster"], one["answer"]["user"]) for one in json.loads(out)["items"]] == [
        ("prod", "alice"),
        ("test", "bob"),
    ]
    code, out, err = run(capfd, "top", "--by", "cluster,user", "-o", "csv", *named)
    assert code == 0, err
    assert "alice,prod,1" in out
    assert "bob,test,1" in out
    code, out, err = run(capfd, "events", "-o", "json", *named)
    assert {(one["cluster"], one["user"]) for one in json.loads(out)["items"]} == {("prod", "alice"), ("test", "bob")}
    code, _, err = run(capfd, "who", "created", "pod/p", "--cluster", f"prod={mixed}")
    assert code == 2
    assert "has logs of the clusters alice, bob, not only of prod" in err
    code, _, err = run(capfd, "who", "created", "pod/p", "--cluster", f"a={other}", "--cluster", f"b={other}")
    assert code == 2
    assert "is in cluster a and in cluster b" in err
    assert run(capfd, "who", "created", "pod/p", "--cluster", f"a={other}", "--log", other)[0] == 2


def test_a_log_of_another_cluster_is_not_packed_under_the_name_of_this_one(
    tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither was given a name: what a cluster has only once has another UID in the archive, at the same time."""
    account = "system:serviceaccount:kube-system:replicaset-controller"
    for n, (folder, uid) in enumerate((("one", "u-1"), ("two", "u-2"), ("more", "u-1"))):
        events = [event(n + 3 * at, user={"username": account, "uid": uid, "groups": []}) for at in range(9)]
        write(tmp_path / folder / "audit.log", *events)
    assert packed(capfd, tmp_path / "one", to=archive) == {"added": 1, "there": 0}
    code, out, err = run(capfd, "pack", "--log", tmp_path / "two", "--to", archive)
    assert code == 2
    assert not out
    assert f"two/audit.log is not of the cluster default in {archive}" in err
    assert f"the service account {account} has another UID in each" in err
    assert packed(capfd, tmp_path / "more", to=archive) == {"added": 1, "there": 0}
    assert run(capfd, "pack", "--log", tmp_path / "two", "--to", archive, "--cluster", "two")[0] == 0
