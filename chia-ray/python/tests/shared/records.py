"""Reading the records of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def records(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def lines(record: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in record.read_text().splitlines()]
    return [line for line in found if line["e"] == kind]


def calls(record: Path) -> dict[str, dict[str, Any]]:
    """Each call by its tag, else its function: the members of both lines, those of the end first."""
    ends = {line["id"]: line for line in lines(record, "end")}
    return {
        line.get("tag") or line["fn"]: {**line, **ends.get(line["id"], {})} for line in lines(record, "start")
    }
