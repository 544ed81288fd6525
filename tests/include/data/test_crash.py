"""The data server is killed at every step of a run; the run's next try gives what an undisturbed run gives."""

from __future__ import annotations

from typing import Any

import pytest

from include import data
from include.clients import lakefs
from include.clients.lakefs import DataRepository
from include.data import items, rounds

pytestmark = pytest.mark.integration

STEPS = ["ensure", "new_branch", "put", "commit", "merge", "tag", "delete_branch"]


def run(world: Any) -> dict[str, Any]:
    version = world.to_version()
    return {**world.split(version), "count": version["count"], "rounds": version["rounds"]}


def test_a_killed_data_server(world: Any, own_data_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lakefs, "CONNECT_TRIES", 0)
    url = {"data_dev_url": own_data_server.url, "data_ops_url": own_data_server.url}
    world.settings = world.settings.model_copy(update=url)
    base, name = world.project, world.project.name
    world.project = base.model_copy(update={"name": f"{name}0"})
    whole = run(world)
    for place, (step, after) in enumerate([(step, after) for step in STEPS for after in (False, True)]):
        world.project = base.model_copy(update={"name": f"{name}{place + 1}"})
        real = getattr(DataRepository, step)

        def killing(self: DataRepository, *args: Any, real: Any = real, after: bool = after, **named: Any) -> Any:
            result = real(self, *args, **named) if after else None
            own_data_server.kill()
            return result if after else real(self, *args, **named)

        with monkeypatch.context() as broken:
            broken.setattr(DataRepository, step, killing)
            with pytest.raises(data.DataError, match="no answer"):
                run(world)
                world.dev.head("main")  # the last step may be the one after which it was killed
        own_data_server.start()
        split = run(world)
        assert (split["count"], split["rounds"], split["counts"]) == (200, [1], whole["counts"]), (step, after)
        assert list(world.dev.tags()) == ["v1"] and rounds.numbers(world.dev) == [1], (step, after)
        keys = items.read(world.dev, "main", rounds.items_path(1), ["key"])["key"].to_pylist()
        assert keys == [str(n) for n in range(1, 201)], (step, after)
        assert len(list(world.dev.list("main", "splits/"))) == 1 and len(world.load(split).item_ids) == split["counts"]["test"]
