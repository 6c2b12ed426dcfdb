"""Problems, and the lists that hold them: problem strings as in docs/problem-string.md, as far as they are compared."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

KEYS = {"in", "kernel", "batch", "channels", "groups", "stride", "dilation", "padding", "border", "layout"}
COUNT = re.compile(r"#\s*count\s+(\d+)$")
KERNELS = re.compile(r"#\s*kernels\s+(dense|separable|gaussian|level)$")
AS_LAYERS = re.compile(r"#\s*as layers$")


class ProblemError(ValueError):
    """A line that is not a problem which is compared."""


class Family(Enum):
    """What a problem is, and so who takes part."""

    #: Cross-correlation of f32 with zero borders, in any layout.
    LAYER = "layer"
    #: Convolution of one signal.
    SIGNAL = "signal"
    #: Cross-correlation of an image of one or three interleaved channels with one kernel, of the same size out.
    FILTER = "filter"


class Kernels(Enum):
    """What the taps of a kernel are."""

    #: Anything.
    DENSE = "dense"
    #: Products of a column and a row.
    SEPARABLE = "separable"
    #: Products of a column and a row that fall off from the middle, as those of blurs.
    GAUSSIAN = "gaussian"
    #: All alike.
    LEVEL = "level"


class Border(Enum):
    """What stands around the input."""

    ZERO = "zero"
    REFLECT101 = "reflect101"


@dataclass(frozen=True)
class Axis:
    """One spatial axis: rows or columns."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def extent(self) -> int:
        return self.dilation * (self.taps - 1) + 1

    @property
    def outputs(self) -> int:
        return (self.before + self.size + self.after - self.extent) // self.stride + 1

    @property
    def is_dense(self) -> bool:
        return self.stride == self.dilation == 1

    @property
    def results(self) -> slice:
        """Which part of the whole convolution, of size + taps - 1 values, the outputs are."""
        first = self.taps - 1 - self.before
        return slice(first, first + self.outputs)


@dataclass(frozen=True)
class Problem:
    """A request in one dimension (one axis) or two (rows, columns)."""

    text: str
    family: Family
    element: str
    batch: int
    channels_in: int
    channels_out: int
    groups: int
    axes: tuple[Axis, ...]
    border: Border = Border.ZERO
    count: int = 1
    kernels: Kernels = Kernels.DENSE

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels_in, *(axis.size for axis in self.axes))

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return (self.channels_out, self.channels_in // self.groups, *(axis.taps for axis in self.axes))

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.batch, self.channels_out, *(axis.outputs for axis in self.axes))

    @property
    def multiply_adds(self) -> int:
        """Of the sum as defined, whatever the algorithm."""
        return math.prod(self.output_shape) * math.prod(self.kernel_shape[1:])

    @property
    def label(self) -> str:
        words = self.text.split()
        return " ".join(word for word in words if "=" in word or word == "f64")


def read_list(path: Path) -> list[Problem]:
    """The problems of a list. `# count N` in front of a line says how often its network has that layer;
    `# kernels separable` that the kernels of all lines from there on are products of a column and a row,
    `# kernels gaussian` that these are Gaussian, `# kernels level` that their taps are all alike; `# as layers` that
    planes are layers of one channel."""
    problems, count, kernels, as_layers = [], 1, Kernels.DENSE, False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.strip()
        if annotation := COUNT.match(line):
            count = int(annotation[1])
        elif annotation := KERNELS.match(line):
            kernels = Kernels(annotation[1])
        elif AS_LAYERS.match(line):
            as_layers = True
        elif line and not line.startswith("#"):
            try:
                problem = replace(parse(line, count), kernels=kernels)
                is_layer = as_layers and problem.border is Border.ZERO and problem.channels_in == 1
                problems.append(replace(problem, family=Family.LAYER) if is_layer else problem)
            except ProblemError as error:
                raise ProblemError(f"{path}:{number}: {error}") from None
            count = 1
    return problems


def parse(line: str, count: int = 1) -> Problem:
    operation, *words = line.split()
    element = words.pop(0) if words and "=" not in words[0] else "f32"
    values = dict(_pairs(words))
    channels_in, channels_out = _whole(values.get("channels", "1:1"), ":", 2)
    [batch], [groups] = _whole(values.get("batch", "1"), ",", 1), _whole(values.get("groups", "1"), ",", 1)
    if groups == 0 or channels_in % groups or channels_out % groups:
        raise ProblemError(f"{groups} groups do not divide {channels_in}:{channels_out} channels")
    axes = _axes(values)
    if any(axis.outputs < 1 for axis in axes):
        raise ProblemError("the kernel is larger than the padded input")
    borders = {border.value: border for border in Border}
    if (border := values.get("border", "zero")) not in borders:
        raise ProblemError(f"border={border} is not compared, only {' and '.join(borders)}")
    text = " ".join(line.split())
    problem = Problem(
        text, Family.LAYER, element, batch, channels_in, channels_out, groups, axes, borders[border], count
    )
    return replace(problem, family=_family(problem, operation, values.get("layout")))


