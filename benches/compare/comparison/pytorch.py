"""PyTorch, as its users get it without compiling anything: a call of `conv1d` or `conv2d`."""

from __future__ import annotations

from collections.abc import Mapping

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Problem

try:
    import torch
except ImportError as error:
    raise Unavailable(str(error)) from None


class PyTorch:
    """Contestant `torch-cl`: channels-last input, weights and output. It takes the weights as they are on every call."""

    makers: Mapping[str, Maker]

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self.version = torch.__version__
        self.makers = {"torch-cl": _prepare}


def _prepare(problem: Problem, values: Floats, kernel: Floats) -> Contestant:
    axes = problem.axes
    if len(axes) != 2:
        raise Unavailable("channels_last is a layout of two dimensions")
    if any(axis.before != axis.after for axis in axes):
        raise Unavailable("padding is not the same on both sides")
    x, weights = (_channels_last(array) for array in (values, kernel))
    stride, dilation, padding = (
        [getattr(axis, name) for axis in axes] for name in ("stride", "dilation", "before")
    )
    result = [x]

    def run() -> None:
        with torch.inference_mode():
            result[0] = torch.nn.functional.conv2d(
                x, weights, None, stride, padding, dilation, problem.groups
            )

    return Contestant(run, lambda: result[0].numpy())


def _channels_last(array: Floats) -> torch.Tensor:
    return torch.from_numpy(arrays.channels_first(arrays.channels_last(array)))
