from __future__ import annotations

from pathlib import Path

import pytest

from include.projects.csv_rows import add_rows

ROWS = [{"id": "1", "이름": "가, 나"}, {"id": "2", "이름": 'say "hi"\nthere'}]


def test_rows_are_added_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "자료.csv"
    assert add_rows(path, ROWS[:1]) == 1
    assert add_rows(path, ROWS) == 1 and add_rows(path, ROWS) == 0
    assert path.read_text(encoding="utf-8") == 'id,이름\n1,"가, 나"\n2,"say ""hi""\nthere"\n'
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_nothing_to_add_makes_nothing(tmp_path: Path) -> None:
    assert add_rows(tmp_path / "a" / "b.csv", []) == 0
    assert not (tmp_path / "a").exists()


def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    add_rows(path, ROWS[:1])
    before = path.read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        add_rows(path, ROWS)
    assert path.read_bytes() == before
