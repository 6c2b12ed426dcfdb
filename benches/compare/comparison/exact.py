"""What the results ought to be, and how large their errors may be expected to be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from comparison.arrays import Floats
from comparison.problem import Problem

Doubles = NDArray[np.float64]

MOST_SAMPLES = 4096
MOST_SAMPLED_PRODUCTS = 8_000_000


def _windows(problem: Problem, padded: NDArray[np.floating], tap: tuple[int, ...]) -> NDArray[np.floating]:
    """The inputs that one tap of the kernel meets, for all outputs."""
    slices = [slice(None), slice(None)]
    for axis, index in zip(problem.axes, tap, strict=True):
        first = index * axis.dilation
        slices.append(slice(first, first + (axis.outputs - 1) * axis.stride + 1, axis.stride))
    return padded[tuple(slices)]


def _padded(problem: Problem, values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.pad(values, [(0, 0), (0, 0), *((axis.before, axis.after) for axis in problem.axes)])


def result(problem: Problem, values: Floats, kernel: Floats) -> Doubles:
    """In f64: one product of matrices for each tap of the kernel."""
    batch, groups = problem.batch, problem.groups
    padded = _padded(problem, values.astype(np.float64))
    taps = problem.kernel_shape[2:]
    weights = kernel.astype(np.float64).reshape(groups, problem.channels_out // groups, -1, *taps)
    total = np.zeros((batch, groups, problem.channels_out // groups, math.prod(problem.output_shape[2:])))
    for tap in np.ndindex(*taps):
        window = _windows(problem, padded, tap).reshape(batch, groups, problem.channels_in // groups, -1)
        matrix = weights[(..., *tap)]
        # Depthwise layers have matrices of one number, for which NumPy is slow.
        total += matrix * window if matrix.shape[1:] == (1, 1) else matrix @ window
    return total.reshape(problem.output_shape)


def rms(values: NDArray[np.floating]) -> float:
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64))))


def relative_error(computed: Floats, exact: Doubles) -> float:
    """Root mean square of the errors, as a part of that of the exact values. NaN if a value is missing."""
    return rms(computed - exact) / rms(exact)


def sequential_error(problem: Problem, values: Floats, kernel: Floats, exact: Doubles) -> float:
    """As `relative_error`, for sums in f32 that add one product after the other, on a sample of the outputs."""
    products = math.prod(kernel.shape[1:])
    samples = min(MOST_SAMPLES, max(256, MOST_SAMPLED_PRODUCTS // products))
    random = np.random.default_rng(0)
    at = tuple(random.integers(0, size, samples) for size in problem.output_shape)
    channel = at[1] // (problem.channels_out // problem.groups) * kernel.shape[1]
    channels = channel[:, None] + np.arange(kernel.shape[1])
    padded = _padded(problem, values)
    terms = np.empty((samples, kernel.shape[1], *kernel.shape[2:]), np.float32)
    for tap in np.ndindex(*kernel.shape[2:]):
        places = zip(at[2:], tap, problem.axes, strict=True)
        where = [(place * axis.stride + index * axis.dilation)[:, None] for place, index, axis in places]
        terms[(..., *tap)] = padded[(at[0][:, None], channels, *where)] * kernel[at[1]][(..., *tap)]
    # Accumulation is sequential by definition, other than `sum`.
    sums = np.add.accumulate(terms.reshape(samples, -1), axis=1)[:, -1]
    return rms(sums - exact[at]) / rms(exact)
