"""The decoders by name: from leaf probabilities to predicted nodes, on tensors of any device and on numpy arrays."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from hierapp.decoding import arrays, rules
from hierapp.decoding.checks import check_probs
from hierapp.decoding.inputs import PART, chunks, flat_rows
from hierapp.decoding.risks import node_risks
from hierapp.decoding.spec import DecoderSpec
from hierapp.decoding.tables import Rows
from hierapp.errors import ConfigError
from hierapp.trees import DistanceKind, LabelTree


def _found() -> dict[str, DecoderSpec]:
    modules = [import_module(f"{rules.__name__}.{each.name}") for each in iter_modules(rules.__path__)]
    specs = sorted((module.DECODER for module in modules), key=lambda spec: (spec.order, spec.name))
    return {spec.name: spec for spec in specs}


# Every decoder of the folder `rules`.
DECODERS: dict[str, DecoderSpec] = _found()


def find(rule: str) -> DecoderSpec:
    """Return a decoder.

    Raises:
        ConfigError: if it is unknown.
    """
    if rule not in DECODERS:
        raise ConfigError(f"Unknown decoder {rule!r}; choose one of {', '.join(DECODERS)}.")
    return DECODERS[rule]


def parse(text: str) -> tuple[DecoderSpec, dict[str, Any]]:
    """Read a decoder with options, as on the command line: `hf-beta:beta=2:count_root=true`.

    Raises:
        ConfigError: if the decoder or an option is unknown, or a value is out of bounds.

    >>> spec, options = parse("hf-beta:beta=2")
    >>> spec.name, options
    ('hf-beta', {'beta': 2.0, 'count_root': False})
    """
    rule, *pairs = text.split(":")
    spec = find(rule)
    return spec, dict(spec.check_options({key: value for key, _, value in (pair.partition("=") for pair in pairs)}))


def table() -> str:
    """Return the table of the decoders in the documentation, as Markdown."""
    rows = ["| rule | prediction | definition | options | source |", "| --- | --- | --- | --- | --- |"]
    for spec in DECODERS.values():
        options = ", ".join(f"`{option.name}` ({option.text(option.default)})" for option in spec.options)
        rows.append(f"| `{spec.name}` | {spec.title} | {spec.formula} | {options} | {spec.source} |")
    return "\n".join(rows)


def decode(leaf_log_probs: Any, tree: LabelTree, rule: str = "leaf", **options: Any) -> Any:
    """Predict a node for each sample.

    Args:
        leaf_log_probs: [B, L, ...] log-probabilities of the leaves, in the order of `tree.leaves`: a tensor on any
            device, or a numpy array.
        tree: the label tree.
        rule: a name of `DECODERS`, by default "leaf". With P the leaf probabilities, z those of all nodes, and anc(v)
            the ancestors of v and v:

            - "leaf": the most probable leaf
            - "top-down": from the root to the most probable child at each step
            - "min-risk": the leaf of least expected distance, argmin of sum_c P(c) d(c, l)
            - "threshold": the deepest node with z >= threshold
            - "min-cost": the node of least expected cost, argmin over nodes of sum_l P(l) cost[v, l]
            - "hf-beta": the node of largest expected F_beta between anc(v) and anc(l)
            - "climb": from the most probable leaf up, the first node with z > threshold; see `climb_threshold`
            - "parent-weighted": the leaf with the largest P(l) z(parent(l)), a heuristic
        options: "min-risk": `distance` (default "lca-depth"). "threshold" and "climb": `threshold` (0.5). "min-cost":
            `cost`, a matrix [N, L] or a distance ("edges"). "hf-beta": `beta` (1.0), `count_root` (False: the root is
            in no set).

    Returns:
        int64 [B, ...], positions in `tree.nodes`, of the kind and on the device of the input.

    Raises:
        ConfigError: if the rule is unknown, has no such option, or a value is out of bounds; if the log-probabilities
            have the wrong shape or do not sum to 1 as probabilities.

    Example of Loss in Layers, figure 7: "leaf" predicts a truck, "top-down" a cat.

    >>> import numpy as np
    >>> tree = LabelTree.from_edges(
    ...     [("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("animal", "horse")]
    ...     + [("root", "vehicle"), ("vehicle", "truck"), ("vehicle", "ship")]
    ... )
    >>> p = np.array([[0.6 * 0.4, 0.6 * 0.3, 0.6 * 0.3, 0.4 * 0.95, 0.4 * 0.05]])
    >>> [tree.nodes[decode(np.log(p), tree, rule)[0]] for rule in ("leaf", "top-down", "min-risk", "threshold")]
    ['truck', 'cat', 'cat', 'animal']
    >>> [tree.nodes[decode(np.log(p), tree, "hf-beta", count_root=each)[0]] for each in (True, False)]
    ['animal', 'cat']
    """
    spec = find(rule)
    checked = spec.check_options(options)
    log_p, shape = flat_rows(leaf_log_probs, tree)
    prepared = spec.prepare(checked, tree, log_p) if spec.prepare else checked
    found = [spec.predict(rows, **prepared) for _, rows in chunks(log_p, tree)]
    return arrays.joined(found).reshape(shape)


def decode_set(leaf_log_probs: Any, tree: LabelTree, rule: str = "hf-beta", **options: Any) -> Any:
    """Predict a set of nodes for each sample: the one that is best in expectation.

    Args:
        leaf_log_probs: as in `decode`.
        tree: the label tree.
        rule: "hf-beta" (default), the set of largest expected F_beta with the true leaf and its ancestors (Plaud et
            al., ICML 2025). Unlike the ancestors of one node, the set can have nodes of several branches.
        options: `beta` (default 1.0); `count_root` (default False), whether the root counts as an ancestor of the
            truth; if not, it is in no set.

    Returns:
        bool [B, N, ...], columns in the order of `tree.nodes`. With every node the set has its ancestors, but for the
        root.

    Raises:
        ConfigError: as `decode`, or if the rule cannot predict sets.

    >>> import numpy as np
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> chosen = decode_set(np.log([[0.4, 0.35, 0.25]]), tree)[0]
    >>> [name for name, inside in zip(tree.nodes, chosen, strict=True) if inside]
    ['animal', 'cat', 'dog']
    """
    spec = find(rule)
    if spec.predict_set is None:
        able = [name for name, each in DECODERS.items() if each.predict_set]
        raise ConfigError(f"The decoder {rule} predicts no sets; choose one of {', '.join(able)}.")
    checked = spec.check_options(options)
    log_p, shape = flat_rows(leaf_log_probs, tree)
    found = [spec.predict_set(rows, **checked) for _, rows in chunks(log_p, tree)]
    sets = arrays.joined(found)
    return arrays.namespace(sets).moveaxis(sets.reshape((*shape, len(tree.nodes))), -1, 1)


def decode_probabilities(p: Any, tree: LabelTree, rule: str = "leaf", **options: Any) -> Any:
    """Predict a node for each row of probabilities [n, L], as `decode` does for their logarithms.

    Raises:
        ConfigError: as `decode`.
    """
    check_probs(p)
    spec = find(rule)
    checked = spec.check_options(options)
    prepared = spec.prepare(checked, tree, p) if spec.prepare else checked
    step = max(1, PART // len(tree.nodes))
    starts = range(0, max(len(p), 1), step)
    parts = (Rows(arrays.double(p[start : start + step]), tree) for start in starts)
    return arrays.joined([spec.predict(rows, **prepared) for rows in parts])


def node_probabilities(leaf_log_probs: Any, tree: LabelTree) -> Any:
    """Compute the probabilities of all nodes, [B, N], from log-probabilities of the leaves [B, L].

    The result is in double precision if the device supports it.

    Raises:
        ConfigError: if the exponentials of a row do not sum to about 1.
    """
    return arrays.joined([rows.z for _, rows in chunks(flat_rows(leaf_log_probs, tree)[0], tree)])


def leaf_risks(leaf_log_probs: Any, tree: LabelTree, distance: DistanceKind = "lca-depth") -> Any:
    """Compute the expected distance of each leaf, sum_c P(c) d(c, leaf), [B, L], in one pass down the tree.

    Raises:
        TreeError: if the distance is unknown.
        ConfigError: if the exponentials of a row do not sum to about 1.

    >>> import numpy as np
    >>> tree = LabelTree.from_edges([("root", "animal"), ("animal", "cat"), ("animal", "dog"), ("root", "truck")])
    >>> risks = leaf_risks(np.log([[0.3, 0.3, 0.4]]), tree)[0]
    >>> [round(risk, 4) for risk in risks.tolist()]  # 0.3 * 1 + 0.4 * 2, twice; 0.6 * 2
    [1.1, 1.1, 1.2]
    """
    found = [
        arrays.columns(node_risks(rows, distance), rows.tables.leaf_nodes)
        for _, rows in chunks(flat_rows(leaf_log_probs, tree)[0], tree)
    ]
    return arrays.joined(found)
