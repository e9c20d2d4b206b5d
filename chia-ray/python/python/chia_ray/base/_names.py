"""Names in the rules that no function has, and parameters that a function does not have."""

from __future__ import annotations

import atexit
import difflib
import logging
from collections.abc import Collection

from chia_ray import _native
from chia_ray._identity import Identity

_log = logging.getLogger("chia.bypass")


class Names:
    """Checks the names of a bypass, each once. Under strict rules an unknown one is a ConfigError."""

    def __init__(self, strict: bool, has_rules: bool = False) -> None:
        self._strict = strict
        self._is_checked = not has_rules
        self._known_arguments: set[str] = set()
        # What was registered for names that are not compared with the functions yet.
        self._registered: dict[tuple[str, str], None] = {}

    def add(self, what: str, name: str) -> None:
        """A provider, a replay or a condition is set for a name."""
        self._registered[what, name] = None

    def check(self, rules: _native.Rules, known: Collection[str]) -> None:
        """Warns of rules for functions that nobody knows: of a near miss now, and of others at the end,
        since their functions may come later.
        """
        self._check_registered(rules, known)
        if self._is_checked:
            return
        unknown = rules.check_names(list(known))
        if unknown and self._strict:
            raise _native.ConfigError("\n".join(warning for warning, _ in unknown))
        self._is_checked = True
        warned = {warning for warning, is_near in unknown if is_near}
        for warning in warned:
            _log.warning("%s", warning)
        if len(warned) < len(unknown):
            atexit.register(_warn_unknown, rules, known, warned)

    def check_arguments(self, rules: _native.Rules, identity: Identity) -> None:
        """Warns of parameters that the rules ignore and a function does not have."""
        if identity.name in self._known_arguments:
            return
        self._known_arguments.add(identity.name)
        unknown = rules.check_arguments(identity.name, identity.parameters)
        if unknown and self._strict:
            raise _native.ConfigError("\n".join(unknown))
        for warning in unknown:
            _log.warning("%s", warning)

    def _check_registered(self, rules: _native.Rules, known: Collection[str]) -> None:
        """Warns of a registered name that is nearly that of a function or of a rule."""
        while self._registered:
            (what, name), _ = self._registered.popitem()
            listed = rules.bypass_rules()["bypass"]
            names = {one for full in (*known, *listed) for one in (full, full.rpartition(".")[2])}
            near = [] if name in names else difflib.get_close_matches(name, names, 1, 0.75)
            if near:
                text = f"a {what} is set for `{name}`, which no function is called; did you mean `{near[0]}`?"
                if self._strict:
                    raise _native.ConfigError(text)
                _log.warning("%s", text)


def _warn_unknown(rules: _native.Rules, known: Collection[str], warned: set[str]) -> None:
    for warning, _ in rules.check_names(list(known)):
        if warning not in warned:
            _log.warning("%s", warning)
