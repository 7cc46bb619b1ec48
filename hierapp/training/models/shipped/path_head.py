"""The linear layer as a `PathHead`, for many classes."""

from hierapp.training.models.entry import ModelEntry
from hierapp.training.models.shipped.linear import linear

MODEL = ModelEntry(
    name="path-head",
    title="Linear, true path only",
    summary="the linear layer as a `PathHead`: in training only the logits of siblings on the true paths are computed,"
    " with the same values and gradients; for many classes and `conditional`, `hierarchical-convex`, `hxe` in its"
    " conditional form, and `hierarchical` where it reads the path only",
    build=linear,
    speed=120_000,
    kind="features",
    reads_path=True,
    order=7,
)
