"""SciPy: functions that take the kernel on every call, and allocate the output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable, require_few_products
from comparison.numpy_peer import mode
from comparison.problem import Border, Family, Kernels, Problem

try:
    import scipy
    import scipy.fft
    import scipy.ndimage
    import scipy.signal
except ImportError as error:
    raise Unavailable(str(error)) from None

NDIMAGE_BORDERS = {Border.ZERO: "constant", Border.REFLECT101: "mirror"}


class SciPy:
    """Contestants `scipy`, `scipy-fft` and `scipy-oa`, and, for filters, `scipy-ndimage` and `scipy-uniform`, which sum
    in f64."""

    makers: Mapping[str, Maker]

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.version = scipy.__version__
        self.makers = {
            "scipy": self._automatic,
            "scipy-fft": partial(self._transform, scipy.signal.fftconvolve),
            "scipy-oa": partial(self._transform, scipy.signal.oaconvolve),
            "scipy-ndimage": _ndimage,
            "scipy-uniform": _uniform,
        }

    def _automatic(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        x, h = arrays.copied(values)[0, 0], arrays.copied(kernel)[0, 0]
        name = mode(problem.axes[0])
        method = scipy.signal.choose_conv_method(x, h, name)
        if method == "direct":
            require_few_products(problem)
        # It chooses anew on every call.
        contestant = self._contestant(partial(scipy.signal.convolve, x, h, name))
        contestant.note = method
        return contestant

    def _transform(
        self, function: Callable[..., Floats], problem: Problem, values: Floats, kernel: Floats
    ) -> Contestant:
        if problem.family is Family.SIGNAL:
            x, h, name = arrays.copied(values)[0, 0], arrays.copied(kernel)[0, 0], mode(problem.axes[0])
            return self._contestant(partial(function, x, h, name))
        if problem.border is not Border.ZERO:
            raise Unavailable("zero borders only")
        x, h = arrays.channels_last(values), arrays.copied(kernel[:1, :1, ::-1, ::-1])
        h = arrays.channels_last(h)
        contestant = self._contestant(partial(function, x, h, "same", axes=(1, 2)))
        last = contestant.output
        contestant.output = lambda: arrays.channels_first(last())
        return contestant

    def _contestant(self, function: Callable[[], Any]) -> Contestant:
        result: list[Any] = [None]

        def run() -> None:
            with scipy.fft.set_workers(self._threads):
                result[0] = function()

        def on_one_thread() -> None:
            result[0] = function()

        def output() -> Floats:
            return result[0].reshape((1, 1, -1)) if result[0].ndim == 1 else result[0]

        return Contestant(on_one_thread if self._threads == 1 else run, output, prepares=False)


def _ndimage(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    require_few_products(problem)
    if problem.channels_in > 1:
        raise Unavailable("planes only")
    x, y, h = arrays.copied(values)[0, 0], arrays.empty(problem.output_shape), arrays.copied(kernel)[0, 0]

    def run() -> None:
        scipy.ndimage.correlate(x, h, y[0, 0], NDIMAGE_BORDERS[problem.border])

    return Contestant(run, lambda: y, prepares=False)


def _uniform(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    if problem.kernels is not Kernels.LEVEL or problem.channels_in > 1:
        raise Unavailable("planes under taps that are all alike only")
    x, y = arrays.copied(values)[0, 0], arrays.empty(problem.output_shape)

    def run() -> None:
        scipy.ndimage.uniform_filter(x, kernel.shape[2:], y[0, 0], NDIMAGE_BORDERS[problem.border])

    return Contestant(run, lambda: y)
