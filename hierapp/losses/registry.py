"""Registry of the losses by name, used by the form, the command line and the tests.

To add a loss, add a class to a file of this folder and an entry below. The registry does not import torch, so pages can
list the losses and their options quickly; `make_loss` imports the class that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from hierapp.errors import ConfigError
from hierapp.losses import priors, propriety
from hierapp.losses.propriety import Propriety
from hierapp.similarities import spec as similarity_spec
from hierapp.trees import DISTANCES, LabelTree
from hierapp.utils.options import Option, OptionValue

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss


@dataclass(frozen=True)
class LossEntry:
    """Description of a loss that does not need torch.

    `where` is "module:class or function" within this package; `formula` is LaTeX for one sample with true leaf y;
    `judge` returns whether the loss is proper without class weights, given a tree, all options, and `index`.
    """

    where: str
    title: str
    summary: str
    formula: str
    source: str
    judge: Callable[[LabelTree, Mapping[str, Any]], Propriety]
    options: tuple[Option, ...] = ()


_SOFT = (
    Option("soft", 0.0, "weight of a uniform target at the internal nodes off the true path"),
    Option("soft_reduction", "mean", "how the terms of the nodes off the path are combined", choices=("mean", "sum")),
)

_TAU = Option(
    "tau", 0.0, "logit adjustment for rare classes: tau times the logarithm of the class priors is added in training"
)


def _adjusted(plain: Propriety, tree: LabelTree, options: Mapping[str, Any], by: priors.By) -> Propriety:
    prior = options.get("prior")
    return propriety.adjusted(plain, options["tau"], None if prior is None else priors.are_equal(tree, prior, by))


LOSSES: dict[str, LossEntry] = {
    "cross-entropy": LossEntry(
        "flat:CrossEntropy",
        "Cross-entropy",
        "One softmax over all classes; the tree is not used.",
        r"-\log \mathrm{softmax}(u)_y",
        "Loss in Layers, eq. 5",
        lambda tree, options: _adjusted(propriety.cross_entropy(options["label_smoothing"]), tree, options, "leaf"),
        (
            Option("label_smoothing", 0.0, "share of the target distributed uniformly over all classes", high=1.0),
            _TAU,
        ),
    ),
    "regularized-cross-entropy": LossEntry(
        "flat:RegularizedCrossEntropy",
        "Regularized cross-entropy",
        "Cross-entropy with a bonus for the entropy of the output.",
        r"-\log p_y + \lambda \sum_i p_i \log p_i",
        "Loss in Layers, eq. 6; Pereyra et al. 2017",
        lambda tree, options: propriety.regularized(options["penalty"]),
        (Option("penalty", 0.1, "weight of the negative entropy"),),
    ),
    "hierarchical": LossEntry(
        "hierarchical:Hierarchical",
        "Hierarchical",
        "A softmax over each set of siblings; decisions along the true path have more weight the closer they are to "
        "the root.",
        r"-\sum_{v \in \mathrm{path}(y)} s(v) \log p(v) + m \sum_{v\ \mathrm{internal}} z(v)",
        "Loss in Layers, eqs. 2 and 3",
        lambda tree, options: propriety.hierarchical(
            tree, options["targets"], options["mass"], options["soft"], options["index"]
        ),
        (
            Option(
                "targets", "path", "y = 1 on every node of the true path, or on the leaf only", choices=("path", "leaf")
            ),
            Option("mass", 1.0, "weight of the summed probabilities of the internal nodes"),
            *_SOFT,
        ),
    ),
    "hierarchical-convex": LossEntry(
        "hierarchical:HierarchicalConvex",
        "Hierarchical, convex",
        "The cross-entropy of each decision along the true path, divided by its depth.",
        r"-\sum_{i \in \mathrm{path}(y)\ \mathrm{internal}} \log p(\mathrm{child}_i) / \mathrm{depth}(i)",
        "Loss in Layers, eq. 4 (sign corrected)",
        lambda tree, options: propriety.convex(tree, options["soft"]),
        _SOFT,
    ),
    "conditional": LossEntry(
        "conditional:Conditional",
        "Conditional",
        "A softmax over each set of siblings; all decisions along the true path have the same weight.",
        r"-\log z(y) = -\sum_{v \in \mathrm{path}(y)} \log p(v)",
        "hierarchical softmax",
        lambda tree, options: _adjusted(propriety.siblings_alike(), tree, options, "node"),
        (_TAU,),
    ),
    "hxe": LossEntry(
        "hxe:hxe",
        "Hierarchical cross-entropy (HXE)",
        "The decisions along the true path, with weights that decrease at each step away from the root.",
        r"-\sum_{v \in \mathrm{path}(y)} e^{-\alpha (\mathrm{depth}(v) - 1)} \log p(v)",
        "Bertinetto et al. 2020",
        lambda tree, options: propriety.siblings_alike(),
        (
            Option("alpha", 0.1, "how fast the weights decrease with the distance from the root"),
            Option("normalize", True, "divide the weights by their sum over all nodes; this changes the scale only"),
            Option(
                "parametrization",
                "flat",
                "one softmax over the leaves, as published, or one over each set of siblings",
                choices=("flat", "conditional"),
            ),
        ),
    ),
    "soft-labels": LossEntry(
        "pairs:SoftLabels",
        "Soft labels",
        "Cross-entropy against a target spread over the classes near the true one.",
        r"\mathrm{KL}(t \,\|\, \mathrm{softmax}(u)),\quad t_c \propto e^{-\beta d(c, y) / d_{\max}}",
        "Bertinetto et al. 2020",
        lambda tree, options: propriety.soft_labels(options["beta"]),
        (
            Option("beta", 10.0, "sharpness of the target: 0 is uniform, large values give the true class alone"),
            Option("distance", "lca-height", "distance that the target is computed from", choices=DISTANCES),
        ),
    ),
    "simloss": LossEntry(
        "pairs:SimLoss",
        "SimLoss",
        "Cross-entropy that gives similar classes partial credit; by default the tree defines the similarity.",
        r"-\log \sum_c S_{yc}\, \mathrm{softmax}(u)_c",
        "SimLoss; Kobs et al. 2020",
        lambda tree, options: propriety.simloss_of(tree, options["similarity"], options["lower_bound"]),
        (
            Option(
                "similarity",
                similarity_spec.TREE,
                "tree: derived from the tree; ordinal:0.5: 0.5 ** |i - j| in the order of the data set's classes; or "
                "the name of a shipped or saved similarity",
                reads=similarity_spec.canonical,
            ),
            Option(
                "lower_bound",
                0.0,
                "similarities below this are set to 0, the others are rescaled",
                low=-1.0,
                high=0.999,
            ),
        ),
    ),
    "tree-wasserstein": LossEntry(
        "pairs:TreeWasserstein",
        "Tree-Wasserstein",
        "The distance along the tree that the predicted probabilities would have to travel to the true class.",
        r"\sum_{e} \left| z(e) - [y\ \mathrm{below}\ e] \right| = \sum_c p_c\, d(c, y)",
        "closed form of the Wasserstein distance on a tree",
        lambda tree, options: propriety.tree_wasserstein(),
    ),
    "level-wise": LossEntry(
        "marginal:LevelWise",
        "Level-wise",
        "A cross-entropy at each level of the tree, from one softmax summed up to that level.",
        r"-\sum_{\ell} w_\ell \log z(\mathrm{ancestor}_\ell(y))",
        "multi-level baseline",
        lambda tree, options: propriety.level_wise(tree, options["weights"], options["index"]),
        (
            Option(
                "weights",
                None,
                "one weight per level from the top, as in 1,0.5,0.25; or uniform, hxe, report, geometric; all 1 if"
                " empty",
                presets=propriety.LEVEL_PRESETS,
            ),
        ),
    ),
    "softmax-margin": LossEntry(
        "softmax_margin:SoftmaxMargin",
        "Softmax margin",
        "One softmax over all nodes, inner ones included; wrong nodes have to keep a margin to the true one.",
        r"-u_y + \log \sum_v e^{u_v + \tau m(y, v)}",
        "Valmadre 2022",
        lambda tree, options: propriety.softmax_margin(options["tau"]),
        (
            Option("tau", 1.0, "scale of the margin"),
            Option(
                "margin",
                "incorrect",
                "1 at the nodes that are neither the true one nor above it, or the number of edges to the true one",
                choices=("incorrect", "depth"),
            ),
        ),
    ),
    "tree-min-focal": LossEntry(
        "tree_min_focal:TreeMinFocal",
        "Tree-min focal",
        "A sigmoid for each node: present only if its ancestors are, absent only if its descendants are.",
        r"-\sum_v \left[ l_v (1 - a_v)^\gamma \log a_v + (1 - l_v)\, b_v^\gamma \log(1 - b_v) \right]",
        "Li et al. 2022 (HieraSeg); Giunchiglia and Lukasiewicz 2020",
        lambda tree, options: propriety.tree_min_focal(tree, options["gamma"], options["index"]),
        (Option("gamma", 2.0, "exponent of the factors that reduce the weight of nodes that are right already"),),
    ),
    "frame": LossEntry(
        "frame:Frame",
        "Frame",
        "Cross-entropy behind a fixed head, in which similar classes share outputs.",
        r"-\log \mathrm{softmax}(W x)_y,\quad (W W^T)_{ij} = e^{-\gamma d(i, j) / d_{\max}}",
        "Liang and Davis 2023 (HAFrame)",
        lambda tree, options: propriety.frame(),
        (Option("gamma", 3.0, "how fast the similarity of classes decreases with their distance", low=0.01),),
    ),
}


def find(name: str) -> LossEntry:
    """Return the registry's entry, or raise a ConfigError that lists the names."""
    if name not in LOSSES:
        raise ConfigError(f"Unknown loss {name!r}; choose one of {', '.join(LOSSES)}.")
    return LOSSES[name]


