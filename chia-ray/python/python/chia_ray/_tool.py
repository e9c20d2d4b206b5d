"""The console script ``chia-cache``."""

from __future__ import annotations

import signal
import sys

from chia_ray import _native


def main() -> int:
    """Shows and manages caches and the records of runs, as the tool of the Rust crate chia-cli does."""
    # Python notices an interrupt between its own steps only, and the tool is one step.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.run_tool(["chia-cache", *sys.argv[1:]])
