"""A home of its own, a small study of the digits, and nothing that starts processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hierapp.execution import scheduler
from hierapp.runs import Store
from hierapp.studies import spec
from hierapp.studies.rows import Row
from hierapp.studies.spec import Study

CONTENT: dict[str, Any] = {
    "name": "tiny",
    "title": "A tiny study",
    "question": "Is it small?",
    "data": "digits",
    "tree": "digits",
    "seeds": 12,
    "training": {"epochs": 3},
    "tuning": {"learning_rate": (1e-3, 1e-2)},
    "tuning_seeds": (1000,),
    "groups": (
        {"name": "plain", "loss": "cross-entropy"},
        {"name": "hxe", "loss": "hxe", "options": {"alpha": 0.5}},
        {"name": "hxe, permuted", "loss": "hxe", "options": {"alpha": 0.5}, "permutations": 2},
    ),
    "comparisons": (
        {"first": "*", "second": "plain"},
        {"first": "hxe", "second": "hxe, permuted", "hypothesis": "tree", "endpoints": ("accuracy",)},
    ),
}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HIERAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("HIERAPP_SLOTS", raising=False)
    monkeypatch.setattr(scheduler, "ensure_scheduler", lambda store: None)
    return Store()


def study(**changes: Any) -> Study:
    """The small study, with other values."""
    return spec.parse({**CONTENT, **changes}, "tiny")


def rows_of(of: Study, means: dict[str, float], noise: float = 0.001, seeds: int | None = None) -> list[Row]:
    """Made-up rows: each group has its mean accuracy and a distance of 1 minus it; both decoders say the same."""
    made: list[Row] = []
    for place, group in enumerate(of.groups):
        generator = np.random.default_rng(place)
        for seed in range(of.seeds if seeds is None else seeds):
            for permutation in range(group.permutations) if group.permutations else (None,):
                accuracy = means[group.name] + seed / 100 + float(generator.normal()) * noise
                for decoder in of.tested:
                    made.append(
                        {"group": group.name, "loss": group.loss, "seed": seed, "permutation": permutation}
                        | {"learning_rate": 1e-3, "epoch": 3, "train_part": 100, "decoder": decoder}
                        | {"accuracy": accuracy, "mean_distance": 1 - accuracy, "log_loss": 1.0}
                    )
    return made
