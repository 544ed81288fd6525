from __future__ import annotations

from pathlib import Path

import pytest

from include.release.digest import tree, tree_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1" / "깊은").mkdir(parents=True)
    (tmp_path / "config.pbtxt").write_text("name: 'x'")
    (tmp_path / "1" / "깊은" / "값.bin").write_bytes(b"\0" * 3_000_000)
    return tmp_path


def test_every_file_counts_by_name_and_bytes(folder: Path) -> None:
    found = tree(folder)
    assert list(found) == ["1/깊은/값.bin", "config.pbtxt"]
    first = tree_digest(folder)
    (folder / "empty").mkdir()
    assert tree_digest(folder) == first  # times and empty folders do not count
    (folder / "config.pbtxt").rename(folder / "config")
    assert tree_digest(folder) != first


def test_one_byte_changes_the_digest(folder: Path) -> None:
    first = tree_digest(folder)
    content = bytearray(b"\0" * 3_000_000)
    content[2_500_000] = 1
    (folder / "1" / "깊은" / "값.bin").write_bytes(bytes(content))
    assert tree_digest(folder) != first


def test_a_link_counts_as_a_link(folder: Path) -> None:
    (folder / "a").write_text("same")
    (folder / "b").write_text("same")
    copied = tree(folder)
    (folder / "b").unlink()
    (folder / "b").symlink_to("a")
    (folder / "away").symlink_to("/etc")
    found = tree(folder)
    assert found["a"] == copied["a"] != found["b"]
    assert "away" in found and not any(name.startswith("away/") for name in found)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        tree(tmp_path / "nothing")
