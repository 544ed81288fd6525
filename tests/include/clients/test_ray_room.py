import pytest

from include.clients.ray_room import no_room

HEAD, GPU, CPUS = {"CPU": 2.0, "memory": 1e9}, {"CPU": 4.0, "GPU": 1.0}, {"CPU": 32.0}


@pytest.mark.parametrize(
    "asked", [{"CPU": 1, "GPU": 0}, {"CPU": 4, "GPU": 1}, {"CPU": 4, "GPU": 0.3}, {"CPU": 32, "GPU": 0}, {"CPU": 0.5, "GPU": 0}]
)
def test_a_worker_that_one_machine_can_hold(asked):
    assert no_room(asked, [HEAD, GPU, CPUS]) == ""


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"CPU": 1, "GPU": 2}, "asks for gpu: 2, and the largest machine of the cluster has 1"),
        ({"CPU": 33, "GPU": 0}, "asks for cpu: 33, and the largest machine of the cluster has 32"),
        ({"CPU": 33, "GPU": 2}, "asks for cpu: 33 and gpu: 2, and the largest machine of the cluster has 32 and 1"),
        ({"CPU": 5, "GPU": 0.5}, "asks for cpu: 5 and gpu: 0.5, and no machine of the cluster has both"),
    ],
)
def test_a_worker_that_none_can_hold(asked, why):
    assert no_room(asked, [HEAD, GPU, CPUS]) == why


def test_machines_without_gpus():
    assert no_room({"CPU": 1, "GPU": 0.5}, [HEAD]) == "asks for gpu: 0.5, and the largest machine of the cluster has 0"
    assert no_room({"CPU": 1, "GPU": 0}, []) == "asks for cpu: 1, and the largest machine of the cluster has 0"
