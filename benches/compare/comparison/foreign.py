"""Functions of shared libraries, called once or many times."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comparison.contestant import Call, Unavailable

#: Words of arguments that `convolve_repeat` hands over, be they parameters or not.
WORDS = 9


def load(pattern: str, variable: str) -> ctypes.CDLL:
    """A library of this environment; `variable` names another folder to look in first. Libraries that are loaded
    later may use what it exports."""
    folders = [Path(os.environ[variable])] if variable in os.environ else []
    for folder in [*folders, Path(sys.prefix) / "lib"]:
        for path in sorted(folder.glob(pattern)):
            try:
                return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                raise Unavailable(str(error)) from None
    raise Unavailable(f"no {pattern} in {sys.prefix}/lib, nor where {variable} says")


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def integers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int]:
    return (ctypes.c_int * len(values))(*values)


def require(status: int) -> None:
    if status:
        raise Unavailable(f"status {status}")


def repeated(repeat: Any, call: Call, times: int) -> Call:
    """Many calls with nothing in between, by `convolve_repeat`. Arguments are integers and pointers."""
    values = [argument.value or 0 for argument in call.arguments]
    # Beyond the arguments, zeros; ctypes cuts negative integers down to words.
    words = (ctypes.c_size_t * WORDS)(*values)
    function = ctypes.cast(call.function, ctypes.c_void_p)
    return Call(repeat, (function, words, ctypes.c_size_t(times)), (call,))


def aligned_bytes(size: int, alignment: int = 64) -> NDArray[np.uint8]:
    memory = np.empty(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + size]
