"""What may stand in an environment, and what is said about what may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.management import Environment


def made(**given):
    return Environment(**{"name": "box", "runtime": "docker", "image": "devmlops:1", **given})


@pytest.mark.parametrize(
    "image",
    [
        "devmlops",
        "devmlops:1.0",
        "team/devmlops:v1_2",
        "registry.example.com:5000/team/devmlops@sha256:" + "a" * 64,
        "localhost/devmlops",
        "localhost:5000/devmlops:x",
        "192.168.0.1:5000/a/b-c__d.e",
    ],
)
def test_images(image):
    assert made(image=image).image == image


@pytest.mark.parametrize(
    "image",
    [
        "a b",
        "a;rm -rf /",
        "$(id)",
        "`id`",
        "UPPER",
        "a:",
        "a@sha256:12",
        "a//b",
        "/a",
        "-a",
        "a\n",
        "이미지:1",
        "a:tag with",
        "../a",
        "",
        "a|b",
    ],
)
def test_what_is_no_image(image):
    with pytest.raises(ValidationError, match=r"image name|needs image"):
        made(image=image)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"memory": "12 elephants"}, "is no size"),
        ({"memory": "1Mi"}, "at least 64Mi"),
        ({"runtime": "local", "image": None, "memory": "4기가"}, "'4기가' is no size"),
        ({"runtime": "local", "image": None, "memory": "999999Ti"}, "at most 64Ti"),
        ({"cpu": 0}, "greater than 0"),
        ({"cpu": float("nan")}, "less than or equal to 4096"),
        ({"gpu": -1}, "greater than or equal to 0"),
        ({"gpu": 0.5}, "gpu must be a whole number"),
        ({"gpu": 1.5, "runtime": "ray", "image": None}, "gpu must be a whole number"),
        ({"image": None}, "the runtime docker needs image"),
        ({"runtime": "local"}, "image means nothing to the runtime local: leave it out"),
        (
            {"runtime": "local", "image": None, "memory": "1Gi", "queue": "q"},
            "Value error, queue means nothing to the runtime local",
        ),
        ({"namespace": "ml"}, "namespace means nothing to the runtime docker"),
        ({"runtime": "ray", "image": None, "priority": "high"}, "priority means nothing to the runtime ray"),
        ({"runtime": "podman"}, "Input should be 'local', 'docker', 'kubernetes' or 'ray'"),
        ({"name": "Box"}, "should match pattern"),
        ({"name": "../box"}, "should match pattern"),
        ({"name": "상자"}, "should match pattern"),
        ({"env": {"API_TOKEN": "x"}}, "API_TOKEN looks like a secret: name it under secrets"),
        ({"env": {"DATABASE": "postgresql://me:pass@db/x"}}, "DATABASE looks like a secret"),
        ({"env": {"A-B": "x"}}, "should match pattern"),
        ({"env": {"A": "x\0"}}, "zero byte"),
        ({"secrets": {"A": "hunter2"}}, "A must name where the secret is"),
        ({"secrets": {"A": "kubernetes:a/b"}}, "means nothing to the runtime docker"),
        ({"env": {"A": "1"}, "secrets": {"A": "connection:c"}}, "A stands in env and in secrets"),
        ({"references": {"d": {"source": "/"}}}, "gives a job power over the machine"),
        ({"references": {"d": {"source": "/var/run/docker.sock"}}}, "gives a job power over the machine"),
        ({"references": {"d": {"source": "/data/../proc"}}}, r"holds no \.\."),
        ({"references": {"d": {"source": "data"}}}, "a path that begins with /"),
        ({"references": {"d": {"source": "claim:models"}}}, "the runtime docker takes a path"),
        ({"references": {"a": {"source": "/a", "target": "/x"}, "b": {"source": "/b", "target": "/x"}}}, "the same target"),
        ({"timeout_minutes": 0}, "greater than 0"),
        ({"gpus": 1}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(given, says):
    with pytest.raises(ValidationError, match=says):
        made(**given)


def test_references_are_told_by_variables_in_every_runtime():
    weights = {"weights": {"source": "/models/resnet"}}
    assert made(references=weights).variables() == {"DEVMLOPS_REFERENCE_WEIGHTS": "/references/weights"}
    here = Environment(name="here", runtime="local", references=weights, env={"LEVEL": "3"})
    assert here.variables() == {"DEVMLOPS_REFERENCE_WEIGHTS": "/models/resnet", "LEVEL": "3"}
    pods = made(runtime="kubernetes", references={"weights": {"source": "claim:models/resnet", "target": "/w"}})
    assert pods.variables() == {"DEVMLOPS_REFERENCE_WEIGHTS": "/w"}


def test_a_wrong_secret_is_not_repeated():
    with pytest.raises(ValidationError) as wrong:
        made(secrets={"A": "hunter2"})
    assert "hunter2" not in wrong.value.errors()[0]["msg"]
