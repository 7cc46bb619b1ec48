"""The command `compare`: compare groups over their seeds, or two single runs image by image."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hierapp.decoding import DECODERS
from hierapp.decoding.decoders import parse
from hierapp.errors import ConfigError, some
from hierapp.runs import Run, Store, same_data, selectors

if TYPE_CHECKING:  # needs pandas; the rest of the command line starts without it
    from hierapp.analysis.groups import Group

DONE = 0
FORMS = {
    "latex": "the usual metrics, and that of --metric, as a LaTeX table",
    "markdown": "the same as a Markdown table",
    "csv": "all metrics as CSV",
    "bibtex": "BibTeX of the losses",
    "methods": "a paragraph on seeds, versions and tests",
}


def add(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to the parser; `command` creates it like all others."""
    made = command(commands, "compare", compare_runs, with_json=True)
    made.add_argument("runs", nargs="+", metavar="RUN", help=f"finished runs of two or more groups: {selectors.HELP}")
    made.add_argument("--metric", default="accuracy", help="metric of the test set, as named by `show RUN --json`")
    made.add_argument(
        "--decoder",
        metavar="RULE[:OPTION=VALUE]",
        help="evaluate the stored outputs with this decoder, such as hf-beta:beta=2: one of " + ", ".join(DECODERS),
    )
    pairs = made.add_mutually_exclusive_group()
    pairs.add_argument("--paired", action="store_true", default=None, help="require pairs of runs with the same seed")
    pairs.add_argument(
        "--unpaired",
        action="store_false",
        default=None,
        dest="paired",
        help="do not pair runs; by default runs are paired if the seeds match",
    )
    made.add_argument("--baseline", metavar="RUN", help="compare with the group of this run only")
    made.add_argument(
        "--images",
        action="store_true",
        help="compare two single runs by their test images: McNemar's test, and ten folds of the test set",
    )
    made.add_argument("--as", dest="form", choices=FORMS, help="print it for a paper: " + ", ".join(FORMS.values()))
    made.add_argument("--relevant", type=float, metavar="X", help="smallest relevant difference")


def compare_runs(options: argparse.Namespace) -> int:
    from hierapp import stats
    from hierapp.analysis import comparison, groups as grouping, stored_outputs

    runs = _finished(options.runs)
    if options.images:
        return _by_images(runs, options)
    groups = grouping.groups(runs)
    if options.form:
        print(_for_paper(options.form, groups, options.metric), end="")
        return DONE
    family = stats.compare_all(
        _values(groups, options.metric, options.decoder),
        baseline=_baseline(groups, options.baseline),
        paired=options.paired,
        relevant=options.relevant,
        largest=comparison.largest_difference(options.metric),
    )
    by_label = {group.label: group for group in groups}
    remarks = [grouping.remark(by_label[each.first], by_label[each.second]) for each in family.comparisons]
    if options.json:
        shown = family.as_dict()
        for each, remark in zip(shown["comparisons"], remarks, strict=True):
            each["same_loss"] = remark
        by_seed = {group.label: {str(seed): run.id for seed, run in group.runs.items()} for group in groups}
        print(json.dumps({"metric": options.metric, "decoder": options.decoder, "runs": by_seed, **shown}))
        return DONE
    of_pixels = options.decoder and stored_outputs.has_pixels(groups[0].run)
    part = f"at most {stored_outputs.MOST_PIXELS:,} pixels drawn from the test part" if of_pixels else "the test part"
    print(f"{options.metric} of {part}{f', decoded by {options.decoder}' if options.decoder else ''}\n")
    _print(family, groups)
    for each, remark in zip(family.comparisons, remarks, strict=True):
        print(f"\n{each.first} against {each.second}: {each.sentence}{f' {remark}' if remark else ''}")
    return DONE


