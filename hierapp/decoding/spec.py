"""What a decoder says of itself: name, options, formula and source; how it predicts and shows its arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hierapp.errors import ConfigError
from hierapp.trees import LabelTree
from hierapp.utils.numbers import latex, of_log
from hierapp.utils.options import Option, OptionValue


class Case(Protocol):
    """One example whose decoding is shown."""

    @property
    def tree(self) -> LabelTree:
        """The label tree."""

    @property
    def p(self) -> tuple[float, ...]:
        """P(node | parent), by node."""

    @property
    def log_p(self) -> tuple[float, ...]:
        """Logarithms of `p`."""

    @property
    def z(self) -> tuple[float, ...]:
        """Probability of each node."""

    @property
    def log_z(self) -> tuple[float, ...]:
        """Logarithms of `z`."""

    @property
    def leaf_probabilities(self) -> tuple[float, ...]:
        """Z of the leaves, in the order of `tree.leaves`."""


@dataclass(frozen=True)
class Line:
    """One step of the arithmetic: a node, its value and formula, and whether the decoder selects the node."""

    node: int
    value: float
    text: str
    latex: str
    taken: bool

    @classmethod
    def of(cls, case: Case, node: int, value: float, formula: str, taken: bool) -> Line:
        """Create a line; the name is only in the text, because LaTeX would interpret its characters."""
        return cls(node, value, f"{case.tree.nodes[node]}: {formula}", latex(formula), taken)


# Lines of arithmetic and one sentence.
Arithmetic = tuple[list[Line], str]


def node_probabilities_shown(case: Case, node: int, options: Mapping[str, Any]) -> Arithmetic:
    """Show z of each node: the arithmetic of a decoder that has none of its own."""
    shown = [of_log(log_z) for log_z in case.log_z]
    lines = [Line.of(case, v, case.z[v], f"z = {text}", v == node) for v, text in enumerate(shown)]
    return lines, f"The prediction is {case.tree.nodes[node]}, with {shown[node]}."


@dataclass(frozen=True)
class DecoderSpec:
    """One decoder.

    Attributes:
        name: name in `decode`, on the command line and in addresses.
        title: the prediction in a few words, for forms and tables.
        formula: the definition, as Markdown.
        source: where it is from.
        predict: returns node indices [n] for `Rows` and the values of all options.
        options: its options, with bounds and defaults.
        order: decoders are listed by this number, then by name.
        leaves_only: whether every prediction is a leaf.
        explain: shows the arithmetic for one example and its prediction.
        predict_set: returns the best set of nodes, bool [n, N], if the decoder can predict sets.
        matrices: the options that may also be arrays, which `prepare` checks.
        prepare: checks or converts the options once for a tree and an array of the kind of the rows.
    """

    name: str
    title: str
    formula: str
    source: str
    predict: Callable[..., Any]
    options: tuple[Option, ...] = ()
    order: int = 100
    leaves_only: bool = False
    explain: Callable[[Case, int, Mapping[str, Any]], Arithmetic] = node_probabilities_shown
    predict_set: Callable[..., Any] | None = None
    matrices: tuple[str, ...] = ()
    prepare: Callable[[Mapping[str, Any], LabelTree, Any], Mapping[str, Any]] | None = None

    @property
    def defaults(self) -> dict[str, OptionValue]:
        """The default of each option."""
        return {option.name: option.default for option in self.options}

    def check_options(self, given: Mapping[str, object]) -> dict[str, OptionValue]:
        """Return all options, given or default, in their own types; those that are arrays unchanged.

        Raises:
            ConfigError: if there is no such option, or a value is out of bounds.
        """
        for key in given:
            if key not in self.defaults:
                raise ConfigError(f"The decoder {self.name} has no option {key!r}.")
        return {each.name: self._checked(each, given.get(each.name, each.default)) for each in self.options}

    def _checked(self, option: Option, value: Any) -> Any:
        is_array = option.name in self.matrices and not isinstance(value, str) and hasattr(value, "__len__")
        return value if is_array else option.check(f"the decoder {self.name}", value)
