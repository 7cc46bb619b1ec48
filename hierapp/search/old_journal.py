"""The journals of searches of version 0.1.0, `book.jsonl`, converted to Optuna's format when they are first read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hierapp.search import sampler, storage, trials
from hierapp.search.journal import Entry, Journal, direction

if TYPE_CHECKING:
    from hierapp.search.journal import Search

BOOK = "book.jsonl"


def converted(search: Search) -> storage.MemoryJournal:
    """Return the journal of a search as operations of Optuna; empty if there was none. `book.jsonl` stays.

    Raises:
        OSError: if it cannot be read.
    """
    import optuna

    journal = read(search)
    made = storage.MemoryJournal()
    study = optuna.create_study(
        storage=storage.in_memory(made), study_name=search.name, direction=direction(search.plan)
    )
    distributions = {each.name: sampler.distribution_of(each) for each in search.plan.dimensions}
    for entry, trial in zip(journal.entries, trials.read(search, journal), strict=True):
        notes = {"run": entry.run, "refused": entry.refused, "pruned": entry.pruned, "halted": entry.halted}
        params = {name: value for name, value in entry.params.items() if name in distributions}
        study.add_trial(
            optuna.create_trial(
                state=sampler.state_of(trial),
                values=sampler.values_of(trial),
                params=params,
                distributions={name: distributions[name] for name in params},
                intermediate_values=dict(trial.values),
                user_attrs={name: note for name, note in notes.items() if note},
            )
        )
    asked = {"stop": journal.stopping, "begun": journal.begun}
    study.set_user_attr("asked", asked)
    if journal.error:
        study.set_user_attr("error", {"text": journal.error, "asked": asked})
    if journal.importances:
        study.set_user_attr("importances", journal.importances)
    return made


def read(search: Search) -> Journal:
    """Read `book.jsonl`; lines that were cut short are left out."""
    journal = Journal()
    try:
        text = (search.folder / BOOK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return journal
    for line in text.split("\n"):
        try:
            _apply(journal, json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError):
            continue  # empty, or cut short by a crash or a full disk
    return journal


def _apply(journal: Journal, line: dict[str, Any]) -> None:
    trial = line.get("trial")
    if "ask" in line and trial == len(journal.entries):
        journal.entries.append(Entry(line["ask"]))
    elif trial is not None:
        entry = journal.entries[trial]
        for name in ("run", "refused", "pruned", "halted"):
            if name in line:
                setattr(entry, name, tuple(line[name]) if name == "pruned" else line[name])
    elif "error" in line:
        journal.error = str(line["error"])
    elif "importances" in line:
        journal.importances = {str(name): float(share) for name, share in line["importances"].items()}
    elif "stop" in line:
        journal.stopping, journal.error = bool(line["stop"]), None
        journal.begun = journal.begun if journal.stopping else float(line["at"])
