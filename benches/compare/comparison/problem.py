"""Layers, and the lists that hold them: problem strings as in docs/problem-string.md, as far as layers need them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KEYS = {"in", "kernel", "batch", "channels", "groups", "stride", "dilation", "padding"}
COUNT = re.compile(r"#\s*count\s+(\d+)$")


class ProblemError(ValueError):
    """A line that is not a layer which all contestants could compute."""


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


@dataclass(frozen=True)
class Problem:
    """A layer of cross-correlation on f32 with zero borders, in one dimension (one axis) or two (rows, columns)."""

    text: str
    batch: int
    channels_in: int
    channels_out: int
    groups: int
    axes: tuple[Axis, ...]
    count: int = 1

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
        return self.text.removeprefix("correlate ").removeprefix("f32 ")


def read_list(path: Path) -> list[Problem]:
    """The layers of a list. `# count N` in front of a line says how often its network has that layer."""
    problems, count = [], 1
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.strip()
        if annotation := COUNT.match(line):
            count = int(annotation[1])
        elif line and not line.startswith("#"):
            try:
                problems.append(parse(line, count))
            except ProblemError as error:
                raise ProblemError(f"{path}:{number}: {error}") from None
            count = 1
    return problems


def parse(line: str, count: int = 1) -> Problem:
    operation, *words = line.split()
    if operation != "correlate":
        raise ProblemError(f"`{operation}` is not compared, only `correlate`")
    if words and "=" not in words[0] and (element := words.pop(0)) != "f32":
        raise ProblemError(f"element type `{element}` is not compared, only f32")
    values = dict(_pairs(words))
    channels_in, channels_out = _whole(values.get("channels", "1:1"), ":", 2)
    [batch], [groups] = _whole(values.get("batch", "1"), ",", 1), _whole(values.get("groups", "1"), ",", 1)
    if groups == 0 or channels_in % groups or channels_out % groups:
        raise ProblemError(f"{groups} groups do not divide {channels_in}:{channels_out} channels")
    axes = _axes(values)
    if any(axis.outputs < 1 for axis in axes):
        raise ProblemError("the kernel is larger than the padded input")
    return Problem(" ".join(line.split()), batch, channels_in, channels_out, groups, axes, count)


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
