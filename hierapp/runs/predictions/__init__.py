"""Predictions made elsewhere: read from a file, checked against a tree, stored as finished runs with outputs only."""

from hierapp.runs.predictions.checked import Predictions, check
from hierapp.runs.predictions.evaluated import Evaluated, check_arrays, evaluate
from hierapp.runs.predictions.importing import Request, import_files
from hierapp.runs.predictions.items import Items, items_of
from hierapp.runs.predictions.kinds import KINDS
from hierapp.runs.predictions.raw import Kind, Source

__all__ = [
    "KINDS",
    "Evaluated",
    "Items",
    "Kind",
    "Predictions",
    "Request",
    "Source",
    "check",
    "check_arrays",
    "evaluate",
    "import_files",
    "items_of",
]
