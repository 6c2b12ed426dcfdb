"""oneDNN's C interface (version 3), as far as convolutions need it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import Any

from comparison.arrays import Floats
from comparison.contestant import Unavailable

#: Names the library where it is not in the environment that runs this program.
VARIABLE = "ONEDNN_LIBRARY"

# Values of the enumerations in dnnl_types.h and dnnl_common_types.h.
CPU = 1
F32 = 3
IN_ORDER_STREAM = 1
TAG_ANY = 1
FORWARD_INFERENCE = 96
CONVOLUTION_AUTO = 3
QUERY_IMPLEMENTATION = 8
SOURCE, WEIGHTS, DESTINATION = 1, 33, 17
QUERY_DESCRIPTOR = {SOURCE: 129, WEIGHTS: 131, DESTINATION: 133}
#: In place of an address: memory that the library allocates itself.
ALLOCATE = c_void_p(-1)
STATUS = (
    "success",
    "out of memory",
    "invalid arguments",
    "unimplemented",
    "last implementation",
    "runtime error",
)

Axes = POINTER(c_int64)
Out = POINTER(c_void_p)

FUNCTIONS: dict[str, list[Any]] = {
    "dnnl_engine_create": [Out, c_int, c_size_t],
    "dnnl_set_primitive_cache_capacity": [c_int],
    "dnnl_stream_create": [Out, c_void_p, c_uint],
    "dnnl_stream_wait": [c_void_p],
    "dnnl_memory_desc_create_with_tag": [Out, c_int, Axes, c_int, c_int],
    "dnnl_memory_desc_create_with_strides": [Out, c_int, Axes, c_int, Axes],
    "dnnl_memory_desc_destroy": [c_void_p],
    "dnnl_memory_create": [Out, c_void_p, c_void_p, c_void_p],
    "dnnl_memory_destroy": [c_void_p],
    "dnnl_convolution_forward_primitive_desc_create": [
        *(Out, c_void_p, c_int, c_int),
        *(c_void_p, c_void_p, c_void_p, c_void_p),
        *(Axes, Axes, Axes, Axes, c_void_p),
    ],
    "dnnl_reorder_primitive_desc_create": [Out, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p],
    "dnnl_primitive_desc_query": [c_void_p, c_int, c_int, c_void_p],
    "dnnl_primitive_desc_destroy": [c_void_p],
    "dnnl_primitive_create": [Out, c_void_p],
    "dnnl_primitive_execute": [c_void_p, c_void_p, c_int, c_void_p],
    "dnnl_primitive_destroy": [c_void_p],
}


class Version(ctypes.Structure):
    _fields_ = [("major", c_int), ("minor", c_int), ("patch", c_int), ("hash", c_char_p)]


class Argument(ctypes.Structure):
    _fields_ = [("index", c_int), ("memory", c_void_p)]


def axes(values: Sequence[int]) -> ctypes.Array[c_int64]:
    return (c_int64 * len(values))(*values)


def check(status: int) -> None:
    if status:
        name = STATUS[status] if status < len(STATUS) else str(status)
        raise Unavailable(f"oneDNN: {name}")


def locate() -> Path:
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else Path(sys.prefix) / "lib" / "libdnnl.so.3"
    if not path.exists():
        raise Unavailable(f"there is no {path}; {VARIABLE} can name another")
    return path


class OneDnnLibrary:
    """The library with one engine and one stream, which live as long as the program."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(str(locate()))
            for name, arguments in FUNCTIONS.items():
                getattr(self._library, name).argtypes = arguments
        except (OSError, AttributeError) as error:
            raise Unavailable(str(error)) from None
        self._library.dnnl_primitive_desc_query_md.restype = c_void_p
        self._library.dnnl_primitive_desc_query_md.argtypes = [c_void_p, c_int, c_int]
        self._library.dnnl_memory_desc_get_size.restype = c_size_t
        self._library.dnnl_memory_desc_get_size.argtypes = [c_void_p]
        self._library.dnnl_version.restype = POINTER(Version)
        # The cache takes descriptors for equal whose strides differ on axes of size 1 only, and may hand out a primitive
        # that was compiled for weights in another layout.
        check(self._library.dnnl_set_primitive_cache_capacity(0))
        self._engine = self._created("dnnl_engine_create", CPU, 0)
        self._stream = self._created("dnnl_stream_create", self._engine, IN_ORDER_STREAM)

    @property
    def version(self) -> str:
        version = self._library.dnnl_version().contents
        return f"{version.major}.{version.minor}.{version.patch}"

    def _created(self, function: str, *arguments: object) -> c_void_p:
        handle = c_void_p()
        check(getattr(self._library, function)(byref(handle), *arguments))
        return handle

    def scope(self) -> OneDnnScope:
        return OneDnnScope(self)


