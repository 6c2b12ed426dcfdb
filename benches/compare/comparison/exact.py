"""What the results ought to be, and how large their errors may be expected to be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comparison.arrays import Floats
from comparison.problem import Border, Family, Problem

Doubles = NDArray[np.float64]

MOST_SAMPLES = 4096
MOST_SAMPLED_PRODUCTS = 8_000_000
#: From here on sums of signals and filters are taken by FFT, whose errors in f64 nobody sees in f32.
MOST_TAPS = 64
#: What is wider than f64: 64 bits of mantissa on x86-64.
Wide = np.longdouble


@dataclass(frozen=True)
class Expected:
    """The results in f64, and, for problems in f64, a sample of them in more."""

    values: Doubles
    #: Where the sample was taken, an index for each axis, and its values.
    at: tuple[NDArray[np.int64], ...]
    sample: NDArray[np.longdouble]
    #: Of the sample, if sums add one product after the other in the element type of the problem.
    sequential_error: float

    def error(self, computed: Floats) -> float:
        """Root mean square of the errors, as a part of that of the exact values. NaN if a value is missing."""
        whole = relative_error(computed, self.values)
        # All that the results in f64 can tell is whether those of f64 are wrong somewhere.
        if computed.dtype == np.float32 or not whole < 1e-12:
            return whole
        return relative_error(computed[self.at], self.sample)


def expected(problem: Problem, values: Floats, kernel: Floats) -> Expected:
    if problem.family is Family.SIGNAL:
        # Cross-correlation with the kernel read backwards.
        kernel = kernel[..., ::-1]
    padded = _padded(problem, values)
    at, terms = _sampled_products(problem, padded, kernel)
    # Accumulation is sequential by definition, other than `sum`.
    sequential = np.add.accumulate(terms[0] * terms[1], axis=1)[:, -1]
    # Row by row, for all of them at once would fill gigabytes.
    sample = np.array([x.astype(Wide) @ h.astype(Wide) for x, h in zip(*terms, strict=True)])
    is_long = math.prod(problem.kernel_shape[1:]) > MOST_TAPS
    by_fft = problem.family is not Family.LAYER and is_long
    whole = (_by_fft if by_fft else _by_taps)(problem, padded.astype(np.float64), kernel.astype(np.float64))
    return Expected(whole, at, sample, relative_error(sequential, sample))


def rms(values: NDArray[np.floating]) -> float:
    return math.sqrt(float(np.mean(np.square(values))))


def relative_error(computed: NDArray[np.floating], exact: NDArray[np.floating]) -> float:
    return rms(computed - exact) / rms(exact)


def _padded(problem: Problem, values: Floats) -> Floats:
    widths = [(0, 0), (0, 0), *((axis.before, axis.after) for axis in problem.axes)]
    return np.pad(values, widths, mode="constant" if problem.border is Border.ZERO else "reflect")


def _by_taps(problem: Problem, padded: Doubles, kernel: Doubles) -> Doubles:
    """One product of matrices for each tap of the kernel."""
    batch, groups = problem.batch, problem.groups
    taps = problem.kernel_shape[2:]
    weights = kernel.reshape(groups, problem.channels_out // groups, -1, *taps)
    total = np.zeros((batch, groups, problem.channels_out // groups, math.prod(problem.output_shape[2:])))
    for tap in np.ndindex(*taps):
        window = _windows(problem, padded, tap).reshape(batch, groups, problem.channels_in // groups, -1)
        matrix = weights[(..., *tap)]
        # Depthwise layers have matrices of one number, for which NumPy is slow.
        total += matrix * window if matrix.shape[1:] == (1, 1) else matrix @ window
    return total.reshape(problem.output_shape)


def _windows(problem: Problem, padded: Doubles, tap: tuple[int, ...]) -> Doubles:
    """The inputs that one tap of the kernel meets, for all outputs."""
    slices = [slice(None), slice(None)]
    for axis, index in zip(problem.axes, tap, strict=True):
        first = index * axis.dilation
        slices.append(slice(first, first + (axis.outputs - 1) * axis.stride + 1, axis.stride))
    return padded[tuple(slices)]


def _by_fft(problem: Problem, padded: Doubles, kernel: Doubles) -> Doubles:
    """Each channel with its kernel. The ends that wrap around are those that are not wanted."""
    axes = tuple(range(2, padded.ndim))
    size = [1 << (length - 1).bit_length() for length in padded.shape[2:]]
    backwards = kernel[(slice(None), slice(None), *(slice(None, None, -1) for _ in axes))]
    spectrum = np.fft.rfftn(padded, size, axes) * np.fft.rfftn(backwards[:, 0], size, [a - 1 for a in axes])
    results = [slice(axis.taps - 1, axis.taps - 1 + axis.outputs) for axis in problem.axes]
    return np.fft.irfftn(spectrum, size, axes)[(slice(None), slice(None), *results)]


def _sampled_products(
    problem: Problem, padded: Floats, kernel: Floats
) -> tuple[tuple[NDArray[np.int64], ...], tuple[Floats, Floats]]:
    """Some outputs, and the inputs and the taps that make them, a row for each output."""
    products = math.prod(kernel.shape[1:])
    samples = min(MOST_SAMPLES, max(256, MOST_SAMPLED_PRODUCTS // products))
    random = np.random.default_rng(0)
    at = tuple(random.integers(0, size, samples) for size in problem.output_shape)
    group = at[1] // (problem.channels_out // problem.groups)
    corner = (
        at[0],
        group * kernel.shape[1],
        *(place * axis.stride for place, axis in zip(at[2:], problem.axes, strict=True)),
    )
    offsets = np.indices(kernel.shape[1:]).reshape(kernel.ndim - 1, -1)
    offsets[1:] *= np.array([[axis.dilation] for axis in problem.axes])
    steps = np.array(padded.strides) // padded.itemsize
    first = sum(place * step for place, step in zip(corner, steps, strict=True))
    inputs = padded.reshape(-1)[np.add.outer(first, steps[1:] @ offsets)]
    return at, (inputs, kernel.reshape(kernel.shape[0], -1)[at[1]])
