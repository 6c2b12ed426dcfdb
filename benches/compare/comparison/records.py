"""Results as JSON lines: first the run, then one line for each layer and contestant."""

from __future__ import annotations

import json
from pathlib import Path

from comparison.results import Entry, LayerResult


class Records:
    """A file that grows layer by layer, so that what was measured survives an interruption."""

    def __init__(self, path: Path, run: dict[str, object]) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run) + "\n", encoding="utf-8")

    def add(self, list_name: str, layer: LayerResult) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            for name, entry in layer.entries.items():
                file.write(json.dumps(_record(list_name, layer, name, entry)) + "\n")


def _record(list_name: str, layer: LayerResult, name: str, entry: Entry) -> dict[str, object]:
    problem = layer.problem
    record: dict[str, object] = {
        "list": list_name,
        "problem": problem.text,
        "count": problem.count,
        "contestant": name,
    }
    if entry.note:
        record["note"] = entry.note
    if entry.error is not None:
        record["error"] = _rounded(entry.error)
        record["sequential_error"] = _rounded(layer.sequential_error)
    if entry.timing is None:
        return record | {"reason": entry.reason}
    seconds = entry.timing.seconds
    return record | {
        "seconds": _rounded(seconds),
        "gflops": _rounded(2e-9 * problem.multiply_adds / seconds),
        "calls": entry.timing.calls,
        "prepares": entry.prepares,
        "empty_call": _rounded(entry.timing.of_empty_call),
        "rounds": [_rounded(value) for value in entry.timing.of_rounds],
    }


def _rounded(value: float) -> float:
    """More digits would only say how the noise fell."""
    return float(f"{value:.4e}")
