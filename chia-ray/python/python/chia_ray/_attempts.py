"""How often a task was started: Ray tries it again, and does not tell it so."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chia_ray._errors import WorkerDied

# In seconds: a task runs, whatever has become of its count.
_TIMEOUT: Final = 30.0


class Attempts:
    """Counts the starts of tasks that may be tried again, by their ids, which stay."""

    def __init__(self) -> None:
        self._starts: Counter[str] = Counter()

    def start(self, task: str) -> int:
        """How often the task was started before."""
        before = self._starts[task]
        self._starts[task] += 1
        return before

    def end(self, task: str) -> None:
        """The task is not tried again."""
        self._starts.pop(task, None)


def counter() -> Any:
    """A counter for the tasks that this process submits; it lives here, and as long as we do."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": here}
    return ray.remote(Attempts).options(**options).remote()


@contextlib.contextmanager
def counted(counter: Any) -> Iterator[int]:
    """Counts a start of the running task, until its end: how often it was started before."""
    task = ray.get_runtime_context().get_task_id()
    try:
        attempt: int = ray.get(counter.start.remote(task), timeout=_TIMEOUT)
    except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
        attempt = 0
    try:
        yield attempt
    except WorkerDied:
        # It may be tried again.
        raise
    except BaseException:
        counter.end.remote(task)
        raise
    counter.end.remote(task)
