"""Stories 4 to 6: whether the tree matters, the second term, convexity."""

from __future__ import annotations

from hierapp.lab.choices import INITIAL_DECODERS
from hierapp.lab.steps import Point, Step, Story, conditionals, loss, over_leaves
from hierapp.lab.trees import FIGURE_7, RAGGED, unbalanced_name

# A plausible output of a network over CIFAR-10's classes for a picture of a cat.
_CAT = over_leaves(
    {
        "cat": 0.35,
        "dog": 0.25,
        "truck": 0.1,
        "deer": 0.05,
        "horse": 0.05,
        "bird": 0.05,
        "frog": 0.05,
        "automobile": 0.05,
        "airplane": 0.03,
        "ship": 0.02,
    }
)


def _on(tree: str, title: str, text: str, *must_show: str) -> Step:
    return Step(
        title,
        text,
        tree,
        "cat",
        _CAT,
        losses=(loss("conditional"), loss("cross-entropy"), loss("hierarchical"), loss("tree-wasserstein")),
        decoders=INITIAL_DECODERS,
        shows=("tree", "losses", "decoders"),
        controls=("tree", "losses"),
        must_show=must_show,
    )


TREE_MATTERS = Story(
    "tree-matters",
    "Does the tree matter?",
    "The same probabilities of the same ten classes under five trees.",
    (
        _on(
            "cifar10",
            "The semantic tree",
            "Ten classes, grouped by meaning. The network gives cat 0.35 and dog 0.25. Remember two values:"
            " cross-entropy 1.05, and the distance that the probabilities would have to travel, 2.5.",
            "1.05",
            "4.78",
            "2.5",
        ),
        _on(
            "cifar10-adversarial",
            "The adversarial tree",
            "The same probabilities, but the lowest common ancestor of cat and dog is now the root. Cross-entropy is"
            " still 1.05, and so is the sum of −log p along the path: whatever the tree, it is −log z(cat). What"
            " weighs decisions or distances has changed.",
            "1.05",
            "5.6",
            "3.44",
        ),
        _on(
            "cifar10-wide",
            "The wide tree",
            "Two groups, one level of decisions less. With fewer edges the distance is shorter: 1.7.",
            "1.05",
            "3.27",
            "1.7",
        ),
        _on(
            "cifar10-binary",
            "The binary tree",
            "Two children at each node, and leaves of different depth. Deeper paths have more terms, so the value of"
            " the hierarchical loss is larger. Values are not comparable between trees; gradients and predictions"
            " are.",
            "1.05",
            "5.84",
            "2.8",
        ),
        _on(
            "cifar10-flat",
            "The flat tree",
            "No groups at all. The hierarchical loss is cross-entropy plus 1, for the root's mass. Cross-entropy is"
            " 1.05 for every tree: with such losses the tree changes the path of training, not the optimal answer.",
            "1.05",
            "2.05",
            "1.3",
        ),
    ),
)

_QUARTERS = over_leaves(dict.fromkeys("abcd", 0.25))
_TRUTH = (0.25, 0.25, 0.25, 0.25)


def _minimizer(title: str, text: str, targets: str, mass: float, *must_show: str) -> Step:
    return Step(
        title,
        text,
        RAGGED,
        "d",
        _QUARTERS,
        losses=(loss("hierarchical", targets=targets, mass=mass),),
        shows=("minimizer", "tree", "formulas"),
        controls=("targets", "mass"),
        must_show=must_show,
        truth=_TRUTH,
    )


