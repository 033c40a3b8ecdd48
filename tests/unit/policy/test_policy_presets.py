"""The presets as they are found, read and described."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.policy import presets


def test_the_recommended_preset_comes_first_and_all_have_a_summary() -> None:
    found = presets.names()
    assert {"metadata", "writes"} <= set(found)
    for name in found:
        summary = presets.preset(name).summary
        assert summary.endswith(".")
        assert 20 < len(summary) < 130, summary


def test_read_takes_a_presets_name() -> None:
    name, data = presets.read("metadata")
    assert name == "metadata"
    assert b"level: Metadata" in data


def test_a_file_wins_over_the_preset_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metadata").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    assert presets.read("metadata") == ("metadata", b"mine")
    assert presets.read("./metadata") == ("./metadata", b"mine")


def test_a_folder_of_a_presets_name_does_not_hide_the_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metadata").mkdir()
    monkeypatch.chdir(tmp_path)
    assert b"kind: Policy" in presets.read("metadata")[1]


def test_neither_file_nor_preset_lists_the_presets() -> None:
    with pytest.raises(InputError, match="unknown policy preset 'metadta'") as caught:
        presets.read("metadta")
    assert "metadata" in caught.value.hint
    assert "./metadta" in caught.value.hint


@pytest.mark.parametrize("path", ["./nothing.yaml", "/", "a/\0b"])
def test_an_unreadable_path_is_one_sentence(path: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read|no audit policy in the folder"):
        presets.read(path)


def test_a_huge_file_is_refused_before_it_is_in_memory(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(10 * presets.MAX_BYTES)
    with pytest.raises(InputError, match="larger than 8 MiB"):
        presets.read(str(huge))
