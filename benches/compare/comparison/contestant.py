"""What takes part: a problem that some library has prepared, ready to be timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from comparison.arrays import Floats
from comparison.problem import Problem


class Unavailable(Exception):
    """Why a library, or one of its contestants for one layer, does not take part."""


#: Products from which on plain loops would take seconds for a call. They stay out of such problems.
MOST_PRODUCTS_OF_PLAIN_LOOPS = 2_000_000_000


def require_few_products(problem: Problem, most: int = MOST_PRODUCTS_OF_PLAIN_LOOPS) -> None:
    if problem.multiply_adds > most:
        raise Unavailable("sums as defined would take seconds for a call")


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Call:
    """A foreign function that returns 0 if it succeeds, and its arguments, which need no conversion."""

    function: Callable[..., int]
    arguments: tuple[Any, ...]
    #: What the arguments point to.
    kept: tuple[object, ...] = ()

    def __call__(self) -> None:
        if status := self.function(*self.arguments):
            raise RuntimeError(f"status {status}")


@dataclass
class Contestant:
    """A prepared problem. Operands and workspace are in their places; only `run` is timed."""

    run: Callable[[], object]
    #: What the last run left, with axes in the order batch, channel, (row,) column, in any memory order.
    output: Callable[[], Floats]
    #: What the library says about the code that it runs.
    note: str = ""
    close: Callable[[], None] = _nothing
    #: Seconds of every run so far, for libraries that time the convolution themselves. Asked for once, at the end.
    own_seconds: Callable[[], list[float]] | None = None
    #: Whether the kernel was handed over beforehand. Otherwise every run takes it anew.
    prepares: bool = True
    #: What `run` calls, if that is a foreign function.
    call: Call | None = None
    #: How many times one `run` computes.
    times: int = 1


#: Prepares a problem on an input and a kernel whose axes are batch, channel, (row,) column.
Maker = Callable[[Problem, Floats, Floats], Contestant]


class Library(Protocol):
    """A library that is installed, and what it enters."""

    version: str
    makers: Mapping[str, Maker]
