"""Intel IPP: signals and planes by `Conv`, which takes the kernel on every call, filters by `FilterBorder`."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import byref, c_int
from pathlib import Path

from comparison import arrays, foreign
from comparison.arrays import Floats
from comparison.contestant import Call, Contestant, Maker, Unavailable, require_few_products
from comparison.foreign import pointer
from comparison.problem import Border, Family, Problem

#: What the libraries for each instruction set of this crate end in.
PARTS = {"avx512": "k0", "avx2": "l9", "portable": "y8"}
TYPES = {"f32": (13, "32f"), "f64": (19, "64f")}
#: The library chooses between sums and FFT.
AUTOMATIC = 0
FULL = 0
BORDERS = {Border.ZERO: 6, Border.REFLECT101: 3}
ROUND_TO_NEAREST = 1


class Size(ctypes.Structure):
    _fields_ = (("width", c_int), ("height", c_int))


class Ipp:
    """Contestants `ipp-conv` and `ipp-filter`."""

    makers: Mapping[str, Maker]

    def __init__(self, isa: str | None) -> None:
        if isa and isa not in PARTS:
            raise Unavailable(f"cannot be held back to {isa}")
        # The dispatching libraries look for their parts elsewhere than packages put them.
        part = PARTS[isa or ("avx512" if _has_avx512() else "avx2")]
        core = foreign.load("libippcore.so.*", "IPP_FOLDER")
        core.ippInit()
        foreign.load(f"libippvm{part}.so.*", "IPP_FOLDER")
        self._signals = foreign.load(f"libipps{part}.so.*", "IPP_FOLDER")
        self._images = foreign.load(f"libippi{part}.so.*", "IPP_FOLDER")
        self.version = f"{_version(self._signals)} {part}"
        self.makers = {"ipp-conv": self._convolve, "ipp-filter": self._filter}

    def _convolve(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        if problem.family is Family.SIGNAL:
            return self._convolve_signal(problem, values, kernel)
        if problem.channels_in > 1 or problem.border is not Border.ZERO:
            raise Unavailable("planes with zero borders only")
        return self._convolve_plane(problem, values, kernel)

    def _convolve_signal(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        [axis] = problem.axes
        code, name = TYPES[problem.element]
        size = c_int()
        foreign.require(
            self._signals.ippsConvolveGetBufferSize(axis.size, axis.taps, code, AUTOMATIC, byref(size))
        )
        x, h = arrays.copied(values), arrays.copied(kernel)
        y, buffer = arrays.empty([1, 1, axis.size + axis.taps - 1], problem.element), _buffer(size)
        function = getattr(self._signals, f"ippsConvolve_{name}")
        lengths = c_int(axis.size), c_int(axis.taps)
        arguments = (
            *(pointer(x), lengths[0], pointer(h), lengths[1]),
            *(pointer(y), c_int(AUTOMATIC), pointer(buffer)),
        )
        call = Call(function, arguments, (x, h, y, buffer))
        return Contestant(call, lambda: y[..., axis.results], prepares=False, call=call)

    def _convolve_plane(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        rows, columns = problem.axes
        code, _ = TYPES[problem.element]
        sizes, size = (Size(columns.size, rows.size), Size(columns.taps, rows.taps)), c_int()
        foreign.require(self._images.ippiConvGetBufferSize(*sizes, code, 1, FULL | AUTOMATIC, byref(size)))
        x, h = arrays.copied(values), arrays.copied(kernel[..., ::-1, ::-1])
        y = arrays.empty([1, 1, *(axis.size + axis.taps - 1 for axis in problem.axes)])
        buffer = _buffer(size)
        arguments = (
            *(pointer(x), c_int(x.strides[2]), sizes[0]),
            *(pointer(h), c_int(h.strides[2]), sizes[1]),
            *(pointer(y), c_int(y.strides[2]), c_int(FULL | AUTOMATIC), pointer(buffer)),
        )
        call = Call(self._images.ippiConv_32f_C1R, arguments, (x, h, y, buffer))
        return Contestant(call, lambda: y[..., rows.results, columns.results], prepares=False)

    def _filter(self, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        require_few_products(problem, 20_000_000_000)
        library, channels = self._images, problem.channels_in
        rows, columns = problem.axes
        code, _ = TYPES[problem.element]
        taps, whole = Size(columns.taps, rows.taps), Size(columns.size, rows.size)
        of_state, of_buffer = c_int(), c_int()
        foreign.require(
            library.ippiFilterBorderGetSize(
                taps, whole, code, code, channels, byref(of_state), byref(of_buffer)
            )
        )
        state, buffer, h = _buffer(of_state), _buffer(of_buffer), arrays.copied(kernel[0, 0])
        foreign.require(
            library.ippiFilterBorderInit_32f(
                pointer(h), taps, code, channels, ROUND_TO_NEAREST, pointer(state)
            )
        )
        x, y = arrays.channels_last(values), arrays.empty([1, rows.size, columns.size, channels])
        around = (ctypes.c_float * channels)()
        arguments = (
            *(pointer(x), c_int(x.strides[1]), pointer(y), c_int(y.strides[1]), whole),
            *(c_int(BORDERS[problem.border]), around, pointer(state), pointer(buffer)),
        )
        function = getattr(library, f"ippiFilterBorder_32f_C{channels}R")
        call = Call(function, arguments, (x, y, state, buffer, around))
        return Contestant(call, lambda: arrays.channels_first(y))


def _buffer(size: c_int) -> Floats:
    return foreign.aligned_bytes(size.value)


def _has_avx512() -> bool:
    return "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def _version(library: ctypes.CDLL) -> str:
    """Of `IppLibraryVersion`, the text."""

    class Version(ctypes.Structure):
        _fields_ = (
            ("numbers", c_int * 4),
            ("target", ctypes.c_char * 4),
            ("texts", ctypes.c_char_p * 3),
        )

    library.ippsGetLibVersion.restype = ctypes.POINTER(Version)
    return library.ippsGetLibVersion().contents.texts[1].decode()
