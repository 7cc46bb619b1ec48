"""Stories 1 to 3: one path, the gradients of the losses, the cat that became a truck."""

from __future__ import annotations

from hierapp.lab.choices import EVERY_LOSS, DecoderChoice
from hierapp.lab.steps import Step, Story, conditionals, loss
from hierapp.lab.trees import FIGURE_7

_GOOD = conditionals(animal=0.8, cat=0.5, truck=0.95)
_FIGURE = conditionals(animal=0.6, cat=0.4, truck=0.95)
_EVEN = conditionals(animal=0.6, cat=0.4, truck=0.5)

ONE_PATH = Story(
    "one-path",
    "One image, one tree, one path",
    "What a tree of classes is, and what a network with one logit per node predicts.",
    (
        Step(
            "The true path",
            "A network classifies a picture of a cat. Its classes are the leaves of a tree. The path from the root to"
            " cat is the true path: two decisions, first animal, then cat.",
            FIGURE_7,
            "cat",
            _GOOD,
            must_show=("cat", "animal", "truck"),
        ),
        Step(
            "A decision at each node",
            "At each internal node a softmax distributes probability 1 among the children. Here the network gives"
            " animal 0.8, and among the animals cat 0.5. Move a logit: only its siblings change with it.",
            FIGURE_7,
            "cat",
            _GOOD,
            controls=("logits",),
            must_show=("0.8", "0.5"),
        ),
        Step(
            "Down the path, multiply",
            "The probability of a node is the product along its path: for cat 0.8 · 0.5 = 0.4. The leaves add up to"
            " 1, and each internal node has the sum of the leaves below it.",
            FIGURE_7,
            "cat",
            _GOOD,
            decoders=(DecoderChoice("leaf"),),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("0.8 · 0.5 = 0.4",),
        ),
        Step(
            "Down the path, add the surprise",
            "A loss measures surprise, −log p. Along the path probabilities multiply and surprises add up: 0.223 for"
            " animal and 0.693 for cat make 0.916, which is −log 0.4.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("conditional"), loss("cross-entropy")),
            shows=("tree", "formulas"),
            controls=("logits", "target"),
            must_show=("0.223", "0.693", "0.916"),
        ),
    ),
)

PUSHES = Story(
    "pushes",
    "What each loss pushes",
    "The gradient on each logit: which ones increase, which decrease, and which do not change.",
    (
        Step(
            "Cross-entropy pushes every leaf",
            "Cross-entropy uses one logit per leaf. It pushes cat up by 1 − 0.4 = 0.6, and every other leaf down by"
            " its own probability. The tree has no effect.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("cross-entropy"),),
            shows=("tree", "losses"),
            controls=("logits", "descent"),
            must_show=("0.916", "−0.6"),
        ),
        Step(
            "A softmax over siblings pushes the true path",
            "The same probabilities and the same value, read node by node. Animal is pushed up by 0.2 and cat by 0.5,"
            " against their siblings. Truck and ship are not on the true path: this loss does not affect them.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("conditional"), loss("cross-entropy")),
            shows=("tree", "losses"),
            controls=("logits", "descent"),
            must_show=("0.916", "−0.2", "−0.5"),
        ),
        Step(
            "The hierarchical loss weighs the upper decision more",
            "Now animal has weight s = 2, because two nodes of the path are at or below it, and cat has weight 1. The"
            " push on animal doubles to 0.4. The second term adds 2 here and has no gradient; story 5 explains why.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("hierarchical"), loss("conditional")),
            shows=("tree", "formulas", "losses"),
            controls=("logits", "descent"),
            must_show=("2 · −log 0.8 = 0.446", "−0.4", "3.14"),
        ),
        Step(
            "The convex one divides by depth",
            "The paper's second loss gives each decision a weight of 1 / depth: 1 for animal, 1/2 for cat. The push"
            " on cat is half as strong as before.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("hierarchical-convex"), loss("hierarchical")),
            shows=("tree", "formulas", "losses"),
            controls=("logits", "descent"),
            must_show=("0.57", "−0.25"),
        ),
        Step(
            "Soft labels reach off the path",
            "With soft labels the decisions off the path have a target too: the uniform distribution over the"
            " children. Truck has 0.95 of the vehicles, so it is now pushed down by 0.45 and ship up. Every logit has"
            " a gradient.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("hierarchical", soft=1.0), loss("hierarchical")),
            shows=("tree", "losses"),
            controls=("logits", "soft", "descent"),
            must_show=("0.83", "+0.45"),
        ),
        Step(
            "All losses compared",
            "All losses on the same example. Take one gradient step, then a hundred. Each loss increases cat, but not"
            " all of them up to certainty.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=EVERY_LOSS,
            shows=("losses", "tree"),
            controls=("logits", "target", "losses", "descent"),
            must_show=("0.916", "0.57", "3.14"),
        ),
    ),
)

