"""Stories 1 to 3: one path, the gradients of the losses, the cat that became a truck."""

from __future__ import annotations

from hierapp.lab.choices import DecoderChoice
from hierapp.lab.steps import Step, Story, conditionals, loss
from hierapp.lab.trees import FIGURE_7

_GOOD = conditionals(animal=0.8, cat=0.5, truck=0.95)
_FIGURE = conditionals(animal=0.6, cat=0.4, truck=0.95)
_EVEN = conditionals(animal=0.6, cat=0.4, truck=0.5)

ONE_PATH = Story(
    "one-path",
    "One image, one tree, one path",
    "What a tree of classes is, and what a network with a logit a node says.",
    (
        Step(
            "The true path",
            "A network looks at a picture of a cat. Its classes are the leaves of a tree. The way from the root to cat"
            " is the true path: two decisions, first animal, then cat.",
            FIGURE_7,
            "cat",
            _GOOD,
            must_show=("cat", "animal", "truck"),
        ),
        Step(
            "A decision at each node",
            "At each inner node a softmax shares 1 among the children. Here the network gives animal 0.8, and among"
            " the animals cat 0.5. Move a logit: only its brothers and sisters change with it.",
            FIGURE_7,
            "cat",
            _GOOD,
            controls=("logits",),
            must_show=("0.8", "0.5"),
        ),
        Step(
            "Down the path, multiply",
            "The probability of a node is the product along its path: for cat 0.8 · 0.5 = 0.4. So the leaves add up"
            " to 1, and each inner node has the sum of the leaves below it.",
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
            "A loss counts surprise, −log p. Along the path surprises add up where probabilities multiply: 0.223 for"
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
    "The gradient on each logit: who is pushed up, who down, and who is never touched.",
    (
        Step(
            "Cross-entropy pushes every leaf",
            "Cross-entropy reads one logit a leaf. It pushes cat up by 1 − 0.4 = 0.6, and every other leaf down by"
            " its own probability. The tree plays no part.",
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
            " against their siblings. Truck and ship hang off the true path: this loss never touches them.",
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
            "Now animal counts s = 2 times, for two nodes of the path lie at it or below it, and cat once. The push"
            " on animal doubles to 0.4. The second term adds 2 here and pushes nothing; story 5 tells why.",
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
            "With soft labels the decisions off the path get a target too: all children alike. Truck had 0.95 of the"
            " vehicles, so it is now pushed down by 0.45 and ship up. No logit is left untouched.",
            FIGURE_7,
            "cat",
            _GOOD,
            losses=(loss("hierarchical", soft=1.0), loss("hierarchical")),
            shows=("tree", "losses"),
            controls=("logits", "soft", "descent"),
            must_show=("0.83", "+0.45"),
        ),
        Step(
            "All of them, and where they lead",
            "Ten losses on the same example. Take one gradient step, then a hundred. Each raises cat,"
            " in its own way, and not every one up to certainty.",
            FIGURE_7,
            "cat",
            _GOOD,
            shows=("losses", "tree"),
            controls=("logits", "target", "losses", "descent"),
            must_show=("0.916", "0.57", "3.14"),
        ),
    ),
)

CAT_TRUCK = Story(
    "cat-truck",
    "The cat that became a truck",
    "Figure 7 of the paper: a network that is sure of an animal, and yet says truck.",
    (
        Step(
            "Likely an animal, likeliest a truck",
            "The picture shows a cat. The network gives animal 0.6, but shares that among three animals: cat has"
            " 0.6 · 0.4 = 0.24. Of the vehicles it sees almost only truck: 0.4 · 0.95 = 0.38.",
            FIGURE_7,
            "cat",
            _FIGURE,
            must_show=("0.38", "0.24", "truck", "cat"),
        ),
        Step(
            "By leaves: a truck",
            "Taking the likeliest leaf gives truck, 0.38 against 0.24. The network thought that an animal was likelier"
            " than a vehicle, and we did not listen.",
            FIGURE_7,
            "cat",
            _FIGURE,
            decoders=(DecoderChoice("leaf"),),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("0.38", "0.24", "truck", "cat"),
        ),
        Step(
            "From the top down: a cat",
            "Going down from the root, always to the likeliest child: animal, 0.6, then cat, 0.4. Same numbers, other"
            " answer.",
            FIGURE_7,
            "cat",
            _FIGURE,
            decoders=(DecoderChoice("top-down"), DecoderChoice("leaf")),
            shows=("tree", "decoders"),
            controls=("logits",),
            must_show=("animal (0.6), then cat (0.4)", "0.38", "truck"),
        ),
        Step(
            "By least risk: a cat",
            "Ask instead which answer will be least far from the truth. If it is a dog or a horse, cat is off by"
            " 1 step and truck by 2. Expected: 1.16 for cat, 1.22 for truck.",
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
            "Or do not say more than one knows. The deepest node with at least 0.5 is animal, 0.6: less exact than"
            " cat, and right.",
            FIGURE_7,
            "cat",
            _FIGURE,
            shows=("tree", "decoders"),
            controls=("logits", "threshold"),
            must_show=("animal", "0.6", "cat", "truck"),
        ),
        Step(
            "Why training lets it happen",
            "On pictures of cats a path loss never touches truck and ship, so nothing tells the network to be unsure"
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
            "With even vehicles, cat wins",
            "Suppose soft labels get all they ask for. Then truck has 0.4 · 0.5 = 0.2, less than the cat's 0.24, and"
            " the likeliest leaf is cat as well. Whether training gets there is a question for experiments.",
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