class OneDnnScope:
    """Makes objects of the library, and destroys them when it is closed."""

    def __init__(self, library: OneDnnLibrary) -> None:
        self._parent, self._library = library, library._library
        self._made = ExitStack()
        self._arrays: list[Floats] = []
        self.close = self._made.close

    def _created(self, kind: str, how: str, *arguments: object) -> c_void_p:
        handle = self._parent._created(f"dnnl_{how}", *arguments)
        self._made.callback(getattr(self._library, f"dnnl_{kind}_destroy"), handle)
        return handle

    def any_layout(self, shape: Sequence[int]) -> c_void_p:
        """A descriptor that leaves the layout to the primitive."""
        how = "memory_desc_create_with_tag"
        return self._created("memory_desc", how, len(shape), axes(shape), F32, TAG_ANY)

    def dense(self, shape: Sequence[int], order: Sequence[int]) -> c_void_p:
        """A descriptor of a dense array whose axes, from the slowest to the fastest, are `order`."""
        strides, step = [0] * len(shape), 1
        for axis in reversed(order):
            strides[axis], step = step, step * shape[axis]
        how = "memory_desc_create_with_strides"
        return self._created("memory_desc", how, len(shape), axes(shape), F32, axes(strides))

    def size(self, descriptor: c_void_p) -> int:
        """Bytes of the memory, padding of blocks included."""
        return int(self._library.dnnl_memory_desc_get_size(descriptor))

    def memory(self, descriptor: c_void_p, array: Floats | None = None) -> c_void_p:
        """On `array`, which the scope then keeps, or on memory of its own."""
        if array is not None:
            self._arrays.append(array)
        address = ALLOCATE if array is None else c_void_p(array.ctypes.data)
        return self._created("memory", "memory_create", descriptor, self._parent._engine, address)

    def convolution(
        self, source: c_void_p, weights: c_void_p, destination: c_void_p, steps: Sequence[Sequence[int]]
    ) -> c_void_p:
        """A primitive descriptor. `steps`: strides, dilations less one, padding before, padding after."""
        how = "convolution_forward_primitive_desc_create"
        modes = (self._parent._engine, FORWARD_INFERENCE, CONVOLUTION_AUTO)
        no_bias = no_attributes = None
        operands = (source, weights, no_bias, destination)
        return self._created("primitive_desc", how, *modes, *operands, *map(axes, steps), no_attributes)

    def descriptor(self, primitive: c_void_p, argument: int) -> c_void_p:
        """Of an argument of the primitive, with the layout that it has chosen. Belongs to the primitive."""
        query = QUERY_DESCRIPTOR[argument]
        return c_void_p(self._library.dnnl_primitive_desc_query_md(primitive, query, 0))

    def implementation(self, primitive: c_void_p) -> str:
        name = c_char_p()
        check(self._library.dnnl_primitive_desc_query(primitive, QUERY_IMPLEMENTATION, 0, byref(name)))
        return (name.value or b"").decode()

    def runner(self, descriptor: c_void_p, memories: dict[int, c_void_p]) -> Callable[[], None]:
        """Compiles the primitive; what is returned runs it once."""
        primitive = self._created("primitive", "primitive_create", descriptor)
        arguments = (Argument * len(memories))(
            *(Argument(index, memory.value) for index, memory in memories.items())
        )
        execute, wait, stream = (
            self._library.dnnl_primitive_execute,
            self._library.dnnl_stream_wait,
            self._parent._stream,
        )
        call = (primitive, stream, c_int(len(memories)), ctypes.cast(arguments, c_void_p))

        def run(_: object = arguments) -> None:
            check(execute(*call))
            check(wait(stream))

        return run

    def reorder(self, source: tuple[c_void_p, c_void_p], destination: tuple[c_void_p, c_void_p]) -> None:
        """Copies between layouts; both are descriptor and memory."""
        engine, no_attributes = self._parent._engine, None
        arguments = (source[0], engine, destination[0], engine, no_attributes)
        descriptor = self._created("primitive_desc", "reorder_primitive_desc_create", *arguments)
        self.runner(descriptor, {SOURCE: source[1], DESTINATION: destination[1]})()