def check_options(name: str, options: Mapping[str, object]) -> dict[str, OptionValue]:
    """Check the options of a loss and fill in the defaults.

    Args:
        name: a key of `LOSSES`.
        options: some options of the loss, by name.

    Returns:
        All options of the loss.

    Raises:
        ConfigError: if the loss or an option is unknown, or a value is out of bounds.
    >>> check_options("hierarchical", {"mass": 0})["mass"]
    0.0
    """
    known = {option.name: option for option in find(name).options}
    for given in options:
        if given not in known:
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"The loss {name} has no option {given!r}; {has}.")
    return {key: option.check(name, options.get(key, option.default)) for key, option in known.items()}


def judge(
    name: str,
    tree: LabelTree,
    options: Mapping[str, object] | None = None,
    *,
    weight: Iterable[float] | None = None,
    index: str = "leaf",
) -> Propriety:
    """Return whether a loss with these options is proper over this tree, and why; does not import torch.

    For simloss, `similarity` may be a matrix [L, L] in the order of `tree.leaves`. It must be a matrix if the option
    names a similarity that is shipped or saved, because no file is read here
    (see `hierapp.similarities.library.with_matrix`). `weight` and `index` are those of all losses, see `make_loss`.

    Raises:
        ConfigError: if the loss or an option is unknown, or a value is out of bounds or does not fit the tree.

    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> judge("hierarchical", tree).is_proper, judge("hierarchical", tree, {"mass": 0}).is_proper
    (True, False)
    """
    given, beyond = dict(options or {}), {}
    if name == "simloss" and not isinstance(given.get("similarity", ""), str):
        beyond["similarity"] = given.pop("similarity")
    if "prior" in given and any(option is _TAU for option in find(name).options):
        beyond["prior"] = given.pop("prior")
    plain = find(name).judge(tree, {**check_options(name, given), **beyond, "index": index})
    return propriety.counted(plain, len(set(weight or ())) > 1, index)


