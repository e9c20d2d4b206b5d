"""What a Loop and a Bypass do alike with their rules."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from typing import Any

from chia_ray import _native
from chia_ray._settled import settled


def new_run() -> str:
    """An id for a run, as loops in Rust have them: its own on every machine."""
    return secrets.token_hex(6)


def load(path: str | os.PathLike[str] | None, log: logging.Logger, **options: Any) -> _native.Rules:
    """Loads the rules of a new run, and warns of what is allowed but probably not meant."""
    rules = _native.Rules(path, run=new_run(), **options)
    for warning in rules.warnings():
        log.warning("%s", warning)
    return rules


def rerun(rules: _native.Rules, action: str, tag: str | None, fresh: bool) -> str | None:
    """Why a decided call runs again if its provider would serve it from the cache. A replay knows itself."""
    return rules.must_rerun(tag, fresh) if action == "provider" else None


def decide(
    rules: _native.Rules,
    strict: bool,
    call: tuple[str, str | None, bool],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    answer_of: Callable[[Any], bool] = bool,
) -> _native.Decision | None:
    """What becomes of a call, given as its function, its tag and whether it is fresh; None where no rule
    names the function. Asks the condition.
    """
    function, tag, fresh = call
    decision = rules.decide(function, tag, fresh)
    if decision is None:
        return None
    if decision.condition is not None:
        data = None if decision.data is None else str(decision.data)
        answer = answer_of(settled(decision.condition(tag, data, *args, **kwargs)))
        decision = rules.resolve(function, tag, answer, fresh)
    if (decision.unreplaced and strict) or decision.action == "fail":
        raise _native.ConfigError(decision.reason)
    return decision
