"""The newcomer's walk, in a real browser over real runs."""

import re

import pytest
from playwright.sync_api import expect

from hierapp.execution import slots
from hierapp.losses import LOSSES
from tests.app.conftest import add_run
from tests.e2e.conftest import LONG, SCREENSHOTS, Server, points, wait_until

TITLES = {
    "": "Mistaking a cat for a dog",
    "data": "Data",
    "trees": "Trees",
    "similarities": "Similarities",
    "studio": "Studio",
    "lab": "Loss lab",
    "findings": "Findings",
    "losses": "Losses",
    "train": "Train",
    "search": "Search",
    "runs": "Runs",
    "compare": "Compare",
    "studies": "Studies",
    "reproduce": "Reproduce",
    "settings": "Settings",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A server with a finished run of each loss, for tests that only look."""
    folder = tmp_path_factory.mktemp("filled")
    server = Server(folder / "home", folder / "data")
    for loss in LOSSES:
        add_run(server.store, loss=loss)
    server.start()
    yield server
    server.clean()


def last_epoch(page):
    """The last epoch of the first curve; of a long one not all points are drawn."""
    return page.evaluate("() => document.querySelector('.st-key-accuracy .js-plotly-plot')?.data?.[0]?.x?.at(-1) ?? 0")


def test_compare_the_losses_watch_them_and_find_the_results_again(server, page):
    slots.set_slots(server.store, "cpu", 2)
    page.goto(server.url)
    page.get_by_role("radio", name="Digits").click()
    page.get_by_role("button", name="Compare three losses on Digits").click()
    page.wait_for_url(re.compile(r"/runs\?runs=1&"))

    seen: dict[int, int] = {}  # the fewest points that each curve had

    def gains_points_while_running():
        now = [(line, count) for line, count in enumerate(points(page, "accuracy")) if 0 < count < 100]
        return any(count > seen.setdefault(line, count) for line, count in now)

    wait_until(gains_points_while_running, "a curve that grows while its run is going on")

    wait_until(lambda: not any(run.is_open for run in server.store.runs()), "the runs' end")
    runs = server.store.runs()
    assert {run.state for run in runs} == {"finished"}
    accuracy = {run.config.loss: run.test["accuracy"] for run in runs}
    assert list(accuracy) == ["cross-entropy", "conditional", "hierarchical"]
    assert all(value > 0.9 for value in accuracy.values()), accuracy

    for _ in range(2):  # the second time after a reload
        expect(page.get_by_role("heading", name="Confusion matrix")).to_be_visible(timeout=LONG)
        expect(page.get_by_role("heading", name="Class accuracy and weighted class accuracy")).to_be_visible()
        expect(page.get_by_text("From the test images.")).to_be_visible(timeout=LONG)
        wait_until(lambda: points(page, "accuracy") == [100] * 3, "all curves whole")
        # Two dots for each class and run: class accuracy and weighted class accuracy.
        wait_until(lambda: points(page, "classes") == [10] * 2 * 3, "the class accuracies")
        confusion = page.locator(".st-key-confusion .js-plotly-plot")
        expect(confusion).to_be_visible()
        expect(confusion.locator("g.ytick")).to_have_count(10)
        page.reload()

    expect(page.get_by_text("the highest accuracy")).to_be_visible()
    expect(page.get_by_role("button", name="Add 18 runs, for 7 seeds")).to_be_visible()
    page.get_by_role("radio", name="test", exact=True).click()
    expect(page.get_by_role("slider", name="Epoch")).to_have_count(0)


def test_the_slider_shows_the_confusion_of_an_earlier_epoch(server, page):
    from hierapp.execution import scheduler
    from hierapp.training import RunConfig
    from hierapp.trees import library as tree_library

    tree = tree_library.load("digits")
    config = RunConfig.make(data="digits", tree="digits", loss="cross-entropy", epochs=3)
    run = server.store.add([config], tree)[0]
    scheduler.ensure_scheduler(server.store)
    wait_until(lambda: not server.store.run(run).is_open, "the run's end")
    page.goto(f"{server.url}/runs?runs={run}")
    slider = page.get_by_role("slider", name="Epoch")
    expect(slider).to_be_visible(timeout=LONG)

    def numbers_shown():
        cells = page.locator(".st-key-confusion .js-plotly-plot .heatmaplayer text").all_text_contents()
        return sorted(map(int, cells))

    def numbers_stored(epoch):
        return sorted(server.store.confusion(run, "validation", epoch).toarray().ravel().tolist())

    assert numbers_stored(1) != numbers_stored(3)
    wait_until(lambda: numbers_shown() == numbers_stored(3), "the last epoch's numbers")
    slider.focus()
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    wait_until(lambda: numbers_shown() == numbers_stored(1), "the first epoch's numbers")


def test_every_page_opens_by_its_address_and_back_goes_to_the_page_before(server, page):
    def is_open(path):
        expect(page.get_by_role("heading", level=1, name=TITLES[path])).to_be_visible()
        # The router's own navigation, not the one that Streamlit makes of the folder's files.
        expect(page.get_by_test_id("stTopNavLink").get_by_text("Start")).to_be_visible()
        expect(page.get_by_role("link", name="common")).to_have_count(0)
        expect(page.get_by_role("dialog")).to_have_count(0)  # "Page not found"
        expect(page.get_by_test_id("stException")).to_have_count(0)

    # The first visit to a fresh server is to a page's own address.
    for path in reversed(TITLES):
        page.goto(f"{server.url}/{path}")
        is_open(path)

    before = page.evaluate("history.length")
    visited = [
        ("Prepare", "Trees"),
        ("Learn", "Lab"),
        ("Results", "Compare"),
        ("Train", "Train"),
        ("Learn", "Findings"),
        ("Prepare", "Data"),
        ("Results", "Runs"),
        ("Train", "Search"),
        ("Learn", "Losses"),
        ("Results", "Studies"),
    ]
    for section, title in visited:
        page.get_by_test_id("stTopNavSection").get_by_text(section).click()
        page.get_by_role("menuitem", name=title, exact=True).click()
        expect(page).to_have_title(f"{title} · hierapp")
        is_open(title.lower())
        if title == "Trees":  # what is chosen on a page is in its address
            page.get_by_role("radio", name="edges").click()
            page.wait_for_url(re.compile("distance=edges"))
    assert page.evaluate("history.length") == before + len(visited)
    titles = [title for _, title in visited]
    for go, there in ((page.go_back, titles[-2::-1]), (page.go_forward, titles[1:])):
        for title in there:
            go()
            expect(page).to_have_title(f"{title} · hierapp")
            is_open(title.lower())


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (853, 533)], ids=["small", "1280 at 150 %"])
def test_the_menu_hides_nothing_on_a_small_screen(width, height, filled, page):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(filled.url)
    sections = page.get_by_test_id("stTopNavSection")
    expect(sections).to_have_count(5)
    for section in sections.all():
        expect(section).to_be_in_viewport()
    expect(page.get_by_role("banner").get_by_text(re.compile(r"\d+ more"))).to_have_count(0)


def test_the_run_goes_on_without_the_app_and_the_app_finds_it_again(new_server, page):
    first = new_server()
    page.goto(f"{first.url}/train?data=digits&loss=simloss")
    page.get_by_role("spinbutton", name="Epochs").fill("10000")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=1")
    store = first.store
    wait_until(lambda: store.run("1").epoch > 0, "the first epoch")
    first.stop()
    seen = store.run("1").epoch
    wait_until(lambda: store.run("1").epoch > seen, "an epoch without the app")
    second = new_server()
    page.goto(f"{second.url}/runs")
    wait_until(lambda: last_epoch(page) > seen, "the curve in the new app")
    page.get_by_role("button", name="Cancel", exact=False).click()
    page.get_by_role("button", name="Cancel 1 simloss").click()
    wait_until(lambda: store.run("1").state == "cancelled", "the cancelled run")
    expect(page.get_by_text("Confusion matrix")).to_be_visible()


def test_a_bad_tree_is_told_and_a_good_one_kept_and_trained_on(server, page, tmp_path):
    bad, good = tmp_path / "mine.csv", tmp_path / "mine.nwk"
    bad.write_text("parent,child\na,b\nb,a\n")
    good.write_text("((0,6,8,9)round,(2,3,5,1,4,7)other)digit;")
    page.goto(f"{server.url}/trees")
    page.get_by_role("button", name="Upload a tree").click()
    page.locator("input[type=file]").set_input_files(bad)
    expect(page.get_by_text("form a cycle")).to_be_visible()
    page.locator("input[type=file]").set_input_files(good)
    expect(page.get_by_text("is a label tree of 13 nodes and 10 leaves")).to_be_visible()
    page.get_by_role("button", name="Save this tree").click()
    expect(page).to_have_url(re.compile(r"tree=mine"))
    expect(page.get_by_test_id("stMetricValue").get_by_text("12", exact=True)).to_be_visible()
    page.goto(f"{server.url}/train?data=digits&label-tree=mine&loss=hierarchical")
    page.get_by_role("button", name="Start 1 run").click()
    page.wait_for_url("**/runs?runs=1")
    wait_until(lambda: server.store.run("1").state == "finished", "the run's end")
    assert set(server.store.run("1").tree.nodes) == {"digit", "round", "other", *"0123456789"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_of_every_page(scheme, filled, page):
    """Nothing sticks out to the side and no label is cut; the pictures are for people to look at."""
    page.emulate_media(color_scheme=scheme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for path, title in TITLES.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{filled.url}/{path}")
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        page.wait_for_selector("[data-test-script-state=notRunning]")
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": 1280, "height": min(height, 5000)})
        page.wait_for_selector("[data-test-script-state=notRunning]")
        page.screenshot(path=SCREENSHOTS / f"{path or 'start'}-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.locator("[data-testid=stException]").count() == 0
        cut = page.evaluate(
            """() => [...document.querySelectorAll('button p, label p, [data-testid=stMetricLabel] p, h1, h2, h3')]
                .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"""
        )
        assert cut == []
