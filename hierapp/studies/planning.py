"""Turn a study into configurations: the tuning runs, and the test runs with the chosen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hierapp.studies.spec import Study, StudyGroup
from hierapp.training import RunConfig
from hierapp.trees import LabelTree, generators


@dataclass(frozen=True)
class StudyRun:
    """One run of a study.

    Attributes:
        group: what is trained.
        config, tree: the run.
        permutation: the number of the permuted tree; None for the tree itself.
        values: the values of the tuned fields.
    """

    group: StudyGroup
    config: RunConfig
    tree: LabelTree
    permutation: int | None
    values: Mapping[str, Any]


def candidates(study: Study) -> list[dict[str, Any]]:
    """Return the combinations of values that are tried for each group, at least an empty one.

    >>> study = Study.model_validate(
    ...     {"name": "a", "title": "", "question": "", "data": "digits", "tree": "digits", "seeds": 2}
    ...     | {"groups": [{"name": "plain", "loss": "cross-entropy"}], "tuning": {"learning_rate": [0.001, 0.01]}}
    ... )
    >>> candidates(study)
    [{'learning_rate': 0.001}, {'learning_rate': 0.01}]
    """
    return [dict(zip(study.tuning, values, strict=True)) for values in product(*study.tuning.values())]


def tuning_runs(study: Study) -> list[StudyRun]:
    """Return the tuning runs, in the order of seed, values and group; none if nothing is tuned.

    A group with permuted trees is tuned with the first of them.

    Raises:
        DatasetError: if the data set is unknown.
        ConfigError, TreeError: if a group cannot be trained.
    """
    if not study.tuning:
        return []
    trees = _Trees(study)
    return [
        _run(study, trees, group, 0 if group.permutations else None, seed, values)
        for seed in study.tuning_seeds
        for values in candidates(study)
        for group in study.groups
    ]


def test_runs(study: Study, chosen: Mapping[str, Mapping[str, Any]]) -> list[StudyRun]:
    """Return the test runs of the groups with chosen values, in the order of the seeds; errors as `tuning_runs`."""
    trees = _Trees(study)
    return [
        _run(study, trees, group, permutation, seed, chosen[group.name])
        for seed in range(study.seeds)
        for group in study.groups
        if group.name in chosen
        for permutation in (range(group.permutations) if group.permutations else (None,))
    ]


class _Trees:
    """The trees of a study by group and permutation, each made once."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.made: dict[str, LabelTree] = {}

    def of(self, group: StudyGroup, permutation: int | None) -> tuple[str, LabelTree]:
        """Return a tree with its name."""
        base = group.tree or self.study.tree
        name = base if permutation is None else f"{base}-permuted-{permutation}"
        if name not in self.made:
            tree = self.study.load_tree(base)
            self.made[name] = tree if permutation is None else generators.permuted(tree, permutation)
        return name, self.made[name]


def _run(
    study: Study, trees: _Trees, group: StudyGroup, permutation: int | None, seed: int, values: Mapping[str, Any]
) -> StudyRun:
    name, tree = trees.of(group, permutation)
    fields: Sequence[Mapping[str, Any]] = (study.training, group.training, values)
    config = RunConfig.make(
        **{key: value for each in fields for key, value in each.items()},
        data=study.data,
        tree=name,
        loss=group.loss,
        options=group.options,
        seed=seed,
    )
    return StudyRun(group, config, tree, permutation, dict(values))
