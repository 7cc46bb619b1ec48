"""The network of the runs in these files: one layer, so that the files are small."""

import math

from torch import nn


def linear(image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), outputs))
