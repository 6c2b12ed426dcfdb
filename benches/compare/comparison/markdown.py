"""Results as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping

from comparison.results import (
    BEST_OF_OURS,
    BEST_PEER,
    LayerResult,
    ListResult,
    is_ours,
    is_peer,
    unsteadiness,
)

EXPLANATION = """\
Times are milliseconds: of each round the mean of the fastest quarter of the calls, of the rounds the lower quartile. In
parentheses the root mean square of the errors, in units of that of sums in f32 that add one product after the other.
Ratios are times divided by times: above 1, ours is faster."""


def document(run: Mapping[str, object], lists: Iterable[ListResult]) -> str:
    lists = [result for result in lists if result.layers]
    facts = [f"{key}: {_text(value)}" for key, value in run.items()]
    spread = unsteadiness(layer for result in lists for layer in result.layers)
    if spread is not None:
        facts.append(
            f"rounds differ by: {100 * spread:.1f} % (half the range between the quartiles, median of all)"
        )
    parts = ["# Comparison", "\n".join(f"- {fact}" for fact in facts), EXPLANATION]
    return "\n\n".join([*parts, *map(_section, lists)]) + "\n"


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _section(result: ListResult) -> str:
    parts = [f"## {result.name}", _summary(result), _layers(result), _notes(result)]
    if reasons := _reasons(result):
        parts.append("Left out:\n\n" + "\n".join(f"- {reason}" for reason in reasons))
    return "\n\n".join(parts)


def _table(head: list[str], rows: list[list[str]], alignment: str = "---:") -> str:
    lines = [head, ["---"] + [alignment] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _summary(result: ListResult) -> str:
    ours = [name for name in result.contestants if is_ours(name)]
    sides = [*ours, BEST_OF_OURS] if len(ours) > 1 else ours
    head = ["contestant", "layers", "fastest on", "network ms", "error"]
    for side in sides:
        head += [f"sum / {side}", f"mean / {side}"]
    rows = []
    for name in [*result.contestants, BEST_OF_OURS, BEST_PEER]:
        if not result.layers_run(name):
            continue
        errors = result.errors(name)
        error = f"{statistics.median(errors):.2f}, at most {max(errors):.2f}" if errors else ""
        wins = str(result.wins(name)) if name in result.contestants else ""
        row = [name, str(result.layers_run(name)), wins, _milliseconds(result.weighted_sum(name)), error]
        for side in sides:
            ratio = result.ratio(name, side)
            row += [f"{ratio.sums:.3f}", f"{ratio.geometric_mean:.3f}"] if ratio else ["", ""]
        rows.append(row)
    note = (
        "`network ms`, `sum`: each layer as often as its network has it. `mean`: geometric, over the layers."
    )
    return f"{_table(head, rows)}\n\n{note}"


def _layers(result: ListResult) -> str:
    names = result.contestants
    head = ["layer", "count", *names, "fastest", "best peer / ours"]
    return _table(head, [_layer(layer, names) for layer in result.layers])


def _layer(layer: LayerResult, names: list[str]) -> list[str]:
    ours, peer = layer.seconds(BEST_OF_OURS), layer.seconds(BEST_PEER)
    ratio = f"{peer / ours:.3f}" if ours and peer else ""
    both = [layer.fastest(is_ours) or "", layer.fastest(is_peer) or ""]
    order = " < ".join(filter(None, reversed(both) if ours and peer and peer < ours else both))
    cells = [_cell(layer, name) for name in names]
    return [f"`{layer.problem.label}`", str(layer.problem.count), *cells, order, ratio]


def _cell(layer: LayerResult, name: str) -> str:
    entry = layer.entries.get(name)
    if entry is None or entry.seconds is None:
        return "-"
    error = "" if entry.error is None else f" ({entry.error / layer.sequential_error:.2f})"
    return _milliseconds(entry.seconds) + error


def _notes(result: ListResult) -> str:
    """Which code ran, as far as the libraries tell."""
    entries = [(layer.problem.label, layer.entries) for layer in result.layers]
    names = [name for name in result.contestants if any(name in row and row[name].note for _, row in entries)]
    rows = [[f"`{label}`", *(row[name].note for name in names)] for label, row in entries]
    return _table(["layer", *names], rows, alignment="---")


def _milliseconds(seconds: float) -> str:
    """Four digits, without an exponent."""
    milliseconds = 1e3 * seconds
    whole = len(str(int(milliseconds))) if milliseconds >= 1 else 0
    return f"{milliseconds:.{max(4 - whole, 0)}f}"


def _reasons(result: ListResult) -> list[str]:
    """Why contestants were left out, each reason with its layers."""
    layers: dict[tuple[str, str], list[str]] = {}
    for layer in result.layers:
        for name, entry in layer.entries.items():
            if entry.reason:
                layers.setdefault((name, entry.reason), []).append(layer.problem.label)
    everywhere = len(result.layers)
    return [
        f"{name}, {'all layers' if len(labels) == everywhere else '; '.join(f'`{label}`' for label in labels)}: {reason}"
        for (name, reason), labels in layers.items()
    ]
