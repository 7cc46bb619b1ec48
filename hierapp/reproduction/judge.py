"""Apply its rules to each figure's evidence: one verdict per claim, a table, a plot. Pure: no store, no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hierapp.reproduction import rules, shapes
from hierapp.reproduction.evidence import Evidence
from hierapp.reproduction.figures import (
    ADVERSARIAL,
    BINARY,
    CNN6_FLAT,
    CNN6_TREE,
    CONSTANT,
    CONVEX,
    CROSS_ENTROPY,
    HIERARCHICAL,
    HIGH_RATE,
    LOW_RATE,
    REGULARIZED,
    SGD,
    SGD_TUNED,
    SOFT,
    WIDE,
)
from hierapp.reproduction.presets import Figure
from hierapp.reproduction.results import Judged, Plot, Result
from hierapp.reproduction.rules import Verdict
from hierapp.utils.text import pluralize

ALPHA = 0.05
CARS, CATS = ("automobile", "truck", 100), ("cat", "dog", 168)
SPEED_UP = 198.0
H = HIERARCHICAL.name


@dataclass(frozen=True)
class Found:
    """The output of a figure's function: verdicts in the order of the claims, and what is displayed with them."""

    verdicts: Sequence[Verdict]
    table: Sequence[Mapping[str, Any]]
    plot: Plot = field(default_factory=Plot)
    notes: Sequence[str] = ()


def judge(figure: Figure, evidence: Evidence) -> Result:
    """Return a figure's result.

    Every group of the figure must have a finished run; see `missing`.
    """
    found = JUDGES[figure.id](evidence)
    claims = [
        Judged(claim=claim.text, rule=claim.rule, verdict=verdict.kind, sentence=verdict.sentence)
        for claim, verdict in zip(figure.claims, found.verdicts, strict=True)
    ]
    return Result(
        figure=figure.id,
        claims=claims,
        table=[dict(row) for row in found.table],
        plot=found.plot,
        notes=list(found.notes),
        runs=sum(len(seeds) for seeds in evidence.test.values()),
        seconds=round(sum(value for seeds in evidence.seconds.values() for value in seeds.values()), 1),
    )


def missing(figure: Figure, evidence: Evidence) -> str | None:
    """Describe what is still missing before a figure can be judged; None if nothing is."""
    lacking = [group.name for group in figure.groups if not evidence.test.get(group.name)]
    if lacking:
        return f"no finished run of {', '.join(lacking)}"
    return "no time measurement" if "timing" in figure.needs and evidence.timing is None else None


def _losses(evidence: Evidence) -> Found:
    names = [each.name for each in (CROSS_ENTROPY, REGULARIZED, HIERARCHICAL, CONVEX)]
    tested = {name: evidence.values(name) for name in names}
    return Found(
        [rules.all_same_accuracy(tested, CROSS_ENTROPY.name)], _table(evidence, names), _curves(evidence, names)
    )


def _confusion(evidence: Evidence) -> Found:
    counts = evidence.confusion.get(H, {})
    leaves = evidence.tree.leaves
    shown = Plot()
    if counts:
        first = counts[min(counts)]
        shown = Plot(kind="matrix", what=f"seed {min(counts)}", classes=list(leaves), counts=first.tolist())
    verdicts, rows = [], []
    for true, predicted, claimed in (CARS, CATS):
        if true not in leaves or predicted not in leaves:
            verdicts.append(Verdict("cannot tell", f"This data set has no classes {true} and {predicted}."))
            continue
        if not counts:
            verdicts.append(Verdict("cannot tell", "The runs have no confusion matrix."))
            continue
        row, column = leaves.index(true), leaves.index(predicted)
        seen = {seed: float(matrix[row, column]) for seed, matrix in counts.items()}
        verdicts.append(rules.expected(seen, claimed, f"times {true} was classified as {predicted}"))
        most = [shapes.most_frequent_mistake(matrix, row) == column for matrix in counts.values()]
        rows.append(
            {
                "true": true,
                "predicted": predicted,
                "report": claimed,
                **{f"seed {seed}": int(value) for seed, value in seen.items()},
                "most frequent mistake of the class": f"with {sum(most)} of {pluralize(len(most), 'seed')}",
            }
        )
    return Found(verdicts, rows, shown)


def _networks(evidence: Evidence) -> Found:
    names = [each.name for each in (CROSS_ENTROPY, HIERARCHICAL, CNN6_FLAT, CNN6_TREE)]
    last = min(len(curve) for name in names for curve in evidence.accuracy[name].values())
    at_last = {name: {seed: curve[last - 1] for seed, curve in evidence.accuracy[name].items()} for name in names}
    rows = [
        {**row, f"validation accuracy, epoch {last}": shapes.mean_in_words(list(at_last[row["setting"]].values()))}
        for row in _table(evidence, names)
    ]
    note = f"Compared after epoch {last}, the last epoch that all four have."
    return Found([rules.all_same_accuracy(at_last)], rows, _curves(evidence, names), (note,))


