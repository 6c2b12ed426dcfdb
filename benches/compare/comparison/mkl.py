"""Intel MKL: convolution of signals, to which the kernel is handed over beforehand."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import byref, c_int, c_void_p
from functools import partial

from comparison import arrays, foreign
from comparison.arrays import Floats
from comparison.contestant import Call, Contestant, Maker, require_few_products
from comparison.foreign import pointer
from comparison.problem import Problem

MODES = {"mkl-direct": 1, "mkl-fft": 2}
TYPES = {"f32": "s", "f64": "d"}
MOST_PRODUCTS_OF_SUMS = 20_000_000_000


class Mkl:
    """Contestants `mkl-direct` and `mkl-fft`; on its own it would choose one of the two."""

    makers: Mapping[str, Maker]

    def __init__(self) -> None:
        self._library = foreign.load("libmkl_rt.so.*", "MKL_FOLDER")
        text = ctypes.create_string_buffer(200)
        self._library.MKL_Get_Version_String(text, len(text))
        self.version = text.value.decode().partition("Version ")[2].partition(" Product")[0]
        self.makers = {name: partial(self._prepare, mode) for name, mode in MODES.items()}

    def _prepare(self, mode: int, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        if mode == MODES["mkl-direct"]:
            require_few_products(problem, MOST_PRODUCTS_OF_SUMS)
        library, kind = self._library, TYPES[problem.element]
        [axis] = problem.axes
        x, h = arrays.copied(values), arrays.copied(kernel)
        y = arrays.empty(problem.output_shape, problem.element)
        task = c_void_p()
        make = getattr(library, f"vsl{kind}ConvNewTaskX1D")
        foreign.require(make(byref(task), mode, axis.taps, axis.size, axis.outputs, pointer(h), 1))
        foreign.require(library.vslConvSetStart(task, foreign.integers([axis.results.start])))
        arguments = (task, pointer(x), c_int(1), pointer(y), c_int(1))
        call = Call(getattr(library, f"vsl{kind}ConvExecX1D"), arguments, (x, h, y))
        return Contestant(call, lambda: y, close=partial(library.vslConvDeleteTask, byref(task)), call=call)