def _family(problem: Problem, operation: str, layout: str | None) -> Family:
    """Where the line belongs, or why it belongs nowhere."""
    channels = (problem.channels_in, problem.channels_out)
    is_plain = problem.batch == 1 and all(axis.is_dense for axis in problem.axes)
    is_zero = problem.border is Border.ZERO
    if operation == "convolve":
        if problem.element not in ("f32", "f64") or not (is_plain and is_zero and len(problem.axes) == 1):
            raise ProblemError("of `convolve`, single signals of f32 or f64 with zero borders are compared")
        if channels != (1, 1) or any(max(axis.before, axis.after) >= axis.taps for axis in problem.axes):
            raise ProblemError("of `convolve`, one channel is compared, padded by less than the kernel")
        return Family.SIGNAL
    if operation != "correlate" or problem.element != "f32":
        raise ProblemError(f"`{operation} {problem.element}` is not compared")
    centred = all(axis.before == axis.after == axis.taps // 2 and axis.taps % 2 for axis in problem.axes)
    is_gray = channels == (1, 1) and layout is None
    is_colour = channels == (3, 3) and problem.groups == 3 and layout == "nhwc"
    if is_plain and centred and len(problem.axes) == 2 and (is_gray or is_colour):
        return Family.FILTER
    if layout or not is_zero:
        raise ProblemError(
            "neither a layer (zero borders, no layout) nor a filter (odd kernel, same size, one channel or three "
            "with groups=3 layout=nhwc)"
        )
    return Family.LAYER


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        key, _, value = word.partition("=")
        if key not in KEYS:
            raise ProblemError(f"`{word}` is not compared; expected {', '.join(sorted(KEYS))}")
        yield key, value


def _axes(values: dict[str, str]) -> tuple[Axis, ...]:
    if "in" not in values or "kernel" not in values:
        raise ProblemError("`in` and `kernel` are required")
    dimensions = values["in"].count("x") + 1
    if dimensions > 2:
        raise ProblemError(f"in={values['in']} has more than two axes")
    steps = {key: _last(values.get(key, "1x1"), dimensions) for key in ("stride", "dilation")}
    sizes, taps = (_whole(values[key], "x", dimensions) for key in ("in", "kernel"))
    bare = [
        Axis(*numbers, 0, 0) for numbers in zip(sizes, taps, steps["stride"], steps["dilation"], strict=True)
    ]
    if any(0 in (axis.size, axis.taps, axis.stride, axis.dilation) for axis in bare):
        raise ProblemError("sizes and steps must be positive")
    return tuple(_padded(bare, values.get("padding", "valid")))


def _padded(axes: list[Axis], padding: str) -> Iterator[Axis]:
    words = {"valid": _valid, "same": _same, "same_lower": _same_lower, "full": _full}
    sides = None if padding in words else _whole(padding, ",", 4)
    if sides and len(axes) == 1 and (sides[0], sides[1]) != (0, 0):
        raise ProblemError("one dimension has no rows to pad")
    for index, axis in enumerate(axes, start=2 - len(axes)):
        before, after = words[padding](axis) if sides is None else sides[2 * index : 2 * index + 2]
        yield Axis(axis.size, axis.taps, axis.stride, axis.dilation, before, after)


def _valid(_: Axis) -> tuple[int, int]:
    return 0, 0


def _full(axis: Axis) -> tuple[int, int]:
    return axis.extent - 1, axis.extent - 1


def _same(axis: Axis) -> tuple[int, int]:
    outputs = -(-axis.size // axis.stride)
    total = max((outputs - 1) * axis.stride + axis.extent - axis.size, 0)
    return total // 2, total - total // 2


def _same_lower(axis: Axis) -> tuple[int, int]:
    before, after = _same(axis)
    return after, before


def _whole(text: str, separator: str, expected: int) -> list[int]:
    words = text.split(separator)
    if len(words) != expected or not all(word.isdecimal() for word in words):
        raise ProblemError(f"cannot read `{text}`, expected {expected} numbers separated by `{separator}`")
    return [int(word) for word in words]


def _last(text: str, dimensions: int) -> list[int]:
    """Steps are always written for rows and columns; one dimension has columns only."""
    if dimensions == 1 and "x" not in text:
        return _whole(text, "x", 1)
    return _whole(text, "x", 2)[-dimensions:]
