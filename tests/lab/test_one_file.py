"""The lab as one file: its contents, and that names in it are only text. Its page is tested in tests/e2e."""

import json
import re

import pytest

from hierapp import LabelTree
from hierapp.cli.main import main
from hierapp.errors import ConfigError, StoreError
from hierapp.lab import one_file, views
from hierapp.lab.choices import LossChoice
from hierapp.lab.example import Example
from hierapp.lab.judgement import judge
from hierapp.lab.stories import story
from hierapp.lab.views import State

EVIL = ["</script><img src=x onerror=alert(1)>", "\"quoted\" & 'single'", "<!-- <script>", "a{b}c\u2028d"]


def data_of(text: str) -> dict:
    """Return the data of a page as its script reads it."""
    found = re.findall(r'<script type="application/json" id="lab">(.*?)</script>', text, re.DOTALL)
    (data,) = found
    return json.loads(data)


@pytest.fixture(scope="module")
def hostile() -> tuple[State, str]:
    tree = LabelTree.from_edges([("root", EVIL[0]), ("root", EVIL[1]), (EVIL[1], EVIL[2]), (EVIL[1], EVIL[3])])
    state = State(Example.random(tree, 1), None)
    return state, one_file.of_state(state, title=EVIL[0])


def test_names_are_text_and_the_scripts_are_the_pages_own(hostile):
    state, text = hostile
    assert data_of(text)["steps"][0]["tree"]["names"] == list(state.example.tree.nodes)
    assert "<img" not in text
    assert len(re.findall(r"<script\b", text.replace("<!-- <script>", ""))) == 2
    assert text.count("</script>") == 2
    assert "<title>&lt;/script&gt;&lt;img" in text


def test_nothing_is_loaded_and_no_other_script_runs(hostile):
    _, text = hostile
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none';")
    assert re.search(r"script-src 'sha256-[\w+/=]+'$", policy)
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)


def test_a_story_has_all_its_steps_with_pythons_numbers():
    steps = data_of(one_file.of_story("cat-truck"))["steps"]
    told = story("cat-truck")
    assert [each["title"] for each in steps] == [each.title for each in told.steps]
    for number, (step, at) in enumerate(zip(steps, told.steps, strict=True), 1):
        state = views.start("cat-truck", number)
        assert step["text"] == at.text
        assert step["logits"] == list(state.example.logits)
        values = [judge(state.example, choice).value for choice in state.losses]
        assert [each["value"] for each in step["stated"]["losses"]] == pytest.approx(values)


def test_the_numbers_of_plots_without_a_form_are_stated():
    said = [" ".join(each["plots"]) for each in data_of(one_file.of_story("second-term"))["steps"]]
    assert "d has probability 0.61" in said[3]
    assert said[5].endswith("0.735.")
    assert "−0.104" in " ".join(data_of(one_file.of_story("convex"))["steps"][4]["plots"])


def test_a_view_has_every_other_loss_a_click_away(hostile):
    (step,) = data_of(hostile[1])["steps"]
    assert len(step["losses"]) == 3
    assert {each["name"] for each in step["losses"]} < {each["name"] for each in step["more"]["losses"]}


def test_a_view_with_a_loss_that_only_python_has_is_refused(made_up):
    state = State(views.start().example, None, losses=(LossChoice(made_up.name),))
    with pytest.raises(ConfigError, match="only Python"):
        one_file.of_state(state)


def test_the_command_writes_a_story_a_tree_and_a_link(tmp_path, capsys):
    file = tmp_path / "story.html"
    assert main(["lab", "export", "--story", "one-path", "-o", str(file)]) == 0
    assert len(data_of(file.read_text())["steps"]) == 4
    tree = tmp_path / "tree.csv"
    tree.write_text("parent,child\nfood,apple\nfood,pear\n")
    out = tmp_path / "tree.html"
    words = ["lab", "export", "--tree", str(tree), "--true", "pear", "--loss", "hierarchical:mass=0", "-o", str(out)]
    assert main(words) == 0
    (step,) = data_of(out.read_text())["steps"]
    assert (step["tree"]["names"], step["target"]) == (["food", "apple", "pear"], 1)
    assert [each["title"] for each in step["losses"]] == ["Hierarchical (mass 0)"]
    link = tmp_path / "link.html"
    assert main(["lab", "export", "--link", "http://localhost/lab?lesson=cat-truck&step=2&y=dog", "-o", str(link)]) == 0
    (step,) = data_of(link.read_text())["steps"]
    assert step["title"] == "True class: dog"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--story", "nobody"], "no story 'nobody'"),
        (["--story", "convex", "--loss", "conditional"], "its own"),
        (["--tree", "cifar10", "--true", "cow"], "no class 'cow'"),
        (["--tree", "cifar10", "--loss", "nobody"], "Unknown loss 'nobody'"),
        (["--link", "http://localhost/lab?nodes=broken"], "broken or truncated"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_line(words, says, tmp_path, capsys):
    assert main(["lab", "export", *words, "-o", str(tmp_path / "out.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not (tmp_path / "out.html").exists()


def test_a_file_is_never_overwritten(tmp_path):
    file = tmp_path / "there.html"
    file.write_text("mine")
    with pytest.raises(StoreError, match="already exists"):
        one_file.write("other", file)
    assert file.read_text() == "mine"
