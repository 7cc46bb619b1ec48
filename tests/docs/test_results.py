"""The results of the studies in the documentation are those that the program computes from the files that ship."""

from benchmarks import study_plot
from hierapp.paths import project_folder
from hierapp.studies import findings, library
from tests.docs import pages


def test_findings_are_the_output_of_the_command():
    assert findings.markdown(findings.supported()) in pages.text("docs/results.md")


def test_the_answer_stands_at_the_top_of_the_readme_and_of_the_results():
    for page in ("README.md", "docs/results.md"):
        words = " ".join(pages.text(page).split())
        assert " ".join(findings.load().answer) in words


def test_the_picture_is_drawn_from_the_results_that_ship():
    drawn = study_plot.svg(library.find(study_plot.STUDY))
    assert (project_folder() / "docs" / "images" / "losses.svg").read_text(encoding="utf-8") == drawn
