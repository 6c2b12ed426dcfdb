"""Who takes part, and how their libraries are loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from comparison.arguments import Arguments
from comparison.contestant import Library, Maker, Unavailable
from comparison.ours import Convolve, build
from comparison.results import BASELINE, OURS

#: What oneDNN calls the instruction sets of this crate. The other peers cannot be held back.
BEST_ISA = "avx512"
ONEDNN_ISA = {BEST_ISA: "AVX512_CORE", "avx2": "AVX2", "portable": "SSE41"}


@dataclass
class Roster:
    """Who can take part, in the order of the tables, and why others cannot."""

    makers: dict[str, Maker] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def assemble(arguments: Arguments) -> Roster:
    roster = Roster()
    options = f" strategy={arguments.strategy}" if arguments.strategy else ""
    options += f" isa={arguments.isa}" if arguments.isa else ""
    path = arguments.library or build()
    roster.makers |= Convolve(path, arguments.threads, options, OURS).makers
    if arguments.baseline:
        roster.makers |= Convolve(arguments.baseline, arguments.threads, options, BASELINE).makers
    libraries = {"oneDNN": "onednn", "ONNX Runtime": "ort", "PyTorch": "torch"}
    for title, prefix in libraries.items():
        wanted = [name for name in arguments.peers if name.split("-")[0] == prefix]
        try:
            if wanted:
                _enter(roster, title, wanted, arguments)
        except Unavailable as reason:
            roster.absent[title] = str(reason)
    return roster


def _enter(roster: Roster, title: str, wanted: list[str], arguments: Arguments) -> None:
    library = _load(title, arguments)
    makers: Mapping[str, Maker] = library.makers
    roster.versions[title] = library.version
    roster.makers |= {name: makers[name] for name in wanted}


def _load(title: str, arguments: Arguments) -> Library:
    """Imports are made here, for a library that is not installed must not keep the others from taking part."""
    if title == "oneDNN":
        from comparison.onednn import OneDnn

        if arguments.isa:
            os.environ["ONEDNN_MAX_CPU_ISA"] = _onednn_isa(arguments.isa)
        return OneDnn()
    if arguments.isa not in (None, BEST_ISA):
        raise Unavailable(f"cannot be held back to {arguments.isa}")
    if title == "PyTorch":
        from comparison.pytorch import PyTorch

        return PyTorch(arguments.threads)
    from comparison.onnx_runtime import OnnxRuntime

    return OnnxRuntime(arguments.threads)


def _onednn_isa(name: str) -> str:
    if name not in ONEDNN_ISA:
        raise Unavailable(f"oneDNN has no instruction set like {name}")
    return ONEDNN_ISA[name]
