"""OpenCV: filters of images, which take the kernel on every call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Border, Kernels, Problem

try:
    import cv2
except ImportError as error:
    raise Unavailable(str(error)) from None

BORDERS = {Border.ZERO: cv2.BORDER_CONSTANT, Border.REFLECT101: cv2.BORDER_REFLECT_101}


class OpenCv:
    """Contestants `cv-filter2d`, which has an FFT inside for large kernels, `cv-sepfilter2d`, `cv-gaussianblur`
    and `cv-boxfilter`."""

    makers: Mapping[str, Maker]

    def __init__(self, threads: int) -> None:
        cv2.setNumThreads(threads)
        self.version = cv2.__version__
        self.makers = {
            "cv-filter2d": _filter,
            "cv-sepfilter2d": _separable,
            "cv-gaussianblur": _blur,
            "cv-boxfilter": _box,
        }


def _filter(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    border, h = BORDERS[problem.border], arrays.copied(kernel[0, 0])
    x, y = _images(problem, values)

    def run() -> None:
        cv2.filter2D(x, -1, h, y, borderType=border)

    return Contestant(run, lambda: _planes(problem, y), prepares=False)


def _separable(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    """Gets the two factors, where this crate gets the whole kernel and has to find them. Those of blurs are alike from
    either end to the last bit, which OpenCV makes use of."""
    if problem.kernels is Kernels.DENSE:
        raise Unavailable("the kernel is not separable")
    if problem.kernels is Kernels.GAUSSIAN:
        factors = [arrays.gaussian(axis.taps) for axis in problem.axes]
    else:
        columns, strengths, rows = np.linalg.svd(kernel[0, 0].astype(np.float64))
        factors = [np.sqrt(strengths[0]) * factor for factor in (columns[:, 0], rows[0])]
    column, row = (arrays.copied(factor.astype(np.float32)) for factor in factors)
    border = BORDERS[problem.border]
    x, y = _images(problem, values)

    def run() -> None:
        cv2.sepFilter2D(x, -1, row, column, y, borderType=border)

    return Contestant(run, lambda: _planes(problem, y), prepares=False)


def _blur(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    """Takes no kernel, only its size and width."""
    if problem.kernels is not Kernels.GAUSSIAN:
        raise Unavailable("the kernel is not Gaussian")
    rows, columns = kernel.shape[2:]
    widths = {"sigmaX": arrays.gaussian_width(columns), "sigmaY": arrays.gaussian_width(rows)}
    border = BORDERS[problem.border]
    x, y = _images(problem, values)

    def run() -> None:
        cv2.GaussianBlur(x, (columns, rows), dst=y, borderType=border, **widths)

    return Contestant(run, lambda: _planes(problem, y))


def _box(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    """Takes no kernel, only its size."""
    if problem.kernels is not Kernels.LEVEL:
        raise Unavailable("the taps are not all alike")
    rows, columns = kernel.shape[2:]
    border = BORDERS[problem.border]
    x, y = _images(problem, values)

    def run() -> None:
        cv2.boxFilter(x, -1, (columns, rows), y, borderType=border)

    return Contestant(run, lambda: _planes(problem, y))


def _images(problem: Problem, values: Floats) -> tuple[Floats, Floats]:
    """Input and output: rows, columns, and channels if there are several."""
    x = arrays.channels_last(values)[0]
    y = arrays.empty(x.shape)
    return (x[..., 0], y[..., 0]) if problem.channels_in == 1 else (x, y)


def _planes(problem: Problem, y: Floats) -> Floats:
    return arrays.channels_first(y.reshape(1, *y.shape[:2], problem.channels_in))
