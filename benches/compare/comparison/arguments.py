"""The command line. Imports nothing that loads a library."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from comparison.problem import Family

HERE = Path(__file__).parents[1]
LISTS = HERE / "lists"

DESCRIPTION = """\
Times the convolutions of this crate and of other libraries on lists of layers, signals and image filters.

Every contestant prepares each problem beforehand; then they take turns in one process, and only their calls are timed.
All results are compared with sums in double precision. README.md says more."""


@dataclass(frozen=True)
class Peer:
    library: str
    what: str
    families: tuple[Family, ...]


LAYERS, SIGNALS, FILTERS = (Family.LAYER,), (Family.SIGNAL,), (Family.FILTER,)
BOTH = SIGNALS + FILTERS

PEERS = {
    "onednn": Peer("oneDNN", "input and output in the layouts of its choice", LAYERS),
    "onednn-nhwc": Peer("oneDNN", "channels-last input and output", LAYERS),
    "onednn-nchw": Peer("oneDNN", "channels-first input and output", LAYERS),
    "ort": Peer("ONNX Runtime", "channels-first input and output", LAYERS),
    "ort-node": Peer("ONNX Runtime", "the convolution alone, in the layout of its choice", LAYERS),
    "torch-cl": Peer("PyTorch", "channels-last input and output", LAYERS),
    "ipp-conv": Peer("IPP", "ippsConvolve and ippiConv", BOTH),
    "ipp-filter": Peer("IPP", "ippiFilterBorder", FILTERS),
    "mkl-direct": Peer("MKL", "vslConvExec, direct", SIGNALS),
    "mkl-fft": Peer("MKL", "vslConvExec, by FFT", SIGNALS),
    "ducc-fft": Peer("ducc0", "one FFT of the whole input", BOTH),
    "ducc-os": Peer("ducc0", "FFTs of blocks that overlap", SIGNALS),
    "cv-filter2d": Peer("OpenCV", "filter2D", FILTERS),
    "cv-sepfilter2d": Peer("OpenCV", "sepFilter2D, where the kernel is separable", FILTERS),
    "cv-gaussianblur": Peer("OpenCV", "GaussianBlur, where the kernel is Gaussian", FILTERS),
    "cv-boxfilter": Peer("OpenCV", "boxFilter, where all taps are alike", FILTERS),
    "numpy": Peer("NumPy", "convolve", SIGNALS),
    "scipy": Peer("SciPy", "signal.convolve, which chooses a method", SIGNALS),
    "scipy-fft": Peer("SciPy", "signal.fftconvolve", BOTH),
    "scipy-oa": Peer("SciPy", "signal.oaconvolve", BOTH),
    "scipy-ndimage": Peer("SciPy", "ndimage.correlate", FILTERS),
    "scipy-uniform": Peer("SciPy", "ndimage.uniform_filter, where all taps are alike", FILTERS),
}


@dataclass(frozen=True)
class Arguments:
    lists: tuple[Path, ...]
    only: tuple[str, ...]
    peers: tuple[str, ...]
    threads: int
    rounds: int
    turn: float
    strategy: str | None
    isa: str | None
    library: Path | None
    baseline: Path | None
    out: Path


def read() -> Arguments:
    values = _parser().parse_args()
    values.lists = _paths(values.lists)
    values.only = tuple(values.only)
    values.peers = tuple(name for name in PEERS if name in values.peers)
    return Arguments(**vars(values))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog="peers:\n" + "\n".join(map(_line, PEERS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    names = ", ".join(sorted(path.stem for path in LISTS.glob("*.txt")))
    out = HERE / "results" / "latest"
    add("--lists", nargs="+", type=_list, default=["resnet50"], help=f"files, or `all`, or of: {names}")
    add("--only", nargs="+", default=[""], metavar="TEXT", help="problems whose string holds a text")
    add("--peers", nargs="+", choices=[*PEERS, "none"], default=[*PEERS], metavar="NAME", help="default: all")
    add("--threads", type=_count, default=1, help="for each call (default: %(default)s)")
    add("--rounds", type=_count, default=12, help="turns of each contestant (default: %(default)s)")
    add("--turn", type=_seconds, default=0.02, help="seconds of a turn (default: %(default)s)")
    add("--strategy", help="forces a strategy of this crate")
    add("--isa", help="an instruction set of this crate; holds oneDNN, IPP and MKL back too, and leaves other peers out")
    add("--library", type=Path, help="a build of library/ to time (default: built now)")
    add("--baseline", type=Path, help="another build, timed beside it as base")
    add("--out", type=Path, default=out, help="path without suffix (default: %(default)s)")
    return parser


def _line(name: str) -> str:
    peer = PEERS[name]
    families = ", ".join(f"{family.value}s" for family in peer.families)
    return f"  {name:15} {peer.library}: {peer.what} ({families})"


def _list(name: str) -> str:
    if name == "all" or (LISTS / f"{name}.txt").exists() or Path(name).exists():
        return name
    raise argparse.ArgumentTypeError(f"there is neither a file nor a list called {name}")


def _paths(names: list[str]) -> tuple[Path, ...]:
    if "all" in names:
        return tuple(sorted(LISTS.glob("*.txt")))
    ours = [LISTS / f"{name}.txt" for name in names]
    return tuple(path if path.exists() else Path(name) for name, path in zip(names, ours, strict=True))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"`{text}`, expected a positive number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 60:
        raise argparse.ArgumentTypeError(f"`{text}`, expected seconds")
    return seconds
