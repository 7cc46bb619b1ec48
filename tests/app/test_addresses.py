"""What an address may not do: import code, open files, or stop a page from being shown."""

import sys

import pytest

from tests.app.conftest import texts

NUMBERS = ("inf", "-inf", "infinity", "nan", "1e999", "-1e999", "9" * 400, "-" + "9" * 30, "0x10", "seven", "")
FIELDS = ("epochs", "batch-size", "learning-rate", "seeds", "first-seed", "crop", "cutout", "patience", "step-epochs")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that leaves a file when it is imported; that file."""
    (tmp_path / "noisy_nets").mkdir()
    said = tmp_path / "imported"
    (tmp_path / "noisy_nets" / "__init__.py").write_text(f"open({str(said)!r}, 'w').close()")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield said
    sys.modules.pop("noisy_nets", None)


def test_a_network_in_the_address_is_not_imported_by_opening_the_page(open_page, package):
    page = open_page("train", data="digits", model="noisy_nets.small:build")
    assert not page.exception
    assert page.selectbox(key="model").value == "noisy_nets.small:build"
    assert [button for button in page.button if button.label.startswith("Start ")]
    assert not package.exists()


def test_a_network_whose_package_is_missing_is_told_when_start_is_pressed(open_page, store):
    page = open_page("train", data="digits", model="no_such_nets:build")
    assert not page.error
    (start,) = [button for button in page.button if button.label.startswith("Start ")]
    start.click().run()
    assert "There is no module" in page.error[0].value
    assert not store.runs()


@pytest.mark.parametrize("value", NUMBERS)
def test_a_number_in_the_address_that_is_none_or_too_large_leaves_the_default(value, open_page):
    plain, page = open_page("train", data="digits"), open_page("train", data="digits", **dict.fromkeys(FIELDS, value))
    assert not page.exception
    assert not page.error
    shown = [{field.key: field.value for field in each.number_input} for each in (plain, page)]
    assert shown[0] == shown[1]
    assert "This queues" in texts(page)
