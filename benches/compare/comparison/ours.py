"""This crate, through the C interface of `library/`."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Callable, Mapping
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Call, Contestant, Maker, Unavailable
from comparison.problem import Family, Problem

MANIFEST = Path(__file__).parents[1] / "library" / "Cargo.toml"


#: Results and arguments. What is timed gets arguments that need no conversion, as those of other libraries do.
FUNCTIONS = {
    "convolve_new": (c_void_p, [c_char_p, c_void_p, c_size_t, c_size_t]),
    "convolve_shapes": (None, [c_void_p, POINTER(c_size_t * 12)]),
    "convolve_run": (c_int, None),
    "convolve_pack_and_run": (c_int, None),
    "convolve_run_once": (c_int, None),
    "convolve_repeat": (c_int, None),
    "convolve_name": (c_char_p, [c_void_p]),
    "convolve_explanation": (c_char_p, [c_void_p]),
    "convolve_free": (None, [c_void_p]),
    "convolve_last_error": (c_char_p, []),
}


def build() -> Path:
    """Compiles the library and returns where cargo has put it."""
    command = ["cargo", "build", "--release", "--manifest-path", str(MANIFEST)]
    command += ["--message-format", "json-render-diagnostics"]
    try:
        messages = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        raise Unavailable("cargo is not installed") from None
    except subprocess.CalledProcessError:
        raise Unavailable("the crate does not compile, see above") from None
    for message in map(json.loads, messages.splitlines()):
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "convolve_compare":
            return Path(message["filenames"][0])
    raise Unavailable("cargo names no library among what it has built")


class Convolve:
    """One build of the crate; `prefix` names its contestants.

    Of layers there is one for each layout. Of signals and filters one has everything prepared, `-pack` a plan and a
    workspace but no kernel, and `-once` nothing at all.
    """

    makers: Mapping[Family, Mapping[str, Maker]]

    def __init__(self, path: Path, threads: int, options: str, prefix: str) -> None:
        """`options` is added to every problem string."""
        try:
            self._library = ctypes.CDLL(str(path))
            for name, (result, arguments) in FUNCTIONS.items():
                function = getattr(self._library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as error:
            raise Unavailable(str(error)) from None
        self._threads, self._options = threads, options
        #: Calls a function of any library many times.
        self.repeat: Any = self._library.convolve_repeat
        self.version = str(path)
        layers = {f"{prefix}-{layout}": partial(self._layer, layout) for layout in ("nchw", "nhwc")}
        others: dict[str, Maker] = {
            prefix: self._prepared,
            f"{prefix}-pack": partial(self._unprepared, "convolve_pack_and_run"),
            f"{prefix}-once": partial(self._unprepared, "convolve_run_once"),
        }
        self.makers = {Family.LAYER: layers, Family.SIGNAL: others, Family.FILTER: others}

    def _layer(self, layout: str, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        return self._contestant(f"{problem.text} layout={layout}", layout == "nhwc", problem, values, kernel)

    def _prepared(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        return self._contestant(problem.text, problem.channels_in > 1, problem, values, kernel)

    def _unprepared(self, function: str, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        prepared = self._prepared(problem, values, kernel)
        assert prepared.call is not None
        handle, *operands = prepared.call.arguments
        h = arrays.copied(kernel)
        arguments = (handle, c_void_p(h.ctypes.data), c_size_t(h.size), *operands)
        call = Call(getattr(self._library, function), arguments, (h, prepared.call))
        return replace(prepared, run=self._checked(call), prepares=False, call=call)

    def _contestant(
        self, text: str, is_last: bool, problem: Problem, values: Floats, kernel: Floats
    ) -> Contestant:
        library = self._library
        text = f"{text}{self._options}"
        handle = library.convolve_new(text.encode(), kernel.ctypes.data, kernel.size, self._threads)
        if not handle:
            raise Unavailable(library.convolve_last_error().decode())
        self._require_shapes(handle, problem)
        x = arrays.channels_last(values) if is_last else arrays.copied(values)
        batch, channels, *spatial = problem.output_shape
        y = arrays.empty([batch, *spatial, channels] if is_last else problem.output_shape, problem.element)
        arguments = (
            c_void_p(handle),
            c_void_p(x.ctypes.data),
            c_size_t(x.size),
            c_void_p(y.ctypes.data),
            c_size_t(y.size),
        )

        def output() -> Floats:
            return arrays.channels_first(y) if is_last else y

        call = Call(library.convolve_run, arguments, (x, y))
        note = library.convolve_name(handle).decode()
        free = partial(library.convolve_free, handle)
        return Contestant(self._checked(call), output, note, free, call=call)

    def _checked(self, call: Call) -> Callable[[], None]:
        """Says what went wrong in the words of the crate."""

        def run() -> None:
            if call.function(*call.arguments):
                raise RuntimeError(self._library.convolve_last_error().decode())

        return run

    def _require_shapes(self, handle: int, problem: Problem) -> None:
        """The crate reads problem strings by itself: both must have read the same."""
        sizes = (c_size_t * 12)()
        self._library.convolve_shapes(handle, byref(sizes))
        rows = [1] * (2 - len(problem.axes))
        shapes = (problem.input_shape, problem.kernel_shape, problem.output_shape)
        expected = [size for shape in shapes for size in (*shape[:2], *rows, *shape[2:])]
        if list(sizes) != expected:
            raise AssertionError(f"the crate reads shapes {list(sizes)}, this program {expected}")
