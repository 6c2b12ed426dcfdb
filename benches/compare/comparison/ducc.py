"""ducc0: real FFTs by the spectrum of the kernel, which is made beforehand. The library has no convolution; these are
the two ways to make one of it that a user of FFTs would write."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Axis, Border, Family, Problem

try:
    import ducc0
except ImportError as error:
    raise Unavailable(str(error)) from None

#: Elements of the blocks that are transformed at once, so that they stay in the caches.
ELEMENTS_AT_ONCE = 65536
SHORTEST_BLOCK = 1024
#: Blocks are as long as that many kernels, or longer.
KERNELS_IN_A_BLOCK = 8


class Ducc:
    """Contestants `ducc-fft` (one transform of the whole input) and `ducc-os` (overlap-save)."""

    makers: Mapping[str, Maker]

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.version = ducc0.__version__
        self.makers = {"ducc-fft": self._whole, "ducc-os": self._blocks}

    def _whole(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        """In memory as images have it: the channels last."""
        x = arrays.channels_last(values)[0]
        h = kernel[0, 0] if problem.family is Family.SIGNAL else kernel[0, 0, ::-1, ::-1]
        axes = tuple(range(h.ndim))
        size = [ducc0.fft.good_size(axis.size + axis.taps - 1, True) for axis in problem.axes]
        spectrum = self._spectrum(h, size)[..., None]
        padded = np.zeros((*size, x.shape[-1]), x.dtype)
        frequencies = np.empty((*size[:-1], size[-1] // 2 + 1, x.shape[-1]), spectrum.dtype)
        y = arrays.empty(padded.shape, problem.element)
        reflect = problem.border is Border.REFLECT101
        inside = _inside(problem)

        def run() -> None:
            padded[inside] = x
            if reflect:
                _reflect(padded, problem.axes)
            ducc0.fft.r2c(padded, axes=axes, nthreads=self._threads, out=frequencies)
            np.multiply(frequencies, spectrum, out=frequencies)
            ducc0.fft.c2r(
                frequencies, axes=axes, lastsize=size[-1], forward=False, nthreads=self._threads, out=y
            )

        results = _results(problem)
        return Contestant(run, lambda: arrays.channels_first(y[results][None]), f"{'x'.join(map(str, size))}")

    def _blocks(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        [axis] = problem.axes
        taps, whole = axis.taps, axis.size + axis.taps - 1
        size = max(SHORTEST_BLOCK, 1 << (KERNELS_IN_A_BLOCK * taps - 1).bit_length())
        if size > axis.size:
            raise Unavailable("the signal is no longer than a block")
        step = size - taps + 1
        blocks = -(-whole // step)
        at_once = max(1, ELEMENTS_AT_ONCE // size)
        x, spectrum = arrays.copied(values)[0, 0], self._spectrum(kernel[0, 0], [size])
        padded = np.zeros((blocks - 1) * step + size, x.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
        frequencies = np.empty((at_once, size // 2 + 1), spectrum.dtype)
        back = np.empty((at_once, size), x.dtype)
        y = arrays.empty([blocks, step], problem.element)
        forward, backward = ducc0.fft.r2c, ducc0.fft.c2r
        options = {"axes": (1,), "nthreads": self._threads}

        def run() -> None:
            padded[taps - 1 : taps - 1 + axis.size] = x
            for first in range(0, blocks, at_once):
                count = min(at_once, blocks - first)
                some, results = frequencies[:count], back[:count]
                forward(windows[first : first + count], out=some, **options)
                np.multiply(some, spectrum, out=some)
                backward(some, lastsize=size, forward=False, out=results, **options)
                y[first : first + count] = results[:, taps - 1 :]

        return Contestant(run, lambda: y.reshape(1, 1, -1)[..., axis.results], f"blocks of {size}")

    def _spectrum(self, h: Floats, size: list[int]) -> Floats:
        """Divided by the number of elements, which takes one pass from every call."""
        padded = np.zeros(size, h.dtype)
        padded[tuple(slice(0, taps) for taps in h.shape)] = h
        spectrum = ducc0.fft.r2c(padded, nthreads=self._threads)
        return (spectrum / padded.size).astype(spectrum.dtype)


def _inside(problem: Problem) -> tuple[slice, ...]:
    """Where the input lies in the padded array: signals at its beginning, images within their borders."""
    if problem.family is Family.SIGNAL:
        return (slice(0, problem.axes[0].size),)
    return tuple(slice(axis.before, axis.before + axis.size) for axis in problem.axes)


def _results(problem: Problem) -> tuple[slice, ...]:
    """Where the results lie; what wraps around lies before them."""
    if problem.family is Family.SIGNAL:
        return (problem.axes[0].results,)
    return tuple(slice(axis.taps - 1, axis.taps - 1 + axis.size) for axis in problem.axes)


def _reflect(padded: Floats, axes: tuple[Axis, ...]) -> None:
    """Fills the borders of the columns, then, with these, those of the rows."""
    for index in reversed(range(len(axes))):
        plane, axis = np.moveaxis(padded, index, 0), axes[index]
        first, last = axis.before, axis.before + axis.size - 1
        plane[:first] = plane[2 * first : first : -1]
        plane[last + 1 : last + 1 + axis.after] = plane[last - 1 : last - 1 - axis.after : -1]
