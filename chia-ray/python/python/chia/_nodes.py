"""The nodes of the cluster, as the wire has them."""

from __future__ import annotations

import json
from typing import Any

import ray

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
        }
        for node in known
    ]


def nodes_json(driver_node: str) -> bytes:
    """The same as the body of a frame."""
    return json.dumps(nodes(driver_node)).encode()


def head_node() -> str:
    """The id of the node that leads the cluster."""
    for node in ray.nodes():
        if node["Alive"] and _HEAD in node["Resources"]:
            return str(node["NodeID"])
    return str(ray.get_runtime_context().get_node_id())


def _capacity(resources: dict[str, float]) -> dict[str, float]:
    return {
        _OURS.get(name, name): amount
        for name, amount in resources.items()
        if not name.startswith("node:") and name != "object_store_memory"
    }