def make_loss(name: str, tree: LabelTree, **options: Any) -> TreeLoss:
    """Make a loss over a label tree.

    Args:
        name: a key of `LOSSES`.
        tree: the label tree; its leaves, in the order of `tree.leaves`, are the classes.
        options: options of the loss, see `LOSSES[name].options`; options of all losses: `reduction` ("mean", "sum" or
            "none"), `weight` (class weights [L]), `ignore_index` and `index` ("leaf", or "node" for targets that are
            positions in `tree.nodes`, where an inner node is a coarse label); for simloss, `similarity` is a matrix
            [L, L] in the order of `tree.leaves`, or None or "tree" for that of the tree; hierarchical also has
            `matrix_form`; cross-entropy and conditional have `prior`, [L], for `tau`.

    Returns:
        An `nn.Module` to call as `loss(logits, target)`; see `hierapp.losses.base.TreeLoss`.

    Raises:
        ConfigError: if the loss or an option is unknown, or a value is out of bounds.

    Warns:
        ImproperLossWarning: if targets and mass of hierarchical make the loss improper on this ragged tree, or the
            similarity of simloss leaves a wrong class more than half the credit.

    >>> import torch
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> loss = make_loss("hierarchical", tree)
    >>> loss.num_outputs
    4
    >>> loss(torch.zeros(2, 4), torch.tensor([0, 2])).item() > 0
    True
    """
    module, _, maker = find(name).where.partition(":")
    beyond = {key: options.pop(key) for key in _SHARED if key in options}
    if "matrix_form" in options and name == "hierarchical":
        beyond["matrix_form"] = bool(options.pop("matrix_form"))
    if "prior" in options and any(option is _TAU for option in find(name).options):
        beyond["prior"] = options.pop("prior")
    if "similarity" in options and name == "simloss":
        beyond["similarity"] = _matrix(options.pop("similarity"))
    make = getattr(import_module(f"hierapp.losses.{module}"), maker)
    checked = check_options(name, options)
    checked.pop("similarity", None)  # a word; the matrix is passed separately
    return cast("TreeLoss", make(tree, **checked, **beyond))


def _matrix(similarity: Any) -> Any:
    """Return the matrix, or None for that of the tree; other words need a data set and are rejected."""
    if not isinstance(similarity, str):
        return similarity
    if similarity != similarity_spec.TREE:
        raise ConfigError(
            f"The similarity {similarity!r} is a name from a run's configuration; pass the matrix to the loss, as in"
            f" hierapp.similarities.library.find({similarity!r}, classes).over(tree.leaves)."
        )
    return None


_SHARED = ("reduction", "weight", "ignore_index", "index")
