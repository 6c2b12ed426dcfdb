"""Arrays as every contestant gets them, so that none is helped or hurt by where its memory happens to lie."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comparison.problem import Family, Kernels, Problem

#: Of f32, or of f64 where the problem says so.
Floats = NDArray[Any]

CACHE_LINE = 64
TYPES: dict[str, np.dtype[Any]] = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}


def empty(shape: Sequence[int], element: str = "f32") -> Floats:
    """Begins at a cache line, and as NaN, so that a value left unwritten is seen."""
    kind = TYPES[element]
    size = math.prod(shape) * kind.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    array: Floats = memory[start : start + size].view(kind).reshape(tuple(shape))
    array.fill(np.nan)
    return array


def copied(values: Floats) -> Floats:
    array = empty(values.shape, f"f{8 * values.itemsize}")
    array[...] = values
    return array


def channels_last(values: Floats) -> Floats:
    """The same values in the memory order batch, (row,) column, channel; that is also the order of the axes."""
    return copied(np.moveaxis(values, 1, -1))


def channels_first(values: Floats) -> Floats:
    """A view with the axes in the order batch, channel, (row,) column."""
    return np.moveaxis(values, -1, 1)


def operands(problem: Problem) -> tuple[Floats, Floats]:
    """Input and kernel, always the same for the same problem string: uniform in [-1, 1), but for separable kernels,
    which are products of such, Gaussian ones, and level ones, which are means."""
    random = np.random.default_rng(zlib.crc32(problem.text.encode()))
    values = _uniform(random, problem.input_shape, problem.element)
    kernel = _uniform(random, problem.kernel_shape, problem.element)
    if problem.kernels is Kernels.LEVEL:
        kernel[...] = 1 / math.prod(axis.taps for axis in problem.axes)
    if problem.kernels is Kernels.GAUSSIAN:
        column, row = (gaussian(axis.taps) for axis in problem.axes)
        kernel[...] = column[:, None] * row
    if problem.kernels is Kernels.SEPARABLE:
        # Exact in f64, so that it is rounded once.
        wide = kernel.astype(np.float64)
        kernel = copied((wide[..., :, :1] * wide[..., :1, :]).astype(kernel.dtype))
    if problem.family is Family.FILTER:
        # One kernel for all channels, as libraries for images have it.
        kernel[...] = kernel[:1].copy()
    return values, kernel


def gaussian_width(taps: int) -> float:
    """What OpenCV takes for so many taps: a standard deviation, in pixels."""
    return 0.3 * ((taps - 1) / 2 - 1) + 0.8


def gaussian(taps: int) -> Floats:
    """Taps of sum 1, alike from either end to the last bit."""
    falling = np.exp(-(((np.arange(taps) - (taps - 1) / 2) / gaussian_width(taps)) ** 2) / 2)
    return falling / falling.sum()


def _uniform(random: np.random.Generator, shape: Sequence[int], element: str) -> Floats:
    """Of 24 or 53 bits, so that rounding cannot reach 1."""
    bits = np.finfo(TYPES[element]).nmant
    whole = random.integers(-(2**bits), 2**bits, shape, dtype=np.int32 if bits < 31 else np.int64)
    return copied(whole.astype(TYPES[element]) / TYPES[element].type(2**bits))