CAT_TRUCK = Story(
    "cat-truck",
    "The cat that became a truck",
    "Figure 7 of the paper: a network that is confident in an animal, and yet predicts truck.",
    (
        Step(
            "Animal is likely, truck is most likely",
            "The picture shows a cat. The network gives animal 0.6, but shares that among three animals: cat has 0.6"
            " · 0.4 = 0.24. Among the vehicles it gives almost all to truck: 0.4 · 0.95 = 0.38.",
            FIGURE_7,
            "cat",
            _FIGURE,
            must_show=("0.38", "0.24", "truck", "cat"),
        ),
        Step(
            "By leaves: a truck",
            "The most likely leaf is truck, 0.38 against 0.24. The network rates animal above vehicle, but this"
            " decoder ignores it.",
            FIGURE_7,
            "cat",
            _FIGURE,
            decoders=(DecoderChoice("leaf"),),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("0.38", "0.24", "truck", "cat"),
        ),
        Step(
            "Top-down: a cat",
            "From the root, always to the most likely child: animal, 0.6, then cat, 0.4. The same numbers give a"
            " different answer.",
            FIGURE_7,
            "cat",
            _FIGURE,
            decoders=(DecoderChoice("top-down"), DecoderChoice("leaf")),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("animal (0.6), then cat (0.4)", "0.38", "truck"),
        ),
        Step(
            "By minimum risk: a cat",
            "Choose the answer with the smallest expected distance from the truth. If the image shows a dog or a"
            " horse, cat is off by 1 step and truck by 2. Expected distance: 1.16 for cat, 1.22 for truck.",
            FIGURE_7,
            "cat",
            _FIGURE,
            decoders=(DecoderChoice("min-risk"), DecoderChoice("leaf")),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("1 · 0.36 + 2 · 0.4 = 1.16", "1.22", "cat", "truck"),
        ),
        Step(
            "By a threshold: an animal",
            "Or predict only what is certain enough. The deepest node with at least 0.5 is animal, 0.6: less specific"
            " than cat, and correct.",
            FIGURE_7,
            "cat",
            _FIGURE,
            shows=("tree", "decoders"),
            controls=("logits", "threshold"),
            must_show=("animal", "0.6", "cat", "truck"),
        ),
        Step(
            "Why training does not prevent it",
            "On pictures of cats a path loss does not affect truck and ship, so nothing makes the network uncertain"
            " among vehicles. Soft labels do: they push truck down from 0.95 towards one half.",
            FIGURE_7,
            "cat",
            _FIGURE,
            losses=(loss("hierarchical", soft=1.0), loss("hierarchical")),
            shows=("tree", "losses", "decoders"),
            controls=("soft", "descent"),
            must_show=("0.38", "+0.45", "truck"),
        ),
        Step(
            "With uniform vehicles, cat wins",
            "Suppose soft labels reach their target. Then truck has 0.4 · 0.5 = 0.2, less than the 0.24 of cat, and"
            " the most likely leaf is cat as well. Whether training gets there is a question for experiments.",
            FIGURE_7,
            "cat",
            _EVEN,
            losses=(loss("hierarchical", soft=1.0), loss("hierarchical")),
            shows=("tree", "decoders", "losses"),
            controls=("logits", "soft", "descent"),
            must_show=("0.24", "0.2", "cat"),
        ),
    ),
)
