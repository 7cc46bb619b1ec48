"""The settings that every loss test walks through."""

import warnings

import pytest

from hierapp import make_loss
from hierapp.losses.propriety import ImproperLossWarning
from tests.losses.literal import options_for


@pytest.fixture
def make():
    """`make_loss` with options that fit the tree, and without the warning of improper pairs."""

    def quiet(name, tree, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImproperLossWarning)
            return make_loss(name, tree, **options_for(tree, options))

    return quiet
