"""ONNX Runtime: a model of one node whose weights are a constant, so that they are packed when it is loaded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from comparison import arrays
from comparison.arrays import Floats
from comparison.contestant import Contestant, Maker, Unavailable
from comparison.problem import Problem

try:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise Unavailable(str(error)) from None

# Understood by every version of the last years.
OPERATOR_SET = 17
FORMAT_VERSION = 9


class OnnxRuntime:
    """Contestants `ort` (whole calls) and `ort-node` (the convolution alone, as the profiler of the library sees it)."""

    makers: Mapping[str, Maker]

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.version = onnxruntime.__version__
        self.makers = {"ort": partial(self._prepare, False), "ort-node": partial(self._prepare, True)}

    def _prepare(self, is_profiled: bool, problem: Problem, values: Floats, kernel: Floats) -> Contestant:
        folder = tempfile.TemporaryDirectory(prefix="convolve-compare-")
        options = self._options(is_profiled, Path(folder.name))
        session = onnxruntime.InferenceSession(_model(problem, kernel), options, ["CPUExecutionProvider"])
        x, y = arrays.copied(values), arrays.empty(problem.output_shape)
        binding = session.io_binding()
        binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
        binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)

        def run(_: Floats = x) -> None:
            session.run_with_iobinding(binding)

        contestant = Contestant(run, lambda: y, close=folder.cleanup)
        if is_profiled:
            contestant.own_seconds = lambda: _node_seconds(session.end_profiling())
        return contestant

    def _options(self, is_profiled: bool, folder: Path) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.enable_profiling, options.profile_file_prefix = is_profiled, str(folder / "profile")
        return options


def _model(problem: Problem, kernel: Floats) -> bytes:
    axes = problem.axes
    node = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        kernel_shape=[axis.taps for axis in axes],
        strides=[axis.stride for axis in axes],
        dilations=[axis.dilation for axis in axes],
        pads=[axis.before for axis in axes] + [axis.after for axis in axes],
        group=problem.groups,
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, problem.input_shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, problem.output_shape)
    graph = helper.make_graph([node], "convolution", [x], [y], [numpy_helper.from_array(kernel, "w")])
    operators = [helper.make_opsetid("", OPERATOR_SET)]
    model = helper.make_model(graph, opset_imports=operators, ir_version=FORMAT_VERSION)
    return bytes(model.SerializeToString())


def _node_seconds(profile: str) -> list[float]:
    """Of the convolution in every run, without the changes of layout around it. The profiler counts whole
    microseconds, rounded down."""
    events = json.loads(Path(profile).read_text(encoding="utf-8"))
    return [event["dur"] * 1e-6 for event in events if _is_convolution(event)]


def _is_convolution(event: Mapping[str, Any]) -> bool:
    name, operator = str(event.get("name", "")), str(event.get("args", {}).get("op_name", ""))
    return name.endswith("_kernel_time") and operator.endswith("Conv")
