"""The figures of the paper: what each compared, what the paper saw, and the rule that judges it here.

A group that appears in several figures is trained once. docs/reproduce.md lists what the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping

from hierapp.errors import ConfigError
from hierapp.reproduction.presets import Claim, Figure, GroupSpec, SizeName

# Quick trains the poster's three losses with one more seed: 4 against 4 is the smallest sample for Mann-Whitney's test.
_FOUR: Mapping[SizeName, int] = {"quick": 4}
CROSS_ENTROPY = GroupSpec("cross-entropy", "cross-entropy", seeds=_FOUR)
REGULARIZED = GroupSpec("regularized-cross-entropy", "regularized-cross-entropy", seeds=_FOUR)
HIERARCHICAL = GroupSpec("hierarchical", seeds=_FOUR)
CONVEX = GroupSpec("hierarchical-convex", "hierarchical-convex")

# The larger network is many times slower: quick trains it only for as long as is practical on two cores.
_TWO: Mapping[SizeName, int] = {"quick": 2}
CNN6_FLAT = GroupSpec("cross-entropy, CNN-6", "cross-entropy", values={"model": "cnn6"}, seeds=_TWO, epochs=_TWO)
CNN6_TREE = GroupSpec("hierarchical, CNN-6", values={"model": "cnn6"}, seeds=_TWO, epochs=_TWO)

ADVERSARIAL = GroupSpec("adversarial tree", tree="adversarial")
BINARY = GroupSpec("binary tree", tree="binary")
WIDE = GroupSpec("wide tree", tree="wide")

SOFT = GroupSpec("soft labels", options={"soft": 0.1})

HIGH_RATE = GroupSpec("rate 1e-2", values={"learning_rate": 1e-2})
LOW_RATE = GroupSpec("rate 1e-4", values={"learning_rate": 1e-4})

SGD = GroupSpec("SGD", values={"optimizer": "sgd", "momentum": 0.0})
SGD_TUNED = GroupSpec("SGD, rate 1e-2, momentum", values={"optimizer": "sgd", "momentum": 0.9, "learning_rate": 1e-2})
CONSTANT = GroupSpec("constant rate", values={"schedule": "constant"})

WITHIN = (
    "Agrees if the 95 % interval of {} lies within ±2 points, differs if one is 2 points or more and its interval"
    " excludes 0."
)
START = (
    "Quick trains for 5 epochs, the paper for about 40: it shows the beginning of training, not the final differences."
)

FIGURES: tuple[Figure, ...] = (
    Figure(
        "3ab",
        ("3a", "3b"),
        "Figures 3a, 3b: losses",
        "Does the accuracy of LeNet depend on the loss?",
        "The same accuracy after convergence with every loss.",
        (CROSS_ENTROPY, REGULARIZED, HIERARCHICAL, CONVEX),
        (
            Claim(
                "All losses have the same accuracy.",
                WITHIN.format("each loss's test accuracy minus that of cross-entropy"),
            ),
        ),
        limits={"quick": START},
    ),
    Figure(
        "3c",
        ("3c",),
        "Figure 3c: confusion matrix",
        "Which classes does the hierarchical loss confuse?",
        "100 cars classified as trucks, 168 cats as dogs.",
        (HIERARCHICAL,),
        (
            Claim(
                "100 of 1,000 cars are classified as trucks.",
                "Agrees if the 95 % prediction interval for the count of another seed contains the paper's count and"
                " extends no further than half of it; differs if it does not contain it.",
            ),
            Claim("168 of 1,000 cats are classified as dogs.", "The same rule."),
        ),
        needs=frozenset({"confusion"}),
        limits={"quick": "After 5 epochs there are more mistakes of every kind than after 40."},
    ),
    Figure(
        "4",
        ("4",),
        "Figure 4: networks",
        "Does a larger network show a difference between the losses?",
        "LeNet and the larger network, which the paper calls ResNet, with cross-entropy and with the hierarchical"
        " loss: all the same after 40 epochs.",
        (CROSS_ENTROPY, HIERARCHICAL, CNN6_FLAT, CNN6_TREE),
        (
            Claim(
                "All four have the same accuracy.",
                WITHIN.format("each pair's difference in validation accuracy, after the last epoch that all have,"),
            ),
        ),
        limits={
            "quick": "The larger network has 2 epochs and 2 seeds here: far fewer than 40 epochs, and two seeds can "
            "show very little."
        },
    ),
    Figure(
        "56",
        ("5", "6"),
        "Figures 5, 6: trees",
        "Does the tree matter: semantic, adversarial, binary or wide?",
        "The adversarial tree is slightly lower.",
        (HIERARCHICAL, ADVERSARIAL, BINARY, WIDE),
        (
            Claim(
                "The adversarial tree has a slightly lower accuracy than the semantic one.",
                "Agrees if the 95 % interval of the difference in test accuracy excludes 0 and the difference is at"
                " most 5 points; differs if the interval lies below half a point, or above 5.",
            ),
            Claim(
                "The binary and the wide tree have the same accuracy as the semantic one.",
                WITHIN.format("each tree's test accuracy minus that of the semantic tree"),
            ),
        ),
        limits={"quick": START},
    ),
    Figure(
        "8",
        ("8",),
        "Figure 8: soft labels",
        "Do soft labels in the hierarchical loss help?",
        "No difference between soft and binary labels; soft labels are slightly faster at first.",
        (HIERARCHICAL, SOFT),
        (
            Claim(
                "No difference in the end.",
                WITHIN.format("the test accuracy of soft minus binary labels"),
            ),
            Claim(
                "Soft labels are slightly faster at first.",
                "The mean validation accuracy of the first fifth of the epochs: agrees if the 95 % interval of the"
                " difference excludes 0 and the difference is at most 5 points; differs if the interval lies below"
                " half a point, or above 5.",
            ),
        ),
        limits={"quick": START},
    ),
    Figure(
        "9",
        ("9",),
        "Figure 9: learning rates",
        "Which learning rate is best for Adam?",
        "1e-3 is the best compromise.",
        (HIERARCHICAL, HIGH_RATE, LOW_RATE),
        (
            Claim(
                "No other rate is better than 1e-3.",
                "Agrees if the 95 % intervals exclude that another rate's test accuracy is a point or more higher;"
                " differs if one is shown to be, by a point or more.",
            ),
        ),
        limits={"quick": "A low rate may catch up in 40 epochs: 5 are too few to exclude that."},
    ),
    Figure(
        "1011",
        ("10", "11"),
        "Figures 10, 11: optimizer and schedule",
        "Is Adam faster than SGD, and is it better to decrease the rate in steps?",
        "Adam is much faster than SGD; it is better with StepLR than without.",
        (HIERARCHICAL, CONSTANT, SGD, SGD_TUNED),
        (
            Claim(
                "Adam is much faster than SGD at the same rate without momentum.",
                "The epochs until 0.8 of Adam's best validation accuracy: agrees if SGD needs at least twice as many"
                " with every seed, differs if with none.",
            ),
            Claim(
                "StepLR is better than a constant rate.",
                "Agrees if the 95 % interval of the difference in test accuracy excludes 0; differs if the interval"
                " lies below half a point.",
            ),
        ),
        limits={
            "quick": "StepLR takes a step every epoch here, because 5 epochs are too short for a step every 5: it "
            "ends at 0.41 of the rate, after 40 epochs it would end at 0.21."
        },
    ),
    Figure(
        "12",
        ("12",),
        "Figure 12: weighted class accuracy",
        "Is the curve of the weighted class accuracy smoother than that of class accuracy?",
        "The weighted curve is smoother.",
        (HIERARCHICAL,),
        (
            Claim(
                "The curves of the weighted class accuracy are smoother.",
                "Roughness is the mean absolute second difference of the classes' curves over the epochs, on validation"
                " images: agrees if the 95 % interval of the ratio of the two lies below 1, and the ratio below 0.95;"
                " differs if the interval lies above 1, or within 5 % of it.",
            ),
        ),
        needs=frozenset({"classes"}),
        limits={"quick": "5 epochs have only 3 second differences per class, all of them from the steep beginning."},
    ),
    Figure(
        "poster",
        ("poster",),
        "Poster: three losses on ten test folds",
        "Does Mann-Whitney's test on ten folds of the test set show a difference between the losses?",
        "The hierarchical loss is below cross-entropy and regularized cross-entropy, which are equal; no difference"
        " is significant.",
        (CROSS_ENTROPY, REGULARIZED, HIERARCHICAL),
        (
            Claim(
                "The hierarchical loss has a lower accuracy than the two others, which are equal.",
                "Over seeds: agrees if the 95 % intervals of both differences exclude 0 and that of the third lies"
                " within ±2 points; differs if the interval of one of the two lies below half a point, or if the"
                " third is 2 points or more and its interval excludes 0.",
            ),
            Claim(
                "Nothing is significant on ten folds of one training.",
                "Mann-Whitney's test of each pair of losses on ten test folds of one training each, as on the poster:"
                " agrees if no p is below 0.05 with any seed, differs if one is below 0.05 with every seed.",
            ),
        ),
        needs=frozenset({"outputs"}),
        limits={"quick": START},
    ),
    Figure(
        "appendix-a",
        ("appendix-a", "A"),
        "Appendix A: loop and tensors",
        "How much faster are tensor operations than a loop over samples and nodes?",
        "585 s and 2.94 s for 4 epochs: 198 times as fast.",
        (),
        (
            Claim(
                "The tensor version is 198 times as fast.",
                "The loss, forward and backward, in rounds: agrees if the ratio of every round is within a factor of"
                " 3 of the paper's, differs if none is.",
            ),
        ),
        needs=frozenset({"timing"}),
        limits={"quick": "5 rounds of 10 batches stand for the 1,252 of 4 epochs."},
    ),
)


def find(names: list[str] | tuple[str, ...]) -> list[Figure]:
    """Return the figures with these names, in the paper's order; all figures if no name is given.

    Raises:
        ConfigError: for a name that no figure has.

    >>> [figure.id for figure in find(["11", "3a", "10"])]
    ['3ab', '1011']
    """
    wanted = {name.lower() for name in names}
    known = {name.lower(): figure for figure in FIGURES for name in (figure.id, *figure.names)}
    for name in names:
        if name.lower() not in known:
            listed = ", ".join(name for figure in FIGURES for name in figure.names if name != "A")
            raise ConfigError(f"There is no figure {name!r}; choose one of {listed}.")
    chosen = {known[name].id for name in wanted}
    return [figure for figure in FIGURES if not wanted or figure.id in chosen]
