import subprocess

import pytest

from include.training.reproducibility import code_digest, environment, git_commit, packages


@pytest.fixture
def copy(digits, tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    for path in digits.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return digits.model_copy(update={"folder": folder})


def test_the_digest_follows_every_byte_and_name_of_the_code(copy):
    before = code_digest(copy, [])
    model = copy.folder / "model.py"
    text = model.read_text()
    model.write_text(text + "# one more\n")
    changed = code_digest(copy, [])
    model.write_text(text)
    assert before.startswith("sha256:") and changed != before == code_digest(copy, [])
    model.rename(copy.folder / "network.py")
    assert code_digest(copy, []) != before


def test_caches_do_not_count_and_the_training_area_does(copy):
    before = code_digest(copy, [])
    (copy.folder / "__pycache__").mkdir()
    (copy.folder / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"x")
    (copy.folder / ".hidden").write_text("x")
    assert code_digest(copy, []) == before != code_digest(copy)


def test_git_names_the_commit_and_says_when_files_differ(tmp_path):
    assert git_commit(tmp_path) is None

    def git(*arguments: str) -> None:
        base = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*base, *arguments], check=True, capture_output=True)

    (tmp_path / "a").write_text("1")
    git("init")
    git("add", "a")
    git("commit", "-m", "one")
    commit = git_commit(tmp_path)
    assert commit and len(commit) == 40
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == f"{commit}+changes"


def test_packages_and_machine_are_told():
    lines = packages().splitlines()
    assert any(line.startswith("torch==") for line in lines)
    assert len(lines) == len({line.partition("==")[0].lower() for line in lines}) > 50
    assert {"python", "platform", "cpu", "torch"} <= set(environment())
