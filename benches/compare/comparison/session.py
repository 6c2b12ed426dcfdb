"""Takes a problem from its string to its results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from comparison import arrays, exact, foreign, rounds
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.exact import Expected
from comparison.problem import Family, Problem
from comparison.results import Entry, LayerResult
from comparison.rounds import Pace, Timing

EPSILONS = {"f32": 2.0**-23, "f64": 2.0**-52}
#: Signals that are no longer take less time than a call from Python.
TINY = 1000
#: So many calls with nothing in between count as one.
TIMES = 256


def run_problem(problem: Problem, makers: Mapping[str, Maker], pace: Pace, repeat: Any) -> LayerResult:
    """Prepares all contestants, checks what each computes, and times those that are right."""
    values, kernel = arrays.operands(problem)
    expected = exact.expected(problem, values, kernel)
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
            except Exception as failure:  # noqa: BLE001
                # Whatever a library throws, the others go on.
                entries[name].reason = f"{type(failure).__name__}: {failure}"
            else:
                _check(problem, contestant, expected, entries[name])
                if not entries[name].reason:
                    contestants[name] = contestant
        if contestants:
            for name, timing in _measure(problem, contestants, pace, repeat).items():
                entries[name].timing = timing
    return LayerResult(problem, expected.sequential_error, entries)


def _measure(
    problem: Problem, contestants: Mapping[str, Contestant], pace: Pace, repeat: Any
) -> dict[str, Timing]:
    if problem.family is Family.SIGNAL and problem.axes[0].size <= TINY:
        contestants = {name: _without_python(one, repeat) for name, one in contestants.items()}
        timings = rounds.measure(contestants, pace)
        in_python = {name: replace(one, run=_nothing) for name, one in contestants.items() if not one.call}
        calls = rounds.measure(in_python, replace(pace, seconds=pace.seconds / 4))
        for name, timing in calls.items():
            timings[name].of_empty_call = timing.seconds
        return timings
    return rounds.measure(contestants, pace)


def _without_python(contestant: Contestant, repeat: Any) -> Contestant:
    """With nothing of Python between calls of a foreign function."""
    if contestant.call is None:
        return contestant
    return replace(contestant, run=foreign.repeated(repeat, contestant.call, TIMES), times=TIMES)


def _nothing() -> None:
    pass


def _check(problem: Problem, contestant: Contestant, expected: Expected, entry: Entry) -> None:
    entry.note, entry.prepares = contestant.note, contestant.prepares
    entry.error = expected.error(contestant.output())
    if not entry.error <= _most_error(problem):
        entry.reason = "wrong results"


def _most_error(problem: Problem) -> float:
    """Results with a larger error are wrong. Rounding errors add up like the steps of a random walk; the constants
    leave room for transforms. A NaN is not below it."""
    return EPSILONS[problem.element] * (64 + 4 * math.sqrt(math.prod(problem.kernel_shape[1:])))
