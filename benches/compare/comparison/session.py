"""Takes a layer from its problem string to its results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack

from comparison import arrays, exact, rounds
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Problem
from comparison.results import Entry, LayerResult
from comparison.rounds import Pace

F32_EPSILON = 2.0**-23


def run_layer(problem: Problem, makers: Mapping[str, Maker], pace: Pace) -> LayerResult:
    """Prepares all contestants, checks what each computes, and times those that are right."""
    values, kernel = arrays.operands(problem)
    expected = exact.result(problem, values, kernel)
    sequential_error = exact.sequential_error(problem, values, kernel, expected)
    entries = {name: Entry() for name in makers}
    with ExitStack() as open_contestants:
        contestants: dict[str, Contestant] = {}
        for name, make in makers.items():
            try:
                contestant = make(problem, values, kernel)
                open_contestants.callback(contestant.close)
                contestant.run()
            except Unavailable as reason:
                entries[name].reason = str(reason)
            except Exception as failure:
                # Whatever a library throws, the others go on.
                entries[name].reason = f"{type(failure).__name__}: {failure}"
            else:
                _check(problem, contestant, expected, entries[name])
                if not entries[name].reason:
                    contestants[name] = contestant
        if contestants:
            for name, timing in rounds.measure(contestants, pace).items():
                entries[name].timing = timing
    return LayerResult(problem, sequential_error, entries)


def _check(problem: Problem, contestant: Contestant, expected: exact.Doubles, entry: Entry) -> None:
    entry.note = contestant.note
    entry.error = exact.relative_error(contestant.output(), expected)
    if not entry.error <= _most_error(problem):
        entry.reason = f"wrong results: relative error {entry.error:.1e}"


def _most_error(problem: Problem) -> float:
    """Results with a larger error are wrong. Rounding errors add up like the steps of a random walk; the constants
    leave room for transforms. A NaN is not below it."""
    return F32_EPSILON * (64 + 4 * math.sqrt(math.prod(problem.kernel_shape[1:])))
