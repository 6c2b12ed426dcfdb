"""Who takes part, and how their libraries are loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from comparison.arguments import PEERS, Arguments, Peer
from comparison.contestant import Library, Maker, Unavailable
from comparison.ours import Convolve, build
from comparison.problem import Family
from comparison.results import BASELINE, OURS

#: What oneDNN and MKL call the instruction sets of this crate.
BEST_ISA = "avx512"
ONEDNN_ISA = {BEST_ISA: "AVX512_CORE", "avx2": "AVX2", "portable": "SSE41"}


MKL_ISA = {BEST_ISA: "AVX512", "avx2": "AVX2", "portable": "SSE4_2"}
#: Libraries that can be held back to an instruction set.
HELD_BACK = ("oneDNN", "IPP", "MKL")


@dataclass
class Roster:
    """Who can take part in which family, in the order of the tables, and why others cannot."""

    makers: dict[Family, dict[str, Maker]] = field(default_factory=lambda: {family: {} for family in Family})
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    #: Calls a function of any library many times.
    repeat: Any = None

    def enter(self, family: Family, makers: Mapping[str, Maker]) -> None:
        self.makers[family] |= makers


def assemble(arguments: Arguments, families: Collection[Family]) -> Roster:
    """Loads the libraries that take part in one of the families."""
    roster = Roster()
    options = f" strategy={arguments.strategy}" if arguments.strategy else ""
    options += f" isa={arguments.isa}" if arguments.isa else ""
    builds = {OURS: arguments.library or build()} | (
        {BASELINE: arguments.baseline} if arguments.baseline else {}
    )
    for prefix, path in builds.items():
        crate = Convolve(path, arguments.threads, options, prefix)
        if prefix == OURS:
            roster.repeat = crate.repeat
        for family, makers in crate.makers.items():
            roster.enter(family, makers)
    for title in dict.fromkeys(peer.library for peer in PEERS.values()):
        wanted = {name: PEERS[name] for name in arguments.peers if PEERS[name].library == title}
        wanted = {name: peer for name, peer in wanted.items() if set(peer.families) & set(families)}
        try:
            if wanted:
                _enter(roster, title, wanted, arguments)
        except Unavailable as reason:
            roster.absent[title] = str(reason)
    return roster


def _enter(roster: Roster, title: str, wanted: Mapping[str, Peer], arguments: Arguments) -> None:
    if arguments.isa not in (None, BEST_ISA) and title not in HELD_BACK:
        raise Unavailable(f"cannot be held back to {arguments.isa}")
    library = _load(title, arguments)
    roster.versions[title] = library.version
    for name, peer in wanted.items():
        for family in peer.families:
            roster.enter(family, {name: library.makers[name]})


def _load(title: str, arguments: Arguments) -> Library:
    """Imports are made here, for a library that is not installed must not keep the others from taking part."""
    if title == "oneDNN":
        _hold_back("ONEDNN_MAX_CPU_ISA", ONEDNN_ISA, arguments.isa)
        return _class("onednn", "OneDnn")()
    if title == "MKL":
        _hold_back("MKL_ENABLE_INSTRUCTIONS", MKL_ISA, arguments.isa)
        return _class("mkl", "Mkl")()
    if title == "IPP":
        return _class("ipp", "Ipp")(arguments.isa)
    if title == "NumPy":
        return _class("numpy_peer", "NumPy")()
    modules = {
        "ONNX Runtime": ("onnx_runtime", "OnnxRuntime"),
        "PyTorch": ("pytorch", "PyTorch"),
        "ducc0": ("ducc", "Ducc"),
        "OpenCV": ("opencv", "OpenCv"),
        "SciPy": ("scipy_peer", "SciPy"),
    }
    return _class(*modules[title])(arguments.threads)


def _class(module: str, name: str) -> Callable[..., Library]:
    found: Callable[..., Library] = getattr(import_module(f"comparison.{module}"), name)
    return found


def _hold_back(variable: str, names: Mapping[str, str], isa: str | None) -> None:
    """By a variable that the library reads when it is loaded."""
    if isa and isa not in names:
        raise Unavailable(f"it has no instruction set like {isa}")
    if isa:
        os.environ[variable] = names[isa]
