from __future__ import annotations

from pathlib import Path

from include.local.code_state import code_state


def test_it_changes_with_the_products_modules_and_not_with_projects(tmp_path: Path) -> None:
    for name in ("operators/a.py", "include/projects/project.py", "include/projects/digits/model.py", "dags/d.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    seen = [code_state(tmp_path)]
    assert code_state(tmp_path) == seen[0]
    for name in ("operators/a.py", "include/projects/project.py"):
        (tmp_path / name).write_text("x = 12\n")
        seen.append(code_state(tmp_path))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "new.py").touch()
    seen.append(code_state(tmp_path))
    for name in ("include/projects/digits/model.py", "dags/d.py"):
        (tmp_path / name).write_text("x = 123\n")
    assert len(set(seen)) == 4 and code_state(tmp_path) == seen[-1]
