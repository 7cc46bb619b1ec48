"""The runs that are added to a comparison on the Runs page."""

from hierapp.analysis.outcome import outcome
from pages.runs.outcome import more_seeds
from tests.finished_runs import add_finished


def test_groups_get_the_seeds_that_they_lack_and_no_others(store):
    for loss, seeds in (("cross-entropy", range(7)), ("hierarchical", (0, 2, 3))):
        for seed in seeds:
            add_finished(store, loss, seed, with_outputs=False)
    more = more_seeds(outcome(store.runs()).groups)
    assert [(config.loss, config.seed) for config in more] == [("hierarchical", 1), ("hierarchical", 4)]
