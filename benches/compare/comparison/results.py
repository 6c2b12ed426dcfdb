"""What has been measured, and the sums and means over a list."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from comparison.problem import Problem
from comparison.rounds import Timing

OURS = "ours"
#: What ends the names of those of ours that have less prepared than they could.
UNPREPARED = ("-pack", "-once")
#: Another build of this crate, neither ours nor a peer.
BASELINE = "base"
BEST_OF_OURS, BEST_PEER = "best of ours", "best peer"


@dataclass
class Entry:
    """One contestant on one layer: timed, or left out for a reason."""

    timing: Timing | None = None
    #: Root mean square, as a part of that of the exact result.
    error: float | None = None
    note: str = ""
    reason: str = ""
    prepares: bool = True

    @cached_property
    def seconds(self) -> float | None:
        return None if self.timing is None else self.timing.seconds


@dataclass
class LayerResult:
    problem: Problem
    #: Error of sums in f32 that add one product after the other, in the same measure as that of the entries.
    sequential_error: float
    entries: dict[str, Entry]

    def seconds(self, name: str) -> float | None:
        """Of a contestant, or of the fastest of one side."""
        if name not in (BEST_OF_OURS, BEST_PEER):
            return self.entries[name].seconds if name in self.entries else None
        fastest = self.fastest(is_ours if name == BEST_OF_OURS else is_peer)
        return self.entries[fastest].seconds if fastest else None

    def fastest(self, which: Callable[[str], bool]) -> str | None:
        timed = {name: entry.seconds for name, entry in self.entries.items() if which(name) and entry.seconds}
        return min(timed, key=timed.__getitem__, default=None)


def is_ours(name: str) -> bool:
    return name.startswith(OURS) and not name.endswith(UNPREPARED)


def is_peer(name: str) -> bool:
    return not name.startswith((OURS, BASELINE))


def is_prepared(name: str) -> bool:
    """All but those of ours that have less prepared than they could; peers do what they can."""
    return is_peer(name) or not name.endswith(UNPREPARED)


@dataclass(frozen=True)
class Ratio:
    """Times of one contestant as parts of those of another, over the layers that both ran."""

    sums: float
    geometric_mean: float


@dataclass
class ListResult:
    """A list with the layers measured so far."""

    name: str
    layers: list[LayerResult] = field(default_factory=list)

    @property
    def contestants(self) -> list[str]:
        names = (name for layer in self.layers for name in layer.entries)
        return [name for name in dict.fromkeys(names) if is_prepared(name)]

    @property
    def unprepared(self) -> list[str]:
        """Those that take the kernel on every call."""
        entries = (item for layer in self.layers for item in layer.entries.items())
        return list(dict.fromkeys(name for name, entry in entries if not entry.prepares))

    def layers_run(self, name: str) -> int:
        return sum(layer.seconds(name) is not None for layer in self.layers)

    def weighted_sum(self, name: str) -> float:
        """Seconds of a whole network: each layer as often as it occurs."""
        return math.fsum((layer.seconds(name) or 0.0) * layer.problem.count for layer in self.layers)

    def ratio(self, name: str, to: str) -> Ratio | None:
        pairs = []
        for layer in self.layers:
            mine, other = layer.seconds(name), layer.seconds(to)
            if mine and other:
                pairs.append((mine, other, layer.problem.count))
        if not pairs:
            return None
        sums = [math.fsum(pair[index] * pair[2] for pair in pairs) for index in (0, 1)]
        return Ratio(sums[0] / sums[1], statistics.geometric_mean(mine / other for mine, other, _ in pairs))

    def wins(self, name: str) -> int:
        return sum(layer.fastest(is_prepared) == name for layer in self.layers)

    def errors(self, name: str) -> list[float]:
        """In units of the error of sequential sums."""
        timed = (layer for layer in self.layers if layer.seconds(name) is not None)
        entries = ((layer, layer.entries.get(name)) for layer in timed)
        return [
            entry.error / layer.sequential_error
            for layer, entry in entries
            if entry and entry.error is not None
        ]


def unsteadiness(layers: Iterable[LayerResult]) -> float | None:
    """How far the rounds of a contestant lie apart: the median of half the range between the quartiles."""
    spreads = []
    for entry in (entry for layer in layers for entry in layer.entries.values()):
        if entry.timing and len(entry.timing.rounds) >= 4:
            low, middle, high = statistics.quantiles(entry.timing.of_rounds)
            spreads.append((high - low) / 2 / middle)
    return statistics.median(spreads) if spreads else None
