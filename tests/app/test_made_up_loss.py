"""A loss that is one file of the package is in the form, and its runs are queued with its options."""

from tests.app.conftest import start
from tests.made_up_loss import made_up

__all__ = ["made_up"]


def test_the_form_offers_it_with_its_options(made_up, open_page, store):
    page = open_page("train", data="digits", loss=["made-up"])
    assert not page.exception
    assert made_up.title in page.multiselect(key="loss").options
    (field,) = (each for each in page.number_input if each.key == "made-up.strength")
    assert (field.value, field.max) == (2.0, 9.0)
    field.set_value(3.0).run()
    start(page)
    assert not page.exception
    assert [(run.config.loss, run.config.options) for run in store.runs()] == [("made-up", {"strength": 3.0})]
