"""Every command line of the documentation that needs a node or a store is run, on simulated nodes and a simulated S3.

Those that read files only are run by tests/unit/project/test_docs.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dockit
import pytest
import storekit
from docrun import ASKING, QUESTIONS, Reader, asks_nodes, why_not
from fleetkit import Fleet, nodes

PLACES = {
    "root@cp1": "cp1",
    "root@cp2": "cp2",
    "admin@10.0.0.4:2222": "cp1",
    "20261123T190000Z": "first",
    "kube_control_plane": "masters",
}
"""A reader's hosts and backups, and what is there instead."""
INVENTORY = "clusters:\n  production:\n    audit: {policy: metadata, log-maxage: 90}\n    hosts: [cp1, cp2, cp3]\n"
RUN_HERE = [line for line in dockit.lines() if not why_not(line) and asks_nodes(line)]
NEED_AUDITING = {"rollback", "disable", "verify", "backups", *QUESTIONS}
"""Commands that need a log, or a backup."""
PREPARED = {"on": ("enable", "--policy", "metadata"), "off": ("disable",)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with nodes(tmp_path_factory.mktemp("ssh"), "cp1 cp2 cp3 cp4") as found:
        yield found


@pytest.fixture
def reader(cluster: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    reader = Reader(tmp_path / "work", PLACES, ("--ssh-config", str(cluster.config)))
    (reader.folder / "ssh_config").write_text(cluster.config.read_text())
    (reader.folder / "clusters.yaml").write_text(INVENTORY)
    (reader.folder / "inventory.ini").write_text("[masters]\ncp1\ncp2\ncp3\n")
    with storekit.s3(monkeypatch, tmp_path / "aws"):
        yield reader


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({line.page for line in RUN_HERE}))
def test_a_command_line_that_asks_nodes_does_what_its_page_says(page: str, reader: Reader) -> None:
    failures = []
    state = ""  # what the nodes were brought into by the last line
    for line in (line for line in RUN_HERE if line.page == page):
        command = line.calls[0].words[1]
        wanted = "on" if command in NEED_AUDITING else "off" if command == "purge" else state
        if wanted != state:
            reader.prepare(*PREPARED[wanted])
        failures.append(reader.failure(line))
        state = "" if command in ASKING else wanted
    assert "\n".join(filter(None, failures)) == ""
