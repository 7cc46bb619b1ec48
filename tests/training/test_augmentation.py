"""Augmentation against a loop over single images and pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from hierapp.training import RunConfig
from hierapp.training.augmentation import Augment, Draws, mix
from hierapp.training.batches import BatchLoader, DeviceDataset

COUNT, HEIGHT, WIDTH = 40, 6, 9


def config(**values: object) -> RunConfig:
    rest = {"data": "digits", "tree": "digits", "loss": "cross-entropy", "batch_size": 16}
    return RunConfig.make(**{**rest, **values})


def some_images(channels: int = 3) -> torch.Tensor:
    draw = np.random.default_rng(channels)
    return torch.from_numpy(draw.integers(1, 256, (COUNT, HEIGHT, WIDTH, channels), dtype=np.uint8))


def literal(images: torch.Tensor, index: int, draws: Draws, run: RunConfig) -> torch.Tensor:
    """One image, pixel by pixel, from the definition."""
    source, out = images[index], torch.zeros_like(images[index])
    mean = images.double().mean((0, 1, 2)).round().to(torch.uint8)
    top, left = int(draws.top[index]) - run.crop, int(draws.left[index]) - run.crop
    half = run.cutout // 2
    for row in range(HEIGHT):
        for column in range(WIDTH):
            mirrored = WIDTH - 1 - column if run.flip and draws.mirror[index] else column
            y, x = row + top, mirrored + left
            if 0 <= y < HEIGHT and 0 <= x < WIDTH:
                out[row, column] = source[y, x]
            y0, x0 = (int(middle) - half for middle in draws.middle[index])
            if run.cutout and y0 <= row < y0 + run.cutout and x0 <= column < x0 + run.cutout:
                out[row, column] = mean
    return out


@settings(max_examples=40, deadline=None)
@given(
    flip=st.booleans(),
    crop=st.integers(0, 8),
    cutout=st.integers(0, 12),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_a_batch_is_what_a_loop_over_its_pixels_gives(flip, crop, cutout, channels, seed):
    run, images = config(flip=flip, crop=crop, cutout=cutout), some_images(channels)
    augment = Augment(images, run)
    draws = augment.draw(torch.Generator().manual_seed(seed), 3)
    batch = torch.tensor([7, 0, 39, 7])
    taken = augment.take(batch, draws)
    assert taken.dtype == torch.uint8
    for image, index in zip(taken, batch.tolist(), strict=True):
        assert torch.equal(image, literal(images, index, draws, run))


def test_shifts_mirrors_and_blanks_are_drawn_evenly():
    images = torch.zeros((20_000, 4, 5, 1), dtype=torch.uint8)
    draws = Augment(images, config(flip=True, crop=2, cutout=1)).draw(torch.Generator().manual_seed(1), 1)
    for values, choices in ((draws.top, 5), (draws.left, 5), (draws.mirror.long(), 2), (draws.middle[:, 0], 4)):
        share = torch.bincount(values).double() / len(images)
        assert len(share) == choices
        assert (share - 1 / choices).abs().max() < 0.02
    assert int(draws.middle[:, 1].max()) == 4


def test_mixup_mixes_images_and_targets_alike():
    images, targets = some_images()[:4], torch.eye(4)
    mixed, soft = mix(images, targets, 0.3)
    for i in range(4):
        assert torch.allclose(mixed[i], 0.3 * images[i].float() + 0.7 * images[i - 1].float())
        assert torch.allclose(soft[i], 0.3 * targets[i] + 0.7 * targets[i - 1])


# The loader


def loader(**values: object) -> BatchLoader:
    return BatchLoader(DeviceDataset(some_images(), torch.arange(COUNT) % 10), config(**values), 10)


def test_without_augmentation_batches_are_the_images_and_their_leaves():
    seen = loader()
    order = torch.cat([leaves for _, leaves in seen.epoch(1)])
    images = torch.cat([images for images, _ in seen.epoch(1)])
    assert len(seen) == 3
    assert order.dtype == torch.int64
    assert sorted(map(bytes, images.flatten(1).numpy())) == sorted(map(bytes, some_images().flatten(1).numpy()))


@pytest.mark.parametrize("values", [{}, {"flip": True, "crop": 2, "cutout": 3}, {"mixup": 0.5, "label_smoothing": 0.2}])
def test_an_epoch_that_begins_in_the_middle_is_the_rest_of_the_whole_one(values):
    whole = list(loader(**values).epoch(5))
    rest = list(loader(**values).epoch(5, start=1))
    assert len(rest) == 2
    for (images, targets), (expected, their) in zip(rest, whole[1:], strict=True):
        assert torch.equal(images, expected)
        assert torch.equal(targets, their)
    other = next(iter(loader(**values).epoch(6)))
    assert not torch.equal(other[0], whole[0][0]), "each epoch draws anew"


def test_augmentation_does_not_change_the_order_of_the_images():
    plain, soft = (torch.cat([t for _, t in loader(**v).epoch(3)]) for v in ({}, {"label_smoothing": 0.1}))
    assert torch.equal(soft.argmax(1), plain)


def test_smoothed_labels_share_the_smoothed_part_among_all_classes():
    _, targets = next(iter(loader(label_smoothing=0.3).epoch(1)))
    assert targets.shape == (16, 10)
    assert torch.allclose(targets.sum(1), torch.ones(16))
    assert sorted(set(targets.flatten().tolist())) == pytest.approx([0.03, 0.73])
