"""Registry of the losses by name, used by the form, the command line and the tests.

A loss is a class with an attribute `spec` in a file of this folder; nothing else lists it. The registry does not import
torch, so pages can list the losses and their options quickly; `make_loss` imports the class that it needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, cast

from hierapp.errors import ConfigError
from hierapp.losses import propriety
from hierapp.losses.propriety import Propriety
from hierapp.losses.spec import LossSpec
from hierapp.trees import LabelTree
from hierapp.utils.options import OptionValue

if TYPE_CHECKING:
    from hierapp.losses.base import TreeLoss


def collect(folders: Iterable[str]) -> dict[str, LossSpec]:
    """Return the specs of all losses in the modules of some folders, by name and in their order."""
    found: list[LossSpec] = []
    for finder, module, _ in iter_modules(folders):
        spec = finder.find_spec(module, None)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            source = spec.loader.get_source(module) or ""
            found += _specs_of(module, source) if "LossSpec(" in source else ()
    return {spec.name: spec for spec in sorted(found, key=lambda spec: (spec.order, spec.name))}


def _specs_of(module: str, source: str) -> Iterator[LossSpec]:
    """Yield the specs of the classes of a module, which is read and not imported."""
    body = ast.parse(source).body
    for cls in (each for each in body if isinstance(each, ast.ClassDef)):
        for statement in cls.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="spec")], value=ast.Call(func=ast.Name(id="LossSpec")) as call):
                    spec = eval(  # noqa: S307 - an import would execute the same
                        compile(ast.Expression(call), module, "eval"), _imported(body, call)
                    )
                    yield replace(spec, where=f"{module}:{cls.name}")


def _imported(body: list[ast.stmt], expression: ast.expr) -> dict[str, object]:
    """Import the names of an expression that the statements of a module import."""
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    found: dict[str, object] = {}
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                if (name := alias.asname or alias.name) in names:
                    found[name] = _attribute(statement.module, alias.name)
    return found


def _attribute(module: str, name: str) -> object:
    """Return an attribute or a submodule of a module."""
    owner = import_module(module)
    return getattr(owner, name) if hasattr(owner, name) else import_module(f"{module}.{name}")


# Every loss of this folder.
LOSSES: dict[str, LossSpec] = collect([str(Path(__file__).parent)])


def find(name: str) -> LossSpec:
    """Return the spec of a loss, or raise a ConfigError that lists the names."""
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
    spec, given = find(name), dict(options or {})
    beyond = _arguments(spec, given)
    plain = spec.judge(tree, {**check_options(name, given), **beyond, "index": index})
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
    spec = find(name)
    module, _, cls = spec.where.partition(":")
    beyond = {key: options.pop(key) for key in _SHARED if key in options} | _arguments(spec, options)
    make = getattr(import_module(f"hierapp.losses.{module}"), cls).make
    return cast("TreeLoss", make(tree, **{**check_options(name, options), **beyond}))


def _arguments(spec: LossSpec, options: dict[str, Any]) -> dict[str, Any]:
    """Remove from options what is no option of a form, such as a matrix, and return it."""
    names = [name for name in spec.arguments if name in options and not isinstance(options[name], str)]
    return {name: options.pop(name) for name in names}


_SHARED = ("reduction", "weight", "ignore_index", "index")
