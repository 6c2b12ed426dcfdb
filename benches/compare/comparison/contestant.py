"""What takes part: a layer that some library has prepared, ready to be timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from comparison.arrays import Floats
from comparison.problem import Problem


class Unavailable(Exception):
    """Why a library, or one of its contestants for one layer, does not take part."""


def _nothing() -> None:
    pass


@dataclass
class Contestant:
    """A prepared layer. Weights are packed, operands and workspace are in their places; only `run` is timed."""

    run: Callable[[], object]
    #: What the last run left, with axes in the order batch, channel, (row,) column, in any memory order.
    output: Callable[[], Floats]
    #: What the library says about the code that it runs.
    note: str = ""
    close: Callable[[], None] = _nothing
    #: Seconds of every run so far, for libraries that time the convolution themselves. Asked for once, at the end.
    own_seconds: Callable[[], list[float]] | None = None


#: Prepares a layer on an input and a kernel whose axes are batch, channel, (row,) column.
Maker = Callable[[Problem, Floats, Floats], Contestant]


class Library(Protocol):
    """A library that is installed, and what it enters."""

    version: str
    makers: Mapping[str, Maker]