def _values(groups: Sequence[Group], metric: str, decoder: str | None) -> dict[str, dict[int, float]]:
    """Return each group's values by seed: of the run's own evaluation, or of its outputs with another decoder."""
    from hierapp.analysis import groups as grouping, reevaluation, stored_outputs

    if decoder is None:
        return grouping.values(groups, metric)
    spec, given = parse(decoder)

    def value(run: Run) -> float:
        found = reevaluation.reevaluate(stored_outputs.of(run), run.tree, spec.name, **given)
        numbers = [name for name, each in found.items() if isinstance(each, float)]
        if metric not in numbers:
            raise ConfigError(f"The decoder {spec.name} has no metric {metric!r}; choose one of {some(numbers, 20)}.")
        return float(found[metric])

    return {group.label: {seed: value(run) for seed, run in group.runs.items()} for group in groups}


def _for_paper(form: str, groups: Sequence[Group], metric: str) -> str:
    """Return the groups in one of the forms of `FORMS`."""
    from hierapp.analysis import comparison
    from hierapp.export import bibliography, paper

    if form == "bibtex":
        return bibliography.bibtex(group.run.config.loss for group in groups if not group.run.is_imported)
    if form == "methods":
        return paper.methods(groups, comparison.title(metric))
    if form == "csv":
        return paper.csv(comparison.table(groups))
    frame = comparison.short_table(groups, metric)
    return paper.latex(frame, paper.CAPTION) if form == "latex" else paper.markdown(frame)


def _by_images(runs: Sequence[Run], options: argparse.Namespace) -> int:
    from hierapp.analysis import paired_runs
    from hierapp.cli.progress import print_frame

    if len(runs) != 2:
        raise ConfigError(f"--images compares two runs but got {len(runs)}; give two.")
    given = (options.metric, options.decoder, options.paired, options.baseline, options.relevant)
    if given != ("accuracy", None, None, None, None):
        raise ConfigError(
            "--images compares the accuracy of two single runs; leave out --metric, --decoder, --paired, --unpaired,"
            " --baseline and --relevant, or --images."
        )
    found = paired_runs.compare_images(runs[0], runs[1])
    if options.json:
        print(json.dumps({"runs": [run.id for run in runs], **found.as_dict()}))
        return DONE
    print("two single runs on the same test images\n")
    print_frame(found.counts().rename_axis("images").reset_index())
    print(f"\n{found.mcnemar.sentence}\n")
    print_frame(found.by_fold().rename_axis("accuracy").reset_index())
    print(f"\n{found.folds.sentence}")
    return DONE


def _finished(words: Sequence[str]) -> list[Run]:
    """Return the runs; raise an error if one is not finished or if they have several data sets."""
    store = Store()
    runs = [store.run(run) for run in selectors.chosen(store, words)]
    for run in runs:
        if run.state != "finished":
            raise ConfigError(f"Run {run.id} is {run.state}; only finished runs can be compared: leave it out.")
    data = sorted({run.config.data for run in runs})
    if len(data) > 1:
        raise ConfigError(f"The runs are of the data sets {some(data)}; compare runs of one.")
    contents = same_data.by_content(runs)
    if len(contents) > 1:
        raise ConfigError(
            f"The runs {contents[0][0].id} and {contents[1][0].id} are of different data: other content has been"
            f" imported under the name {data[0]!r} between them; compare runs of one content."
        )
    return runs


def _baseline(groups: Sequence[Group], run: str | None) -> str | None:
    if run is None:
        return None
    for group in groups:
        if any(run == each.id for each in (*group.runs.values(), *group.repeated)):
            return group.label
    raise ConfigError(f"The baseline, run {run}, is not one of the runs to compare; add it to them.")


def _print(family: Any, groups: Sequence[Group]) -> None:
    import pandas as pd

    from hierapp.cli.progress import print_frame

    rows = [
        {"group": name, "n": sample.n, "mean": sample.mean, "deviation": sample.deviation, "median": sample.median}
        for name, sample in family.samples.items()
    ]
    print_frame(pd.DataFrame(rows).astype({"deviation": float}))
    for group in groups:
        for run in group.repeated:
            print(f"run {run.id} is left out: run {group.runs[run.config.seed].id} has the same group and seed")
