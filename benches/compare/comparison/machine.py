"""When, where and with what a comparison ran."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy

PROJECT = Path(__file__).parents[3]


def pin_to_one_core() -> str:
    """Keeps this process on the last of the cores that it may use, and says which that is."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"core {core}"


def description(cores: str, threads: int) -> dict[str, str]:
    return {
        "date": datetime.datetime.now().astimezone().isoformat(" ", "minutes"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "threads": f"{threads}, {cores}",
    }


def versions() -> dict[str, str]:
    manifest = tomllib.loads((PROJECT / "Cargo.toml").read_text(encoding="utf-8"))
    commit = _output(["git", "describe", "--always", "--dirty", "--exclude", "*"])
    found = {
        "convolve": f"{manifest['package']['version']} {commit}".strip(),
        "rustc": _output(["rustc", "--version"]).removeprefix("rustc "),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }
    return {name: version for name, version in found.items() if version}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    numbers = [f"{key} {values[key]}" for key in ("cpu family", "model", "stepping") if key in values]
    return ", ".join([values.get("model name", platform.processor() or "unknown"), *numbers])


def _output(command: list[str]) -> str:
    """Of a command in the project; empty if it fails."""
    try:
        done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
