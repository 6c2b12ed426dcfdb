"""This crate, through the C interface of `library/`."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Mapping
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from functools import partial
from pathlib import Path
from typing import NoReturn

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Problem

MANIFEST = Path(__file__).parents[1] / "library" / "Cargo.toml"

FUNCTIONS = {
    "convolve_new": (c_void_p, [c_char_p, c_void_p, c_size_t, c_size_t]),
    "convolve_shapes": (None, [c_void_p, POINTER(c_size_t * 12)]),
    "convolve_run": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t]),
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
    """One build of the crate; `prefix` names its contestants."""

    makers: Mapping[str, Maker]

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
        self.version = str(path)
        self.makers = {f"{prefix}-{layout}": partial(self._prepare, layout) for layout in ("nchw", "nhwc")}

    def _prepare(self, layout: str, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        library = self._library
        text = f"{problem.text} layout={layout}{self._options}"
        layer = library.convolve_new(text.encode(), kernel.ctypes.data, kernel.size, self._threads)
        if not layer:
            raise Unavailable(library.convolve_last_error().decode())
        self._require_shapes(layer, problem)
        is_last = layout == "nhwc"
        x = arrays.channels_last(values) if is_last else arrays.copied(values)
        y = arrays.empty(
            (problem.batch, *problem.output_shape[2:], problem.channels_out)
            if is_last
            else problem.output_shape
        )
        execute = library.convolve_run
        call = (
            c_void_p(layer),
            c_void_p(x.ctypes.data),
            c_size_t(x.size),
            c_void_p(y.ctypes.data),
            c_size_t(y.size),
        )

        def run(_: Floats = x) -> None:
            if execute(*call):
                self._fail()

        def output() -> Floats:
            return arrays.channels_first(y) if is_last else y

        note = library.convolve_name(layer).decode()
        return Contestant(run, output, note, partial(library.convolve_free, layer))

    def _fail(self) -> NoReturn:
        raise RuntimeError(self._library.convolve_last_error().decode())

    def _require_shapes(self, layer: int, problem: Problem) -> None:
        """The crate reads problem strings by itself: both must have read the same."""
        sizes = (c_size_t * 12)()
        self._library.convolve_shapes(layer, byref(sizes))
        rows = [1] * (2 - len(problem.axes))
        shapes = (problem.input_shape, problem.kernel_shape, problem.output_shape)
        expected = [size for shape in shapes for size in (*shape[:2], *rows, *shape[2:])]
        if list(sizes) != expected:
            raise AssertionError(f"the crate reads shapes {list(sizes)}, this program {expected}")
