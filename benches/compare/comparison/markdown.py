"""Results as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comparison.problem import Family
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
Times are of each round the mean of the fastest quarter of the calls, of the rounds the lower quartile. In parentheses
the root mean square of the errors, in units of that of sums in the same type that add one product after the other.
`wrong` stands where results are wrong, with the root mean square of the errors as a part of that of the exact results.
Ratios are times divided by times: above 1, ours is faster."""

OF_TINY = """Signals of at most 1000 elements: foreign functions are called 256 times with nothing of Python in between, and from the
times of functions of Python that of one that does nothing has been subtracted."""

OF_UNPREPARED = """What a caller pays who has a kernel for one call only. All of these take the kernel on every call: `-pack` has a plan and
a workspace already, as `ipp-conv` has its buffer, `-once` has nothing and makes all of it."""


@dataclass(frozen=True)
class Unit:
    name: str
    words: str
    in_a_second: float

    def text(self, seconds: float) -> str:
        """Four digits, without an exponent."""
        value = seconds * self.in_a_second
        whole = len(str(int(value))) if value >= 1 else 0
        return f"{value:.{max(4 - whole, 0)}f}"


MILLISECONDS, MICROSECONDS = Unit("ms", "milliseconds", 1e3), Unit("µs", "microseconds", 1e6)


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
    is_signals = all(layer.problem.family is Family.SIGNAL for layer in result.layers)
    unit = MICROSECONDS if is_signals else MILLISECONDS
    parts = [f"## {result.name}", f"Times are {unit.words}."]
    entries = (entry for layer in result.layers for entry in layer.entries.values())
    if any(entry.timing and entry.timing.of_empty_call for entry in entries):
        parts.append(OF_TINY)
    parts += [_summary(result, unit), _layers(result, unit)]
    if result.unprepared:
        parts.append(_unprepared(result, unit))
    parts.append(_notes(result))
    if reasons := _reasons(result):
        parts.append("Left out:\n\n" + "\n".join(f"- {reason}" for reason in reasons))
    return "\n\n".join(parts)


def _table(head: list[str], rows: list[list[str]], alignment: str = "---:") -> str:
    lines = [head, ["---"] + [alignment] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _summary(result: ListResult, unit: Unit) -> str:
    ours = [name for name in result.contestants if is_ours(name)]
    sides = [*ours, BEST_OF_OURS] if len(ours) > 1 else ours
    whole = f"{'network' if _is_network(result) else 'sum'} {unit.name}"
    head = ["contestant", "problems", "fastest on", whole, "error"]
    for side in sides:
        head += [f"sum / {side}", f"mean / {side}"]
    rows = []
    for name in [*result.contestants, BEST_OF_OURS, BEST_PEER]:
        if not result.layers_run(name):
            continue
        errors = result.errors(name)
        error = f"{statistics.median(errors):.2f}, at most {max(errors):.2f}" if errors else ""
        wins = str(result.wins(name)) if name in result.contestants else ""
        row = [name, str(result.layers_run(name)), wins, unit.text(result.weighted_sum(name)), error]
        for side in sides:
            ratio = result.ratio(name, side)
            row += [f"{ratio.sums:.3f}", f"{ratio.geometric_mean:.3f}"] if ratio else ["", ""]
        rows.append(row)
    if _is_network(result):
        note = f"`{whole}`, `sum`: each layer as often as its network has it. `mean`: geometric, over the layers."
    else:
        note = f"`{whole}`: over all the problems that a contestant ran. `mean`: geometric."
    return f"{_table(head, rows)}\n\n{note}"


def _is_network(result: ListResult) -> bool:
    return all(layer.problem.family is Family.LAYER for layer in result.layers)


def _layers(result: ListResult, unit: Unit) -> str:
    names = result.contestants
    head = ["problem", "count", *names, "fastest", "best peer / ours"]
    return _table(head, [_layer(layer, names, unit) for layer in result.layers])


def _layer(layer: LayerResult, names: list[str], unit: Unit) -> list[str]:
    ours, peer = layer.seconds(BEST_OF_OURS), layer.seconds(BEST_PEER)
    ratio = f"{peer / ours:.3f}" if ours and peer else ""
    both = [layer.fastest(is_ours) or "", layer.fastest(is_peer) or ""]
    order = " < ".join(filter(None, reversed(both) if ours and peer and peer < ours else both))
    cells = [_cell(layer, name, unit) for name in names]
    return [f"`{layer.problem.label}`", str(layer.problem.count), *cells, order, ratio]


def _cell(layer: LayerResult, name: str, unit: Unit) -> str:
    entry = layer.entries.get(name)
    if entry is None or entry.seconds is None:
        return f"wrong: {entry.error:.0e}" if entry and entry.error is not None else "-"
    error = "" if entry.error is None else f" ({entry.error / layer.sequential_error:.2f})"
    return unit.text(entry.seconds) + error


def _unprepared(result: ListResult, unit: Unit) -> str:
    names = result.unprepared
    ours = [name for name in names if not is_peer(name)]
    rows: list[list[str]] = []
    ratios: dict[str, list[float]] = {name: [] for name in ours}
    for layer in result.layers:
        peer = layer.fastest(lambda name: is_peer(name) and name in names)
        best = layer.seconds(peer) if peer else None
        row = [f"`{layer.problem.label}`"]
        row += [unit.text(seconds) if (seconds := layer.seconds(name)) else "-" for name in names]
        for name in ours:
            own = layer.seconds(name)
            if own and best:
                ratios[name].append(best / own)
            row.append(f"{best / own:.3f}" if own and best else "")
        rows.append([*row, peer or ""])
    blanks = [""] * len(names)
    means = [f"{statistics.geometric_mean(of):.3f}" if of else "" for of in ratios.values()]
    rows.append(["geometric mean", *blanks, *means, ""])
    head = ["problem", *names, *(f"best peer / {name}" for name in ours), "best peer"]
    return f"{OF_UNPREPARED}\n\n{_table(head, rows)}"


def _notes(result: ListResult) -> str:
    """Which code ran, as far as the libraries tell."""
    entries = [(layer.problem.label, layer.entries) for layer in result.layers]
    names = [name for name in result.contestants if any(name in row and row[name].note for _, row in entries)]
    rows = [[f"`{label}`", *(row[name].note if name in row else "" for name in names)] for label, row in entries]
    return _table(["problem", *names], rows, alignment="---")


def _reasons(result: ListResult) -> list[str]:
    """Why contestants were left out, each reason with its layers."""
    layers: dict[tuple[str, str], list[str]] = {}
    for layer in result.layers:
        for name, entry in layer.entries.items():
            if entry.reason:
                layers.setdefault((name, entry.reason), []).append(layer.problem.label)
    everywhere = len(result.layers)
    return [
        f"{name}, {'all problems' if len(labels) == everywhere else '; '.join(f'`{label}`' for label in labels)}: {reason}"
        for (name, reason), labels in layers.items()
    ]
