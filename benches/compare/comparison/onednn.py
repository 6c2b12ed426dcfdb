"""oneDNN: convolution primitives in three layouts, weights reordered beforehand into the one that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import c_void_p
from functools import partial

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.onednn_library import DESTINATION, SOURCE, WEIGHTS, OneDnnLibrary, OneDnnScope
from comparison.problem import Problem


class OneDnn:
    """Contestants `onednn` (layouts of input and output are its choice), `onednn-nchw` and `onednn-nhwc`."""

    makers: Mapping[str, Maker]

    def __init__(self) -> None:
        self._library = OneDnnLibrary()
        self.version = self._library.version
        self.makers = {
            "onednn": partial(self._prepare, "any"),
            "onednn-nhwc": partial(self._prepare, "nhwc"),
            "onednn-nchw": partial(self._prepare, "nchw"),
        }

    def _prepare(self, layout: str, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        scope = self._library.scope()
        try:
            return _contestant(scope, layout, problem, values, kernel)
        except Exception:
            scope.close()
            raise


def _contestant(
    scope: OneDnnScope, layout: str, problem: Problem, values: Floats, kernel: Floats
) -> Contestant:
    weights = kernel.reshape(_grouped(problem))
    primitive = scope.convolution(
        _descriptor(scope, layout, problem.input_shape),
        scope.any_layout(weights.shape),
        _descriptor(scope, layout, problem.output_shape),
        _steps(problem),
    )
    implementation = scope.implementation(primitive)
    if implementation.startswith("ref"):
        # Plain loops, which may take a minute for a call.
        raise Unavailable("oneDNN has nothing but its reference implementation")
    source, destination = (_operand(scope, primitive, index) for index in (SOURCE, DESTINATION))
    packed = (scope.descriptor(primitive, WEIGHTS), scope.memory(scope.descriptor(primitive, WEIGHTS)))
    scope.reorder(_plain(scope, weights), packed)
    scope.reorder(_plain(scope, values), source)
    run = scope.runner(primitive, {SOURCE: source[1], WEIGHTS: packed[1], DESTINATION: destination[1]})

    def output() -> Floats:
        result = arrays.empty(problem.output_shape)
        scope.reorder(destination, _plain(scope, result))
        return result

    return Contestant(run, output, implementation, scope.close)


def _operand(scope: OneDnnScope, primitive: c_void_p, index: int) -> tuple[c_void_p, c_void_p]:
    """Descriptor and memory of an argument, on an array like those of the other contestants."""
    descriptor = scope.descriptor(primitive, index)
    array = arrays.empty([scope.size(descriptor) // 4])
    return descriptor, scope.memory(descriptor, array)


def _descriptor(scope: OneDnnScope, layout: str, shape: Sequence[int]) -> c_void_p:
    if layout == "any":
        return scope.any_layout(shape)
    order = list(range(len(shape)))
    return scope.dense(shape, order if layout == "nchw" else [0, *order[2:], 1])


def _plain(scope: OneDnnScope, array: Floats) -> tuple[c_void_p, c_void_p]:
    descriptor = scope.dense(array.shape, range(array.ndim))
    return descriptor, scope.memory(descriptor, array)


def _grouped(problem: Problem) -> Sequence[int]:
    """Shape of the weights; the groups have an axis of their own."""
    if problem.groups == 1:
        return problem.kernel_shape
    return (problem.groups, problem.channels_out // problem.groups, *problem.kernel_shape[1:])


def _steps(problem: Problem) -> list[list[int]]:
    axes = problem.axes
    return [
        [axis.stride for axis in axes],
        [axis.dilation - 1 for axis in axes],
        [axis.before for axis in axes],
        [axis.after for axis in axes],
    ]
