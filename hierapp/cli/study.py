"""The command `study`: run studies of many runs, and show what they say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierapp.errors import ConfigError, StoreError
from hierapp.execution import slots
from hierapp.runs import Store
from hierapp.utils import devices

if TYPE_CHECKING:  # needs pydantic
    from hierapp.studies.rows import Row
    from hierapp.studies.spec import Study

DONE, RUN_FAILED = 0, 1


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to the parser; `command` creates them like all others."""
    group: Any = command(commands, "study")
    parts = group.add_subparsers(required=True, metavar="COMMAND")
    command(parts, "list", list_studies, help="list the studies that ship and your own", with_json=True)
    run = _of_study(parts, command, "run", run_study, "tune and train a study, then write its CSV file")
    run.add_argument("--slots", type=int, help="number of runs at once on each device, from now on")
    run.add_argument("--output", type=Path, metavar="FILE", help="also write the CSV file here")
    run.add_argument("--detach", action="store_true", help="queue what can be queued now, print the ids and exit")
    run.add_argument("--retry-failed", action="store_true", help="train failed runs again")
    _of_study(parts, command, "status", status, "how far the runs of a study are")
    collect = _of_study(parts, command, "collect", collect_rows, "write the CSV file of the runs that are finished")
    collect.add_argument("--output", type=Path, metavar="FILE", help="the file; by default that of this machine")
    command(parts, "findings", findings, help="print what the studies that ship have shown", with_json=True)
    for name, call, help in (
        ("table", table, "print mean and deviation of each group and decoder"),
        ("verdict", verdict, "print the verdicts"),
    ):
        part = _of_study(parts, command, name, call, help)
        part.add_argument("--csv", type=Path, metavar="FILE", help="read this file, not the results here or shipped")
        part.add_argument("--sentences", action="store_true", help="print sentences") if name == "verdict" else None


def _of_study(
    parts: Any, command: Callable[..., argparse.ArgumentParser], name: str, call: Any, help: str
) -> argparse.ArgumentParser:
    made = command(parts, name, call, help=help, with_json=True)
    made.add_argument(
        "study", metavar="NAME-OR-FILE", help="a study that ships or is in HIERAPP_HOME/studies, or a .toml file"
    )
    made.add_argument("--seeds", type=int, metavar="N", help="the first N seeds only")
    return made


def _study(options: argparse.Namespace) -> Study:
    from hierapp.studies import library

    found = library.find(options.study)
    if options.seeds is None:
        return found
    if not 1 <= options.seeds <= found.seeds:
        raise ConfigError(f"Expected --seeds from 1 to {found.seeds} but got {options.seeds}.")
    return found.model_copy(update={"seeds": options.seeds})


def list_studies(options: argparse.Namespace) -> int:
    from hierapp.studies import library
    from hierapp.studies.planning import candidates

    table = []
    for study in (library.shipped() | library.own()[0]).values():
        tests = study.seeds * sum(max(1, group.permutations) for group in study.groups)
        tuned = len(candidates(study)) * len(study.tuning_seeds) * len(study.groups) if study.tuning else 0
        there = library.results_file(study)
        results = "none" if there is None else "here" if there == library.own_csv(study) else "shipped"
        table.append(
            {"study": study.name, "title": study.title, "data": study.data, "groups": len(study.groups)}
            | {"seeds": study.seeds, "runs": tests + tuned, "results": results}
        )
    return _print(table, options.json)


def run_study(options: argparse.Namespace) -> int:
    from hierapp.cli import progress as bars
    from hierapp.studies import progress

    study, store = _study(options), Store()
    if options.slots is not None:
        for kind in devices.kinds():
            slots.set_slots(store, kind, options.slots)
    retry = options.retry_failed
    while True:
        found, ids = progress.advance(store, study, retry_failed=retry)
        retry = False
        if options.detach:
            print(json.dumps(ids)) if options.json else print(*ids, sep="\n")
            return DONE
        open_runs = [run.id for _, run in found.current if run is not None and run.is_open]
        _tell(f"{study.name}, {found.stage}: {len(found.current)} runs, {len(ids)} queued now")
        if not ids and not open_runs:
            break
        bars.follow(store, [*open_runs, *ids])
    rows = _collect(store, study, options.output)
    failed = sum(run is None or run.state == "failed" for _, run in found.tests)
    _tell(f"{len(rows)} rows; {failed} test runs failed" if failed else f"{len(rows)} rows")
    return RUN_FAILED if failed or found.stage != "complete" else DONE


def status(options: argparse.Namespace) -> int:
    from hierapp.studies import progress

    found = progress.progress(Store(), _study(options))
    runs: dict[str, Any] = {"stage": found.stage, "runs": len(found.current)}
    runs |= {str(state): count for state, count in found.states.items()} | {"lacking": len(found.lacking())}
    if options.json:
        print(json.dumps(runs | {"chosen": found.chosen}))
        return DONE
    print(", ".join(f"{name} {value}" for name, value in runs.items()))
    for group, values in found.chosen.items():
        print(f"{group}: {', '.join(f'{name} {value:g}' for name, value in values.items()) or 'nothing is tuned'}")
    return DONE


def collect_rows(options: argparse.Namespace) -> int:
    rows = _collect(Store(), _study(options), options.output)
    print(json.dumps(rows)) if options.json else _tell(f"{len(rows)} rows")
    return DONE


def table(options: argparse.Namespace) -> int:
    from hierapp.studies import tables

    study = _study(options)
    return _print(tables.means(study, _rows(study, options.csv)), options.json, markdown=True)


def verdict(options: argparse.Namespace) -> int:
    from hierapp.studies import tables, verdicts

    study = _study(options)
    rows = _rows(study, options.csv)
    found = verdicts.verdicts(study, rows)
    if not found and study.comparisons:
        _tell(f"There are {len(verdicts.complete_seeds(study, rows))} complete seeds; a verdict needs 10 or more.")
    if said := verdicts.too_few_seeds(found):
        _tell(said)
    if options.json:
        print(json.dumps([each.as_dict() for each in found]))
    elif options.sentences:
        print(*(each.sentence for each in found), sep="\n")
    else:
        _print(tables.judged(found), False, markdown=True)
    return DONE


def findings(options: argparse.Namespace) -> int:
    from hierapp.studies import findings

    found = findings.supported()
    print(json.dumps(findings.as_dicts(found)) if options.json else findings.markdown(found))
    return DONE


def _collect(store: Store, study: Study, output: Path | None) -> list[Row]:
    from hierapp.studies import collect, progress, rows

    found = collect.write(study, progress.progress(store, study).tests)
    if output is not None:
        rows.write(found, output)
    return found


def _rows(study: Study, file: Path | None) -> list[Row]:
    from hierapp.studies import library, rows

    chosen = file or library.results_file(study)
    if chosen is None:
        raise StoreError(f"The study {study.name} has no results yet; run `python -m hierapp study run {study.name}`.")
    return rows.read(chosen)


def _print(table: list[dict[str, Any]], as_json: bool, markdown: bool = False) -> int:
    if as_json:
        print(json.dumps(table))
    elif markdown:
        from hierapp.studies import tables

        print(tables.markdown(table))
    else:
        import pandas as pd

        from hierapp.cli.progress import print_frame

        print_frame(pd.DataFrame(table))
    return DONE


def _tell(words: str) -> None:
    print(words, file=sys.stderr)
