"""Where the WordNet dictionary is looked for, and how it is downloaded, with a stand-in for apt."""

import shutil
import subprocess

import pytest

from hierapp.cli.main import main
from hierapp.data import tree_proposals, wordnet_files
from hierapp.errors import DatasetError
from tests.trees import tiny_wordnet


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("HIERAPP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(wordnet_files, "INSTALLED", tmp_path / "usr" / "wordnet")
    return tmp_path / "data"


def test_without_the_dictionary_it_is_said_how_to_get_it(data):
    with pytest.raises(DatasetError, match="tree wordnet"):
        tree_proposals.propose("wordnet", ["cat", "dog"])


def test_an_installed_dictionary_is_read(data):
    tiny_wordnet.write(wordnet_files.INSTALLED)
    assert wordnet_files.get() == wordnet_files.INSTALLED
    assert tree_proposals.propose("wordnet", ["cat", "dog", "car"]).leaves == ("cat", "dog", "car")


@pytest.mark.parametrize("complete", [True, False])
def test_the_package_is_unpacked_into_the_data_folder_whole_or_not_at_all(data, monkeypatch, complete):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    def run(command, cwd):
        if "download" in command:
            (cwd / "wordnet-base.deb").touch()
        elif complete:
            tiny_wordnet.write(cwd / wordnet_files.INSTALLED.relative_to("/"))

    monkeypatch.setattr(wordnet_files, "run_command", run)
    if complete:
        assert wordnet_files.get() == data / "wordnet"
        assert sorted(file.name for file in (data / "wordnet").iterdir()) == ["data.noun", "index.noun"]
    else:
        with pytest.raises(DatasetError, match="WordNet"):
            wordnet_files.get()
    assert [file.name for file in data.iterdir()] == (["wordnet"] if complete else [])


@pytest.mark.parametrize("fault", ["no apt", "no network"])
def test_what_keeps_apt_from_it_is_told(data, monkeypatch, fault):
    monkeypatch.setattr(shutil, "which", lambda name: None if fault == "no apt" else name)

    def run(command, cwd):
        raise subprocess.TimeoutExpired("apt-get", 600)

    monkeypatch.setattr(wordnet_files, "run_command", run)
    with pytest.raises(DatasetError, match="apt" if fault == "no apt" else "could not be downloaded"):
        wordnet_files.get()


def test_the_command_line_takes_and_prints_senses(data, tmp_path, capsys):
    tiny_wordnet.write(wordnet_files.INSTALLED)
    (tmp_path / "names.txt").write_text("cat\ndog\ncar\ntruck\n")
    words = ["tree", "propose", "--classes", str(tmp_path / "names.txt"), "--by", "wordnet"]
    assert main(words) == 0
    assert "cat.n.01  a feline mammal" in capsys.readouterr().out
    assert main([*words, "--sense", "cat=cat.n.02", "--json"]) == 0
    assert '"cat": "cat.n.02"' in capsys.readouterr().out
    for wrong in ("cat", "cat=", "cow=cat.n.01", "cat=cat.n.09"):
        assert main([*words, "--sense", wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main([*words[:-1], "words", "--sense", "cat=cat.n.02"]) == 2