def _trees(evidence: Evidence) -> Found:
    names = [H, *(each.name for each in (ADVERSARIAL, BINARY, WIDE))]
    tested = {name: evidence.values(name) for name in names}
    calm = {name: tested[name] for name in (H, BINARY.name, WIDE.name)}
    lower = rules.below(tested[ADVERSARIAL.name], tested[H], (ADVERSARIAL.name, "semantic tree"), rules.SLIGHT)
    spoken = {"semantic tree" if name == H else name: seeds for name, seeds in calm.items()}
    verdicts = [lower, rules.all_same_accuracy(spoken, "semantic tree")]
    words = {H: "semantic tree"}
    rows = _table(evidence, names, words)
    for row in rows:
        row.pop("mean distance", None)  # each tree has its own distance
    return Found(verdicts, rows, _curves(evidence, names, words))


def _soft(evidence: Evidence) -> Found:
    names, words = [H, SOFT.name], {H: "binary labels"}
    early = {
        name: {
            seed: float(np.mean(curve[: max(1, len(curve) // 5)])) for seed, curve in evidence.accuracy[name].items()
        }
        for name in names
    }
    said = (words[H], SOFT.name)
    verdicts = [
        rules.same_accuracy(evidence.values(SOFT.name), evidence.values(H), said[::-1]),
        rules.below(early[H], early[SOFT.name], said, rules.SLIGHT),
    ]
    rows = [
        {
            **row,
            "setting": words.get(row["setting"], row["setting"]),
            "validation accuracy at first": shapes.mean_in_words(list(early[row["setting"]].values())),
        }
        for row in _table(evidence, names)
    ]
    return Found(verdicts, rows, _curves(evidence, names, words))


def _rates(evidence: Evidence) -> Found:
    words = {HIGH_RATE.name: "1e-2", H: "1e-3", LOW_RATE.name: "1e-4"}
    tested = {words[name]: evidence.values(name) for name in words}
    rows = _table(evidence, list(words), words)
    return Found([rules.best("1e-3", tested)], rows, _curves(evidence, list(words), words))


def _optimizers(evidence: Evidence) -> Found:
    words = {H: "Adam, StepLR", CONSTANT.name: "Adam, constant rate"}
    words |= {each.name: each.name for each in (SGD, SGD_TUNED)}
    chance = 1 / len(evidence.tree.leaves)
    plain = rules.faster(evidence.accuracy[H], evidence.accuracy[SGD.name], ("Adam", "SGD"), chance)
    tuned = rules.faster(evidence.accuracy[H], evidence.accuracy[SGD_TUNED.name], ("Adam", SGD_TUNED.name), chance)
    stepped = rules.below(
        evidence.values(CONSTANT.name), evidence.values(H), ("the constant rate", "the rate decreased in steps")
    )
    rows = _table(evidence, list(words), words)
    note = f"For comparison, SGD at 1e-2 with Nesterov momentum 0.9: {tuned.sentence}"
    return Found([plain, stepped], rows, _curves(evidence, list(words), words), (note,))


def _smoothness(evidence: Evidence) -> Found:
    curves = evidence.classes.get(H, {})
    enough = {seed: each for seed, each in curves.items() if len(each.plain) >= shapes.FEWEST_EPOCHS}
    what = "The curves of the weighted class accuracy"
    if not enough:
        few = f"A second difference needs runs of {shapes.FEWEST_EPOCHS} epochs or more, but there are none."
        return Found([Verdict("cannot tell", few)], _table(evidence, [H]))
    plain = {seed: shapes.roughness(each.plain) for seed, each in enough.items()}
    weighted = {seed: shapes.roughness(each.weighted) for seed, each in enough.items()}
    ratios = {seed: weighted[seed] / plain[seed] for seed in enough if plain[seed]}
    level = {seed: float(each.weighted.mean() / each.plain.mean()) for seed, each in enough.items() if each.plain.any()}
    rows: list[dict[str, Any]] = [
        {"seed": seed, "roughness, class accuracy": plain[seed], "roughness, weighted": weighted[seed]}
        | {"ratio": ratios.get(seed)}
        for seed in enough
    ]
    if not ratios:
        return Found([Verdict("cannot tell", "The curves of class accuracy are straight lines.")], rows)
    relative = float(np.mean([ratios[seed] / level[seed] for seed in ratios]))
    note = (
        f"The weighted curves have {np.mean(list(level.values())):.2f} of the height of the unweighted ones: relative"
        f" to their height they are {relative:.2f} times as rough."
    )
    seed = min(enough)
    shown = shapes.class_lines(enough[seed].plain, enough[seed].weighted, evidence.tree.leaves)
    plot = Plot(kind="curves", what=f"class accuracy, validation, seed {seed}", lines=shown)
    return Found([rules.smoother(ratios, what)], rows, plot, (note,))


def _poster(evidence: Evidence) -> Found:
    from hierapp import stats

    words = {HIERARCHICAL.name: "h-CE", CROSS_ENTROPY.name: "CE", REGULARIZED.name: "r-CE"}
    tested = {word: evidence.values(name) for name, word in words.items()}
    order = rules.together(
        [
            rules.below(tested["h-CE"], tested["CE"], ("h-CE", "CE")),
            rules.below(tested["h-CE"], tested["r-CE"], ("h-CE", "r-CE")),
            rules.same_accuracy(tested["r-CE"], tested["CE"], ("r-CE", "CE")),
        ]
    )
    right = {word: evidence.right.get(name, {}) for name, word in words.items()}
    seeds = sorted(set.intersection(*(set(of_seed) for of_seed in right.values())))
    seeds = [seed for seed in seeds if min(len(right[word][seed]) for word in right) >= shapes.FOLDS]
    folds = {seed: {word: stats.test_folds(right[word][seed], shapes.FOLDS) for word in right} for seed in seeds}
    least = {seed: shapes.folds_p(folds[seed]) for seed in seeds}
    family = stats.compare_all(tested, paired=False)
    notes = [f"With seeds as replicates, which is the valid test: {each.sentence}" for each in family.comparisons]
    rows: list[dict[str, Any]] = [
        {
            "setting": word,
            **({f"folds of seed {seeds[0]}": shapes.mean_in_words(folds[seeds[0]][word])} if seeds else {}),
            "over seeds": shapes.mean_in_words(list(tested[word].values())),
            "n": len(tested[word]),
        }
        for word in words.values()
    ]
    if not seeds:
        unread = Verdict("cannot tell", "The runs' predictions on the test images are not stored for all three losses.")
        return Found([order, unread], rows, notes=notes)
    dots = {
        word: {fold: round(value, 4) for fold, value in enumerate(values, start=1)}
        for word, values in folds[seeds[0]].items()
    }
    plot = Plot(kind="dots", what=f"accuracy on a fold of the test set, seed {seeds[0]}", each="fold", dots=dots)
    return Found([order, shapes.folds_verdict(least, ALPHA)], rows, plot, notes)


def _appendix(evidence: Evidence) -> Found:
    timing = evidence.timing
    assert timing is not None
    verdict = rules.speed_up(timing.ratios, SPEED_UP)
    batches = 4 * -(-40_000 // timing.batch)
    words = {"loop": "loop over samples and nodes", "matrices": "matrix form (3)", "hierapp": "hierapp"}
    rows = [
        {
            "way": words[way],
            "milliseconds per batch": round(1e3 * timing.median(way), 3),
            f"seconds for {batches:,} batches": round(batches * timing.median(way), 2),
            "of the loop": f"1 / {timing.median('loop') / timing.median(way):,.0f}",
        }
        for way in words
    ]
    dots = {words[way]: {turn + 1: 1e3 * value for turn, value in enumerate(timing.seconds[way])} for way in words}
    plot = Plot(kind="dots", what="milliseconds per batch of 128", percent=False, each="round", log=True, dots=dots)
    note = (
        "This measures the loss alone, forward and backward, on one thread; the paper's seconds are for whole training"
        " runs, which include the network."
    )
    return Found([verdict], rows, plot, (note,))


def _table(evidence: Evidence, names: Sequence[str], words: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return one row per group: numbers of seeds and epochs; accuracy, mean distance and severity on the test part."""
    rows = []
    for name in names:
        tests = evidence.test[name]
        rows.append(
            {
                "setting": (words or {}).get(name, name),
                "n": len(tests),
                "epochs": max((len(curve) for curve in evidence.accuracy.get(name, {}).values()), default=0),
                **{
                    word: shapes.mean_in_words([test[key] for test in tests.values()])
                    for key, word in (("accuracy", "test accuracy"), ("mean_distance", "mean distance"))
                    if all(key in test for test in tests.values())
                },
            }
        )
    return rows


def _curves(evidence: Evidence, names: Sequence[str], words: Mapping[str, str] | None = None) -> Plot:
    """Return the plot of the groups' validation accuracy over the epochs."""
    lines = {(words or {}).get(name, name): shapes.line(evidence.accuracy[name]) for name in names}
    return Plot(kind="curves", what="validation accuracy", lines={name: each for name, each in lines.items() if each})


JUDGES: Mapping[str, Callable[[Evidence], Found]] = {
    "3ab": _losses,
    "3c": _confusion,
    "4": _networks,
    "56": _trees,
    "8": _soft,
    "9": _rates,
    "1011": _optimizers,
    "12": _smoothness,
    "poster": _poster,
    "appendix-a": _appendix,
}
