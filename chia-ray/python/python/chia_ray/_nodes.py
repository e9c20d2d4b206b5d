"""The nodes of the cluster, as the wire has them."""

from __future__ import annotations

import json
from typing import Any

import ray

from chia_ray._record import listed

_OURS = {"CPU": "cpu", "GPU": "gpu"}
_HEAD = "node:__internal_head__"


def nodes(driver_node: str) -> list[dict[str, Any]]:
    """Every node, the driver's own first."""
    known = sorted(ray.nodes(), key=lambda node: node["NodeID"] != driver_node)
    return [
        {
            "id": node["NodeID"],
            "name": node["NodeManagerHostname"],
            "capacity": _capacity(node["Resources"]),
            "alive": node["Alive"],
            "head": _HEAD in node["Resources"],
        }
        for node in known
    ]


def nodes_json(driver_node: str) -> bytes:
    """The same as the body of a frame."""
    return json.dumps(nodes(driver_node)).encode()


def recorded_nodes() -> list[tuple[str, str]]:
    """The living nodes as the record of a run lists them: the id, and what the node has to give."""
    if not ray.is_initialized():
        # Ray joins a cluster by itself at the first call.
        return []
    alive = [node for node in nodes(str(ray.get_runtime_context().get_node_id())) if node["alive"]]
    return [(node["id"], listed(node["capacity"])) for node in alive]


def driver_and_head() -> tuple[str, str]:
    """The ids of the driver's node and of the node that leads the cluster.

    Ray attaches a driver to any raylet of its machine. Where that machine is the head's, the driver's
    node is the head.
    """
    own = str(ray.get_runtime_context().get_node_id())
    alive = [node for node in ray.nodes() if node["Alive"]]
    machine = {node["NodeID"]: node["NodeManagerAddress"] for node in alive}
    for node in alive:
        if _HEAD in node["Resources"]:
            head = str(node["NodeID"])
            return (head if machine.get(own) == machine[head] else own), head
    return own, own


def _capacity(resources: dict[str, float]) -> dict[str, float]:
    return {
        _OURS.get(name, name): amount
        for name, amount in resources.items()
        if not name.startswith("node:") and name != "object_store_memory"
    }
