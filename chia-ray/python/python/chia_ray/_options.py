"""Options of a call in Ray's terms."""

from __future__ import annotations

import json
import re
from typing import Any

from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chia_ray._errors import WorkerDied
from chia_ray._program import Program

ALWAYS = 0xFFFF_FFFF
OWN = "chia"
_NODE_ID = re.compile("[0-9a-f]{56}")


def task_options(options: dict[str, Any], program: Program) -> dict[str, Any]:
    """What ``options`` of a remote function takes."""
    ray_options = _common(options, program)
    ray_options["max_retries"] = min(options["retries"], 0x7FFF_FFFF)
    ray_options["retry_exceptions"] = [WorkerDied] if options["retries"] else False
    return ray_options


def actor_options(spec: dict[str, Any], program: Program) -> dict[str, Any]:
    """What ``options`` of an actor class takes."""
    ray_options = _common(spec["options"], program)
    ray_options["max_restarts"] = -1 if spec["restarts"] == ALWAYS else spec["restarts"]
    ray_options["max_concurrency"] = spec["concurrent"] or 1
    ray_options.pop("name")
    if spec["detached"]:
        ray_options["lifetime"] = "detached"
    if spec["name"]:
        ray_options["name"] = spec["name"]
        ray_options["namespace"] = namespace_of(spec["name"], program)
        ray_options["get_if_exists"] = True
    return ray_options


def _common(options: dict[str, Any], program: Program) -> dict[str, Any]:
    resources = dict(options["resources"])
    ray_options: dict[str, Any] = {
        "name": options["name"],
        # Nothing is held but what is demanded: Ray's default would be one cpu.
        "num_cpus": resources.pop("cpu", 0),
        "num_gpus": resources.pop("gpu", 0),
    }
    memory = resources.pop("memory", 0)
    if memory:
        ray_options["memory"] = int(memory)
    if resources:
        ray_options["resources"] = resources
    if options["runtime_env"]:
        ray_options["runtime_env"] = json.loads(options["runtime_env"])
    strategy = _strategy(options["placement"], program)
    if strategy is not None:
        ray_options["scheduling_strategy"] = strategy
    return ray_options


def _strategy(placement: Any, program: Program) -> Any:
    if placement == "Anywhere":
        return None
    if placement == "Spread":
        return "SPREAD"
    if placement == "Driver":
        return NodeAffinitySchedulingStrategy(program.driver_node, soft=False)
    if placement == "Head":
        return NodeAffinitySchedulingStrategy(program.head_node, soft=False)
    node = placement["Node"]
    if node["soft"] and not _NODE_ID.fullmatch(node["id"]):
        # Ray would refuse what cannot be a node of any cluster.
        return None
    return NodeAffinitySchedulingStrategy(node["id"], soft=node["soft"])


def namespace_of(name: str, program: Program) -> str:
    """Our own actors, the cache above all, are in one namespace for all programs of a cluster."""
    return OWN if name.startswith(f"{OWN}.") else program.namespace
