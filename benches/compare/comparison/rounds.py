"""The clock. Contestants take turns, so that what changes on the machine within a run changes for all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from comparison.contestant import Contestant

FEWEST_CALLS = 4
FEWEST_ROUNDS = 2
SHORTEST = 1e-9
#: Threads that wait for work keep their cores busy for a while before they sleep.
SECONDS_UNTIL_THREADS_SLEEP = 0.02


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    rounds: int
    #: Of calls, for each contestant in each round.
    seconds: float
    #: Of all calls of a contestant; slow ones get fewer calls in each round, then fewer rounds.
    most_seconds: float
    threads: int


@dataclass
class Timing:
    """What one contestant took: the seconds of each call in each round."""

    rounds: list[list[float]] = field(default_factory=list)
    #: What the call of a function of Python takes, where that counts. No part of `seconds`.
    of_empty_call: float = 0.0

    @property
    def of_rounds(self) -> list[float]:
        """Of each round the mean of the fastest quarter of the calls: interruptions fall into the others, and the
        steps of a coarse clock average out."""
        return [statistics.fmean(sorted(calls)[: -(-len(calls) // 4)]) for calls in self.rounds]

    @property
    def seconds(self) -> float:
        """The lower quartile of the rounds: three in four may be disturbed, and no lucky one decides."""
        seconds = sorted(self.of_rounds)[len(self.rounds) // 4]
        # Of less than the clock can tell apart, nothing can be said.
        return max(seconds - self.of_empty_call, SHORTEST)

    @property
    def calls(self) -> int:
        return sum(map(len, self.rounds))


def measure(contestants: Mapping[str, Contestant], pace: Pace) -> dict[str, Timing]:
    """In every round each contestant runs for a while; another one begins each time."""
    timings = {name: Timing() for name in contestants}
    spent = dict.fromkeys(contestants, 0.0)
    names = list(contestants)
    gc.collect()
    gc.disable()
    try:
        for index in range(pace.rounds):
            first = index % max(len(names), 1)
            for name in names[first:] + names[:first]:
                if index >= FEWEST_ROUNDS and spent[name] > pace.most_seconds:
                    continue
                calls = _turn(contestants[name], pace)
                spent[name] += sum(calls) * contestants[name].times
                timings[name].rounds.append(calls)
    finally:
        gc.enable()
    for name, contestant in contestants.items():
        _replace_by_own(contestant, timings[name])
    return timings


def _turn(contestant: Contestant, pace: Pace) -> list[float]:
    if pace.threads > 1:
        time.sleep(SECONDS_UNTIL_THREADS_SLEEP)
    run, clock, each = contestant.run, time.perf_counter_ns, 1e-9 / contestant.times
    # Brings its operands back into the caches.
    run()
    calls: list[float] = []
    begin = clock()
    end, latest = (
        begin + round(seconds * 1e9) for seconds in (pace.seconds, pace.most_seconds / pace.rounds)
    )
    while not calls or clock() < (end if len(calls) >= FEWEST_CALLS else max(end, latest)):
        start = clock()
        run()
        calls.append((clock() - start) * each)
    return calls


def _replace_by_own(contestant: Contestant, timing: Timing) -> None:
    """Puts the times that the library took itself in place of ours; its last ones belong to the last round."""
    if contestant.own_seconds is None:
        return
    own = contestant.own_seconds()
    for calls in reversed(timing.rounds):
        calls[:], own = own[-len(calls) :], own[: -len(calls) - 1]
