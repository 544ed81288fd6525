"""What the machines of a Ray cluster have: a worker that none of them can hold waits for ever, without a word from Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Has = Mapping[str, float]  # by Ray's names, such as CPU and GPU


def machines() -> list[dict[str, float]]:
    """Return what each machine has of the cluster that this process is connected to, and each kind that it may start."""
    import ray
    from ray._private.state import state

    there = [{name: float(value) for name, value in node["Resources"].items()} for node in ray.nodes() if node["Alive"]]
    # Ray 2.60 tells in this place alone what its autoscaler may start; without one there is nothing.
    plan = state.get_cluster_config()
    kinds = [dict(kind.resources) for kind in plan.node_group_configs if kind.max_count] if plan else []
    return there + [{name: float(value) for name, value in kind.items()} for kind in kinds]


def no_room(asked: Has, found: Sequence[Has]) -> str:
    """Return why none of the machines found can hold what is asked for; an empty text where one can."""
    wanted = {name: value for name, value in asked.items() if value}
    if any(all(one.get(name, 0) >= value for name, value in wanted.items()) for one in found):
        return ""
    most = {name: max((one.get(name, 0) for one in found), default=0) for name in wanted}
    lacking = [name for name, value in wanted.items() if value > most[name]]
    said = [f"{name.lower()}: {wanted[name]:g}" for name in lacking or wanted]
    if not lacking:
        return f"asks for {' and '.join(said)}, and no machine of the cluster has both"
    has = " and ".join(f"{most[name]:g}" for name in lacking)
    return f"asks for {' and '.join(said)}, and the largest machine of the cluster has {has}"
