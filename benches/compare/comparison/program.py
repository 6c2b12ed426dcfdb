"""Runs what the command line asks for."""

from __future__ import annotations

import sys
from pathlib import Path

from comparison import machine, markdown, problem
from comparison.arguments import Arguments
from comparison.contestant import Unavailable
from comparison.problem import Problem, ProblemError
from comparison.records import Records
from comparison.results import BEST_OF_OURS, BEST_PEER, LayerResult, ListResult
from comparison.roster import Roster, assemble
from comparison.rounds import Pace
from comparison.session import run_problem

#: Of calls of one contestant on one layer, after which it has had its share. Only slow ones come near.
MOST_SECONDS = 3.0


def run(arguments: Arguments) -> int:
    """The exit status."""
    try:
        lists = {path.stem: _chosen(path, arguments.only) for path in arguments.lists}
        if not any(lists.values()):
            raise ProblemError("no problem is left: none holds what --only asks for")
        # Before libraries are loaded, for some count the cores then.
        cores = machine.pin_to_one_core() if arguments.threads == 1 else "not pinned"
        families = {problem.family for problems in lists.values() for problem in problems}
        _compare(arguments, lists, assemble(arguments, families), cores)
    except (Unavailable, ProblemError, OSError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare.py: interrupted", file=sys.stderr)
        return 130
    return 0


def _chosen(path: Path, only: tuple[str, ...]) -> list[Problem]:
    return [layer for layer in problem.read_list(path) if any(text in layer.text for text in only)]


def _compare(arguments: Arguments, lists: dict[str, list[Problem]], roster: Roster, cores: str) -> None:
    facts: dict[str, object] = dict(machine.description(cores, arguments.threads))
    facts["versions"] = machine.versions() | roster.versions
    if roster.absent:
        facts["absent"] = roster.absent
    pace = Pace(arguments.rounds, arguments.turn, MOST_SECONDS, arguments.threads)
    records = Records(_with_suffix(arguments.out, ".jsonl"), facts)
    results: list[ListResult] = []
    try:
        for name, problems in lists.items():
            results.append(ListResult(name))
            for layer in problems:
                result = run_problem(layer, roster.makers[layer.family], pace, roster.repeat)
                results[-1].layers.append(result)
                records.add(name, result)
                print(_progress(name, result), file=sys.stderr)
    finally:
        text = markdown.document(facts, results)
        _with_suffix(arguments.out, ".md").write_text(text, encoding="utf-8")
        print(text)


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.parent / (path.name + suffix)


def _progress(list_name: str, layer: LayerResult) -> str:
    ours, peer = layer.seconds(BEST_OF_OURS), layer.seconds(BEST_PEER)
    ratio = f"best peer / ours {peer / ours:.3f}" if ours and peer else "nothing to compare"
    return f"{list_name}: {layer.problem.label}: {ratio}"
