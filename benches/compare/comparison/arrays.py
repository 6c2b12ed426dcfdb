"""Arrays as every contestant gets them, so that none is helped or hurt by where its memory happens to lie."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comparison.problem import Problem

Floats = NDArray[np.float32]

CACHE_LINE = 64


def empty(shape: Sequence[int]) -> Floats:
    """Begins at a cache line, and as NaN, so that a value left unwritten is seen."""
    count = math.prod(shape)
    memory = np.empty(4 * count + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    array = memory[start : start + 4 * count].view(np.float32).reshape(tuple(shape))
    array.fill(np.nan)
    return array


def copied(values: Floats) -> Floats:
    array = empty(values.shape)
    array[...] = values
    return array


def channels_last(values: Floats) -> Floats:
    """The same values in the memory order batch, (row,) column, channel; that is also the order of the axes."""
    return copied(np.moveaxis(values, 1, -1))


def channels_first(values: Floats) -> Floats:
    """A view with the axes in the order batch, channel, (row,) column."""
    return np.moveaxis(values, -1, 1)


def operands(problem: Problem) -> tuple[Floats, Floats]:
    """Input and kernel, uniform in [-1, 1), always the same for the same problem string."""
    random = np.random.default_rng(zlib.crc32(problem.text.encode()))
    return _uniform(random, problem.input_shape), _uniform(random, problem.kernel_shape)


def _uniform(random: np.random.Generator, shape: Sequence[int]) -> Floats:
    # Of 24 bits, so that rounding cannot reach 1.
    whole = random.integers(-(2**23), 2**23, shape, dtype=np.int32)
    return copied(whole.astype(np.float32) / np.float32(2**23))
