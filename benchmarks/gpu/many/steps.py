"""Training steps over tensors that stay where they are, for one run or for a stack of runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.gpu.graphs import Capture
from benchmarks.gpu.many.bench import Bench, Curves
from hierapp.training.optimizers import make_optimizer
from hierapp.training.trainer import REPORTS_PER_EPOCH


class Steps:
    """The same steps over tensors that stay where they are, as a graph needs it: the next batch is looked up there.

    One run, or all runs of a setting stacked: one network whose weights have a dimension more. Adam on it is Adam on
    each.

    Args:
        bench: what is trained.
        seeds: of the runs.
        products: of a stack, convolve by products of matrices in place of cuDNN's grouped convolutions.
        stacked: whether it is a stack.
    """

    def __init__(self, bench: Bench, seeds: Sequence[int], stacked: bool = False, products: bool = False) -> None:
        self.part, self.precision, self.runs = bench.part, bench.precision, len(seeds)
        train_states = [bench.train_state(seed) for seed in seeds]
        self.train_state, self.optimizer = train_states[0], train_states[0].optimizer
        self.stream = torch.cuda.Stream() if bench.device.type == "cuda" else None
        self.captured: Capture | None = None
        self.outputs = self.train_state.logits
        if stacked:
            parameters, _ = stack_module_state([each.network[1] for each in train_states])
            self.optimizer = make_optimizer(bench.config(seeds[0]), parameters.values())
            normalizer, model = self.train_state.network
            for module in model.modules() if products else ():
                if isinstance(module, nn.Conv2d):
                    module.__class__ = ProductConv2d

            def one(own: dict[str, Tensor], pixels: Tensor) -> Tensor:
                found: Tensor = functional_call(model, own, (pixels,))
                return found

            def outputs(images: Tensor) -> Tensor:
                # Under vmap not all of autocast's operations are cast; so it is done here, and to the same effect.
                kind = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
                own = {name: weight.to(kind) for name, weight in parameters.items()}
                pixels = normalizer(images).to(kind)
                return vmap(one)(own, pixels.view(self.runs, -1, *pixels.shape[1:])).float().flatten(0, 1)

            self.outputs = outputs
        self.stacked = stacked
        for group in self.optimizer.param_groups:
            group["capturable"], group["lr"] = True, torch.tensor(float(group["lr"]), device=bench.device)
        orders = []
        for seed in seeds:
            loader = bench.loader(seed)
            loader.begin(1)
            orders.append(torch.stack([loader.indices(place) for place in range(len(loader))]))
        self.order = torch.stack(orders, dim=1)
        self.losses = torch.zeros(bench.setting.steps, self.runs, device=bench.device)
        self.place = torch.zeros(1, dtype=torch.int64, device=bench.device)
        self._weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        self._initial = [weight.detach().clone() for weight in self._weights]

    def step(self) -> None:
        batch = self.order.index_select(0, self.place).flatten()
        leaves = self.part.leaves.index_select(0, batch)
        logits = self.outputs(self.part.images.index_select(0, batch))
        self.optimizer.zero_grad()
        if self.stacked:
            values = self.train_state.loss(logits, leaves, reduction="none").view(self.runs, -1).mean(1)
            values.sum().backward()
        else:
            values = self.train_state.loss(logits, leaves)
            values.backward()
        self.optimizer.step()
        self.losses.index_copy_(0, self.place, values.detach().view(1, -1))
        self.place.add_(1)

    @torch.no_grad()
    def rewind(self) -> None:
        """To the weights before the first step."""
        for weight, initial in zip(self._weights, self._initial, strict=True):
            weight.copy_(initial)
        for state in self.optimizer.state.values():
            for values in state.values():
                values.zero_()
        self.place.zero_()

    def capture(self, steps: int = 1) -> None:
        """Capture `steps` steps as one graph."""

        def several() -> None:
            for _ in range(steps):
                self.step()

        self.captured = Capture(several, self.place.device, self.stream)

    def epoch(self, advance: Callable[[], object], times: int) -> None:
        self.place.zero_()
        for _ in range(times):
            advance()

    def curves(self) -> Curves:
        """The losses as hierapp reports them."""
        count = len(self.losses)
        ends = sorted({math.ceil(count * part / REPORTS_PER_EPOCH) for part in range(1, REPORTS_PER_EPOCH + 1)})
        parts = torch.stack([self.losses[low:high].mean(0) for low, high in zip([0, *ends], ends, strict=False)], 1)
        found: Curves = parts.tolist()
        return found

    def on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)


class ProductConv2d(nn.Conv2d):
    """A convolution as one product of matrices: under vmap a batched one, where cuDNN would get a grouped one."""

    def forward(self, images: Tensor) -> Tensor:
        (high, wide), (above, beside) = self.kernel_size, self.padding
        padded = F.pad(images, (beside, beside, above, above)).permute(0, 2, 3, 1)
        # Not by F.unfold, which launches a kernel for each image.
        places = padded.unfold(1, high, 1).unfold(2, wide, 1)
        found = F.linear(places.flatten(3), self.weight.flatten(1), self.bias)
        return found.permute(0, 3, 1, 2)
