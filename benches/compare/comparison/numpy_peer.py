"""NumPy: `convolve`, sums as defined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable, require_few_products
from comparison.problem import Axis, Problem

Mode = Literal["full", "same", "valid"]


class NumPy:
    """Contestant `numpy`. It takes the kernel on every call, and allocates the output."""

    makers: Mapping[str, Maker]

    def __init__(self) -> None:
        self.version = np.__version__
        self.makers = {"numpy": _prepare}


def _prepare(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    require_few_products(problem)
    name = mode(problem.axes[0])
    x, h = arrays.copied(values)[0, 0], arrays.copied(kernel)[0, 0]
    result = [x]

    def run() -> None:
        result[0] = np.convolve(x, h, name)

    return Contestant(run, lambda: result[0][None, None], prepares=False)


def mode(axis: Axis) -> Mode:
    """What NumPy and SciPy call this part of the whole convolution."""
    middle = (axis.taps - 1) // 2
    parts: dict[Mode, slice] = {
        "full": slice(0, axis.size + axis.taps - 1),
        "same": slice(middle, middle + axis.size),
        "valid": slice(axis.taps - 1, axis.size),
    }
    for name, part in parts.items():
        if part == axis.results and (name == "full" or axis.size >= axis.taps):
            return name
    raise Unavailable("it has no such padding")
