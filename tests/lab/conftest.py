"""The lab's tests run beside others: one thread."""

import torch

from tests.made_up_loss import made_up

__all__ = ["made_up"]

torch.set_num_threads(1)
