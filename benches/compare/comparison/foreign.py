"""Functions of shared libraries, and what a call of one costs by itself."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comparison.contestant import Unavailable

#: Reads one number and returns it. What else it is handed stays unread, for in C the caller clears arguments away.
NOTHING = ctypes.CDLL(None).labs


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


def call(function: Callable[..., int], arguments: tuple[Any, ...], *kept: object) -> Callable[[], None]:
    """Calls a function that returns 0 if it succeeds. Holds on to what the arguments point to."""

    def run(_: object = kept) -> None:
        if status := function(*arguments):
            raise RuntimeError(f"status {status}")

    return run


def require(status: int) -> None:
    if status:
        raise Unavailable(f"status {status}")


def empty(arguments: tuple[Any, ...]) -> Callable[[], None]:
    """The same without its work; where there was no foreign call, the call of a function of Python."""

    def run() -> None:
        NOTHING(*arguments)

    return run if arguments else lambda: None


def aligned_bytes(size: int, alignment: int = 64) -> NDArray[np.uint8]:
    memory = np.empty(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + size]
