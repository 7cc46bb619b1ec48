"""Statistical comparison of runs: tests, effect sizes, intervals, and their meaning in plain words.

    from hierapp.stats import compare, compare_all

`docs/statistics.md` has the formulas, their sources, and what each can and cannot show. scipy is imported only inside
functions, so that pages open quickly.

>>> result = compare([0.71, 0.72, 0.73, 0.74], [0.66, 0.67, 0.68, 0.69], names=("hierarchical", "cross-entropy"))
>>> round(result.mann_whitney.p, 4), result.cliffs_delta.value, result.is_significant
(0.0286, 1.0, True)
"""

from hierapp.stats.effect_sizes import Effect, Interval, cliffs_delta, mean_difference, rank_biserial
from hierapp.stats.equivalence import Equivalence, equivalence
from hierapp.stats.families import Family, compare_all, holm
from hierapp.stats.images import McNemar, mcnemar, test_folds
from hierapp.stats.pairwise import Comparison, compare
from hierapp.stats.power import best_possible_p, seeds_needed, seeds_to_reach
from hierapp.stats.rank_tests import RankTest, mann_whitney, wilcoxon
from hierapp.stats.samples import Replicates, Sample, Values

Figures = Values  # name in version 0.1.0

__all__ = [
    "Comparison",
    "Effect",
    "Equivalence",
    "Family",
    "Figures",
    "Interval",
    "McNemar",
    "RankTest",
    "Replicates",
    "Sample",
    "Values",
    "best_possible_p",
    "cliffs_delta",
    "compare",
    "compare_all",
    "equivalence",
    "holm",
    "mann_whitney",
    "mcnemar",
    "mean_difference",
    "rank_biserial",
    "seeds_needed",
    "seeds_to_reach",
    "test_folds",
    "wilcoxon",
]
