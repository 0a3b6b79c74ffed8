"""The report in a real Chromium: on a desk and a phone, light and dark."""

import os
import shutil

import pytest
from test_evaluate_runs import CALL, Sure, run

from enactor.evaluate.report import write_report
from enactor.evaluate.run import Policy
from enactor.evaluate.suite import Suite, load_suite

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
TOO_SMALL = """() => [...document.querySelectorAll("svg text")].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.height > 0 && box.height < 8;
}).length"""
CUT = """() => [...document.querySelectorAll("svg")].flatMap((chart) => {
    const edge = chart.getBoundingClientRect();
    return [...chart.querySelectorAll("text")].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.left < edge.left - 1 || box.right > edge.right + 1;
    }).map((node) => node.textContent);
})"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    suite = Suite("core", 1, "about", load_suite("core").first(24).cases)
    run(path, Policy("ollama:some-model-with-a-long-name+described", Sure("ok", -2.0)), suite, trials=4)
    folder = run(path, Policy("cows", Sure(CALL, -0.1)), suite, trials=4)
    return write_report(folder, list(folder.head["policies"]))


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        # As root, in a container, Chromium's own sandbox cannot be set up.
        arguments = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        found = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_readable(browser, report, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 840}, color_scheme=scheme)
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    assert (told, asked) == ([], [report.as_uri()])
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate("document.querySelectorAll('details').forEach((found) => (found.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(TOO_SMALL) == 0
    assert page.evaluate(CUT) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground.strip("rgb()").split(","))) < 200) == (scheme == "dark")
    page.close()
