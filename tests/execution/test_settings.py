"""Where runs go, and how often they are resumed by themselves."""

import pytest

from hierapp.errors import ConfigError
from hierapp.execution import settings
from hierapp.runs import Store

GOOD = ["local", "ray", "ray://head:10001", "ray://10.0.0.7:10001", "ray://[::1]:6379"]
BAD = [
    *[
        "",
        "Local",
        "slurm",
        "ray://",
        "ray://head",
        "ray://:10001",
        "ray://head:port",
        "ray://head:70000",
        "ray://[::1",
    ],
    *["http://head:10001", "ray://head:10001/more", "ray://me@head:10001", "ray://two words:1", "head:10001"],
]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.delenv(settings.VARIABLE, raising=False)
    return Store(tmp_path / "home")


def test_runs_go_to_this_machine_as_long_as_nothing_else_is_chosen(store):
    assert settings.chosen(store) == "local"
    assert not store.folder.exists()


@pytest.mark.parametrize("value", GOOD)
def test_a_choice_is_kept_for_all_who_open_the_store(value, store):
    settings.choose(store, f" {value} ")
    assert settings.chosen(Store(store.folder)) == value
    assert settings.kind_of(value) == ("local" if value == "local" else "ray")


@pytest.mark.parametrize("value", BAD)
def test_anything_else_is_refused_in_one_sentence_and_the_choice_stays(value, store, monkeypatch):
    settings.choose(store, "ray://head:1")
    with pytest.raises(ConfigError, match=r"to be local, ray or ray://host:port but got .*10001\.$"):
        settings.choose(store, value)
    assert settings.chosen(store) == "ray://head:1"
    if value:
        monkeypatch.setenv(settings.VARIABLE, value)
        with pytest.raises(ConfigError, match="ray://host:port"):
            settings.chosen(store)


def test_the_environment_goes_before_the_choice(store, monkeypatch):
    settings.choose(store, "ray")
    assert not settings.is_fixed()
    monkeypatch.setenv(settings.VARIABLE, "local")
    assert (settings.is_fixed(), settings.chosen(store)) == (True, "local")
    monkeypatch.setenv(settings.VARIABLE, " ")
    assert (settings.is_fixed(), settings.chosen(store)) == (False, "ray")


def test_a_clusters_address_is_remembered_while_runs_go_elsewhere(store):
    assert settings.last_ray(store) == "ray"
    settings.choose(store, "ray://head:10001")
    settings.choose(store, "local")
    assert settings.last_ray(store) == "ray://head:10001"
    settings.choose(store, settings.ray_at(""))
    assert settings.last_ray(store) == "ray"


@pytest.mark.parametrize("typed", ["head:10001", "ray://head:10001", " ray://head:10001 "])
def test_an_address_is_typed_with_or_without_its_scheme(typed):
    assert settings.ray_at(typed) == "ray://head:10001"


def test_runs_are_resumed_three_times_on_a_cluster_and_never_here_unless_set(store):
    assert settings.retries(store) == 0
    settings.choose(store, "ray://head:10001")
    assert settings.retries(store) == 3
    for count in (0, 10):
        settings.set_retries(store, count)
        assert settings.retries(Store(store.folder)) == count


@pytest.mark.parametrize("count", [-1, 11, 2.5])
def test_a_number_of_retries_that_cannot_be_is_refused(count, store):
    settings.set_retries(store, 2)
    with pytest.raises(ConfigError, match="from 0 to 10"):
        settings.set_retries(store, count)
    assert settings.retries(store) == 2


@pytest.mark.parametrize(
    "address", ["https://labs.example.org/hierapp", "http://10.0.0.3:8501", "https://[::1]:80", ""]
)
def test_a_public_address_is_kept_without_its_last_slash(address, store, monkeypatch):
    monkeypatch.delenv("HIERAPP_PUBLIC_URL", raising=False)
    settings.set_public_address(store, f" {address}/ " if address else "  ")
    assert settings.public_address(store) == address
    monkeypatch.setenv("HIERAPP_PUBLIC_URL", "https://elsewhere.org/")
    assert settings.public_address(store) == "https://elsewhere.org"
    assert settings.is_address_fixed()


@pytest.mark.parametrize(
    "address",
    ["labs.example.org", "ftp://labs.example.org", "javascript:alert(1)", "https://", "https://a.org/?x=1",
     "https://a b", "https://me:secret@a.org", "https://a.org:99999", "https://[::1", "https://a.org/#x"],
)  # fmt: skip
def test_what_is_no_public_address_is_refused(address, store, monkeypatch):
    monkeypatch.delenv("HIERAPP_PUBLIC_URL", raising=False)
    with pytest.raises(ConfigError, match="public address"):
        settings.set_public_address(store, address)
    assert settings.public_address(store) == ""
    monkeypatch.setenv("HIERAPP_PUBLIC_URL", address)
    with pytest.raises(ConfigError, match="public address"):
        settings.public_address(store)
