"""Parts of the HTML report that the Compare page has as views: severity of mistakes, and other decoders."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hierapp.analysis import comparison, groups as grouping, reevaluation, stored_outputs
from hierapp.analysis.reevaluation import LEAF_METRICS, NODE_METRICS
from hierapp.decoding import DECODERS
from hierapp.errors import HierappError
from hierapp.export.html_page import Page
from hierapp.plots import comparison as plots, outputs as output_plots
from hierapp.runs import Run
from hierapp.stats import Sample
from hierapp.trees.distances import mean_distance

MOST_DECODED = 40  # runs; with more, the first of each group
RANDOM = "uniformly random mistakes"


def severity(page: Page, alike: Sequence[Run]) -> None:
    """Add how severe the mistakes are, of runs on one data set and tree; nothing if no run has finished."""
    groups, tree = grouping.groups(alike), alike[0].tree
    found = {label: each for label, each in comparison.points(groups, "accuracy", "severity").items() if each}
    if not found:
        return
    colors = plots.colors_of([group.label for group in groups])
    page.heading(f"Severity of mistakes, tree {alike[0].config.tree}")
    page.text(
        "Severity is the mean distance (lca-depth) of the mistakes only: a worse network with more mild mistakes has a"
        " lower severity, so read it together with accuracy. A dot is a run, a diamond the mean of a group."
    )
    plot = plots.severity_plot(found, colors, mean_distance(tree))
    page.plot(plot, "Severity over accuracy of each run, test images; down and to the right is better.")
    shares = comparison.height_shares(groups)
    if shares:
        plot = plots.heights_plot(shares | {RANDOM: comparison.random_heights(tree)})
        page.plot(plot, "Mistakes by the height of the lowest common ancestor; height 1 is between siblings.")


def decoders(page: Page, alike: Sequence[Run]) -> None:
    """Add the same networks under every decoder, of runs on one data set and tree; nothing without stored outputs."""
    tree = alike[0].tree
    groups = [group for group in grouping.groups(alike) if all(map(stored_outputs.has, group.runs.values()))]
    if not groups:
        return
    chosen = {group.label: list(group.runs.values()) for group in groups}
    is_all = sum(map(len, chosen.values())) <= MOST_DECODED
    if not is_all:
        chosen = {label: runs[:1] for label, runs in chosen.items()}
    page.heading(f"Decoders, tree {alike[0].config.tree}")
    of = (
        f"at most {stored_outputs.MOST_PIXELS:,} drawn pixels" if stored_outputs.has_pixels(groups[0].run) else "images"
    )
    page.text(
        f"The same networks and test {of}; each decoder has its default options."
        f" {'Mean and sample standard deviation over the seeds.' if is_all else 'One run of each group.'}"
    )
    try:
        outputs = {run.id: stored_outputs.sample(stored_outputs.of(run)) for runs in chosen.values() for run in runs}
    except HierappError as error:  # a file is broken; the rest of the report is not
        page.text(str(error))
        return
    used, total = (len(next(iter(outputs.values())).target), (groups[0].run.test or {}).get("samples", 0))
    if used < total and not stored_outputs.has_pixels(groups[0].run):
        page.text(f"Of {used:,} of the {total:,} test rows, drawn at random, the same for all runs.")
    for only_leaves in (True, False):
        rules = [rule for rule, spec in DECODERS.items() if spec.leaves_only == only_leaves]
        titles = {name: comparison.title(name) for name in LEAF_METRICS} if only_leaves else NODE_METRICS
        page.heading("Decoders that predict classes" if only_leaves else "Decoders that predict inner nodes, too", 3)
        rows: list[dict[str, object]] = []
        for rule in rules:
            for label, runs in chosen.items():
                found = [reevaluation.reevaluate(outputs[run.id], tree, rule) for run in runs]
                said = {
                    title: comparison.words(Sample.of([one[name] for one in found])) for name, title in titles.items()
                }
                rows.append({"decoder": rule, "group": label, "n": len(runs), **said})
        page.table(pd.DataFrame(rows))
    curves = {
        label: reevaluation.mean_operating([reevaluation.operating(outputs[run.id], tree) for run in runs])
        for label, runs in chosen.items()
    }
    plot = output_plots.operating_plot(curves, plots.colors_of(list(curves)))
    page.plot(plot, "The decoder climb at every threshold: correct predictions over their mean depth.")
    if tree.depth.max() > 2:
        levels = {label: [reevaluation.levels(outputs[run.id], tree) for run in runs] for label, runs in chosen.items()}
        plot = output_plots.levels_plot(levels, plots.colors_of(list(levels)))
        page.plot(plot, "Metrics of the most likely node of each level, from the top of the tree to the classes.")
