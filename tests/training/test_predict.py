"""A finished run's network on images: the same as it said of its test images, or one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from hierapp.data import registry as datasets
from hierapp.errors import ConfigError, StoreError
from hierapp.runs import Store
from hierapp.training import predictions
from hierapp.training.predict import FILE, predict
from tests.real_runs import digits_run


@pytest.fixture(scope="module", params=["cross-entropy", "conditional"])
def run(request, tmp_path_factory):
    return digits_run(Store(tmp_path_factory.mktemp("home")), request.param)


@pytest.fixture(scope="module")
def images():
    return datasets.arrays("digits", "test")[0]


def test_it_says_what_is_stored_of_the_test_images(run, images):
    stored = predictions.read(run.folder)
    found = predict(run.folder, run.config, run.tree, images)
    assert found.shape == (359, 10)
    # Half precision has 11 digits in base 2.
    np.testing.assert_allclose(np.exp(found), stored.probabilities, rtol=2**-10, atol=2**-24)
    np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-5)
    # One by one as all at once.
    np.testing.assert_allclose(predict(run.folder, run.config, run.tree, images[7:8]), found[7:8], atol=1e-4)
    assert predict(run.folder, run.config, run.tree, images[:0]).shape == (0, 10)


def test_images_of_another_shape_or_kind_are_refused_in_a_sentence(run, images):
    for wrong in (images.astype(np.float32), images[0]):
        with pytest.raises(ConfigError, match=r"^Expected images as uint8 .*, or features .* but got .*\.$"):
            predict(run.folder, run.config, run.tree, wrong)
    with pytest.raises(StoreError, match=r"lenet for inputs of 32 x 32 x 3 and \d+ logits"):
        predict(run.folder, run.config, run.tree, np.zeros((1, 32, 32, 3), np.uint8))


def test_weights_that_are_missing_broken_or_not_numbers_are_told(run, images, tmp_path):
    with pytest.raises(StoreError, match=r"^There are no weights in "):
        predict(tmp_path, run.config, run.tree, images)
    (tmp_path / FILE).write_bytes((run.folder / FILE).read_bytes()[:1000])
    with pytest.raises(StoreError, match=r"are broken; train the run again\.$"):
        predict(tmp_path, run.config, run.tree, images)
    tensors = load_file(run.folder / FILE)
    name = next(name for name in tensors if name.endswith("bias"))
    save_file({**tensors, name: tensors[name] * np.nan}, tmp_path / FILE)
    with pytest.raises(StoreError, match="not finite"):
        predict(tmp_path, run.config, run.tree, images)


def test_batches_end_where_they_end(run, images, monkeypatch):
    whole = predict(run.folder, run.config, run.tree, images)
    monkeypatch.setattr("hierapp.training.predict.BATCH", 100)
    np.testing.assert_allclose(predict(run.folder, run.config, run.tree, images), whole, atol=1e-4)


def test_a_run_knows_its_own_tree(run, images):
    stranger = replace(run, tree_text='{"name": "x", "children": [{"name": "a"}, {"name": "b"}]}').tree
    with pytest.raises(StoreError, match="do not fit lenet"):
        predict(run.folder, run.config, stranger, images)
