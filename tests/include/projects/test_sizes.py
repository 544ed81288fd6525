"""Sizes of memory as people write them."""

import shutil

import pytest

from include.projects import ProjectError, load_project
from include.projects.sizes import checked, in_bytes
from include.settings import ROOT


@pytest.mark.parametrize(
    ("text", "bytes_"), [("64Mi", 64 * 2**20), ("4Gi", 4 * 2**30), ("1.5G", 1_500_000_000), ("2GB", 2 * 10**9), ("1 Ti", 2**40)]
)
def test_sizes(text, bytes_):
    assert in_bytes(text) == bytes_ and checked(text) == text


@pytest.mark.parametrize(
    "text", ["12 elephants", "-1Gi", "Gi", "", "1e3", "4gi", "4Gi\n", "٤Gi", "0x10", "nan", "4기가", "x" * 500]
)
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is no size: write a number and Ki, Mi, Gi or Ti") as wrong:
        checked(text)
    assert len(str(wrong.value)) < 200


@pytest.mark.parametrize(
    ("text", "says"), [("63Mi", "too little .* at least 64Mi"), ("0", "too little"), ("65Ti", "at most 64Ti")]
)
def test_what_no_job_can_have(text, says):
    with pytest.raises(ValueError, match=says):
        checked(text)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("4기가", "'4기가' is no size"),
        ("1Mi", "too little for a Python process"),
        ("512", "must be text"),
        ("99Ti", "at most 64Ti"),
    ],
)
def test_a_steps_memory_is_refused_when_project_yaml_is_read(tmp_path, given, says):
    shutil.copytree(ROOT / "include" / "projects" / "wine_cultivars", tmp_path / "wine_cultivars")
    path = tmp_path / "wine_cultivars" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  forest:", f"  forest:\n      memory: {given}"), encoding="utf-8")
    with pytest.raises(ProjectError, match=rf"project\.yaml:\d+: workflow\.steps\.forest\.memory: .*{says}"):
        load_project("wine_cultivars", tmp_path)
