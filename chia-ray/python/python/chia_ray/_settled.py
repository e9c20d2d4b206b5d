"""Coroutines where a value is wanted."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any


def settled(value: Any) -> Any:
    """The value, awaited if it is a coroutine, wherever an event loop may be running."""
    if not inspect.iscoroutine(value):
        return value
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(value)
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def beside() -> None:
        try:
            outcome.append(asyncio.run(value))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