SECOND_TERM = Story(
    "second-term",
    "The second term",
    "A constant on trees of uniform depth; on ragged trees it decides whether the loss is proper.",
    (
        Step(
            "Equally deep leaves: a constant",
            "The hierarchical loss adds the probabilities of all internal nodes. Here: 1 for the root, and 1 in total"
            " for animal and vehicle. The sum is 2 for any logits: a constant without gradient.",
            FIGURE_7,
            "cat",
            conditionals(animal=0.6, cat=0.4, truck=0.95),
            losses=(loss("hierarchical"),),
            shows=("tree", "formulas"),
            controls=("logits", "mass"),
            must_show=("constant", "2"),
        ),
        Step(
            "Ragged leaves: not a constant",
            "Now d is a child of the root, and b and c are two steps deeper. The term is 1 + 0.75 + 0.5 = 2.25 here,"
            " and it decreases as d becomes more likely: deep leaves are penalized for the nodes above them.",
            RAGGED,
            "d",
            _QUARTERS,
            losses=(loss("hierarchical"),),
            shows=("tree", "formulas"),
            controls=("logits", "mass"),
            must_show=("2.25", "0.75", "0.5"),
        ),
        _minimizer(
            "Path targets with the term: proper",
            "Let all four leaves be equally frequent. Where is the minimum of the expected loss? With path targets"
            " and the term it is at the true probabilities, 0.25 each: the second term cancels the bias of the first.",
            "path",
            1.0,
            "0.25",
        ),
        _minimizer(
            "Leaf targets with the term: d wins",
            "With leaf targets the first term has no bias, but the second still penalizes deep leaves. The optimal"
            " network gives d 0.61 where the truth is 0.25.",
            "leaf",
            1.0,
            "0.61",
            "0.25",
        ),
        _minimizer(
            "Path targets without it: d loses",
            "With path targets and no second term, depth is not penalized. The optimal network gives d 0.11.",
            "path",
            0.0,
            "0.11",
            "0.25",
        ),
        Step(
            "Unbalance the tree",
            "Leaf targets with the term again. On the flat tree the loss is proper: 0.25. Each step that makes b and"
            " c deeper moves the optimum further from the truth, up to 0.735 for d at six steps.",
            unbalanced_name(0),
            "d",
            _QUARTERS,
            losses=(loss("hierarchical", targets="leaf"),),
            shows=("walk", "minimizer", "tree"),
            controls=("unbalance", "targets", "mass"),
            must_show=("0.25", "0.61", "0.735"),
            truth=_TRUTH,
        ),
    ),
)

_SURE = conditionals(animal=0.95, cat=0.9, truck=0.95)
_WRONG = conditionals(animal=0.05, cat=0.1, truck=0.95)
_OTHER = conditionals(animal=0.95, cat=0.1, truck=0.5)
_DEEP = Point(p=(("A", 0.5), ("B", 0.95), ("b", 0.9)))
_SHALLOW = Point(p=(("A", 0.95), ("B", 0.05), ("b", 0.9)))


CONVEX = Story(
    "convex",
    "Convex or not",
    "Move in a straight line from one example to another: is the chord above the curve?",
    (
        Step(
            "The chord test",
            "Take a network that is correct and one that is not, and move in a straight line from one to the other."
            " On a convex loss the chord between two values lies above the curve. Cross-entropy passes this test in"
            " the probabilities.",
            FIGURE_7,
            "cat",
            _SURE,
            losses=(loss("cross-entropy"),),
            shows=("slice",),
            controls=("points",),
            must_show=("Convex in the probabilities", "0.157", "5.3"),
            second=_WRONG,
            third=_OTHER,
            space="probabilities",
        ),
        Step(
            "Also in the logits",
            "Networks output logits. The loss of each decision is a log-sum-exp minus one logit, which is convex. So"
            " are the paper's second loss, the conditional loss, and the first loss on trees of uniform depth.",
            FIGURE_7,
            "cat",
            _SURE,
            losses=(loss("hierarchical-convex"), loss("conditional"), loss("hierarchical")),
            shows=("slice", "surface"),
            controls=("points", "space"),
            must_show=("Convex in the logits", "0.104", "4.15"),
            second=_WRONG,
            third=_OTHER,
        ),
        Step(
            "Linear in p, not convex in the logits",
            "The tree-Wasserstein loss is an expectation: linear in the probabilities. In the logits the curve rises"
            " above its chord, by 0.802. It becomes flat where the network is confidently wrong.",
            FIGURE_7,
            "cat",
            _SURE,
            losses=(loss("tree-wasserstein"), loss("simloss")),
            shows=("slice", "surface"),
            controls=("points", "space"),
            must_show=("Not convex in the logits", "0.802"),
            second=_WRONG,
            third=_OTHER,
        ),
        Step(
            "The second term can break convexity",
            "On a ragged tree the hierarchical loss contains products of probabilities. Between these two points the"
            " curve lies above its chord. Set the mass to 0 and it is convex again.",
            RAGGED,
            "d",
            _SHALLOW,
            losses=(loss("hierarchical"), loss("hierarchical-convex")),
            shows=("slice", "surface", "tree"),
            controls=("points", "space", "mass"),
            must_show=("Not convex in the logits", "0.113"),
            second=_DEEP,
            third=Point(p=(("A", 0.5), ("B", 0.5), ("b", 0.5))),
        ),
        Step(
            "A minus sign",
            "The paper prints (4) with a minus sign in front. Then it would never be above 0 and would decrease"
            " without bound the more wrong the network is. The sign must be plus, and this loss is convex.",
            FIGURE_7,
            "cat",
            _SURE,
            losses=(loss("hierarchical-convex"),),
            shows=("printed", "slice"),
            controls=("points", "space"),
            must_show=("−0.104", "without bound"),
            second=_WRONG,
            third=_OTHER,
        ),
    ),
)
