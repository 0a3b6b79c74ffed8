"""The web console in a real Chromium: talk, map, panels, judging, comparing; by keyboard, on a phone, in the
dark, against hostile text.

Skipped where playwright or Chromium is absent. The variable CHROMIUM names another binary.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from browsing import CONTRAST, DARK, DESKTOP, MARKS, PHONE, launched, sync_api
from web_console import HOSTILE, TOKEN, Running, running

from enactor.serve.staging import stage

pytest.importorskip("uvicorn")
expect = sync_api.expect
pytestmark = MARKS

PALETTE = """() => {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("i");
  document.body.append(probe);
  const light = (name) => {
    probe.style.color = style.getPropertyValue(name);
    const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number);
    const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const found = [];
  for (const name of ["text", "player", "npc", "foe", "thing", "tree", "rock", "place", "path", "item"])
    for (const ground of ["ground", "sight", "halo"]) {
      const [a, b] = [light(`--map-${name}`), light(`--map-${ground}`)].sort((x, y) => y - x);
      found.push([(a + 0.05) / (b + 0.05), name, ground]);
    }
  probe.remove();
  return found;
}"""


COLOURS = """() => {
  const c = document.getElementById("tiles");
  const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  const seen = new Set();
  for (let i = 0; i < d.length; i += 4) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
  return seen.size;
}"""
NAMELESS = """() =>
  [...document.querySelectorAll("button, input:not(#ask-value), select, textarea, a, meter, canvas")]
    .filter((one) => !(one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim()))
    .map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a console and opens its page, which has `made`, the `Running`. Any error of the page, or load
    from elsewhere, fails the test."""
    problems: list[str] = []
    elsewhere: list[str] = []
    with ExitStack() as stack:

        def told(message: Any) -> None:
            # An answer of 4xx is told as an error; so are the markup that a test tries to set, a lost link.
            expected = ("status of 4", "Trusted", "ERR_INTERNET_DISCONNECTED")
            if message.type == "error" and not any(text in message.text for text in expected):
                problems.append(message.text)

        def start(device: dict[str, Any] = DESKTOP, made: Running | None = None, **options: Any) -> Any:
            if made is None:
                made = stack.enter_context(running(tmp_path, **options))
            context = browser.new_context(**device)
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            page = context.new_page()
            page.on("console", told)
            page.on("pageerror", lambda error: problems.append(str(error)))
            base = made.base
            page.on("request", lambda r: None if r.url.startswith(base) else elsewhere.append(r.url))
            page.goto(base + "/" + (f"#token={options['token']}" if options.get("token") else ""))
            page.wait_for_selector("body.ready")
            page.wait_for_selector("#link[data-kind=live]")
            page.made = made
            return page

        yield start
    assert problems == []
    assert elsewhere == []


def say(page: Any, words: str, outcome: str = "") -> Any:
    """Say it; the last turn, once it has ended."""
    before = page.locator(".turn").count()
    page.fill("#message", words)
    page.press("#message", "Enter")
    expect(page.locator(".turn")).to_have_count(before + 1)
    turn = page.locator(".turn").nth(before)
    if outcome:
        expect(turn.locator(".foot .badge")).to_have_text(outcome)
    return turn


def test_a_request_its_calls_and_the_world(opened: Any) -> None:
    page = opened()
    before = page.get_attribute("#tiles", "data-middle")
    turn = say(page, "walk 20 east", "executed")
    expect(turn.locator(".steps code")).to_have_text("GOTO 3242 3218 0")
    expect(turn.locator(".changes")).to_contain_text("moved 20 tiles east")
    assert not turn.locator(".more pre").first.is_visible()
    turn.locator("summary").click()
    expect(turn.locator(".more")).to_contain_text("sent as GOTO 3242 3218 0")
    expect(turn.locator(".more pre").last).to_contain_text("<tool_call>")
    expect(page.locator("#tiles")).to_have_attribute("data-middle", "3242,3218")
    assert before == "3222,3218"
    expect(page.locator("#vitals")).to_contain_text("At 3242, 3218, 0")
    expect(page.locator("#vitals")).to_contain_text("Health 30 of 30")
    expect(page.locator("#near")).to_contain_text("Near: ")
    expect(page.locator("#panel")).to_contain_text("Bronze axe")
    page.locator("#message").blur()
    page.keyboard.press("2")
    expect(page.locator("#panel")).to_contain_text("attack")
    page.keyboard.press("3")
    expect(page.locator("#panel")).to_contain_text("Iron scimitar")
    page.keyboard.press("4")
    expect(page.locator("#panel")).to_contain_text("[COMMAND] GOTO 3242 3218 0")
    page.reload()
    page.wait_for_selector(".turn .steps")  # what was said is still there
    expect(page.locator(".turn")).to_have_count(1)


def test_an_empty_page_says_what_can_be_said(opened: Any) -> None:
    page = opened()
    expect(page.locator("#welcome")).to_be_visible()
    page.get_by_role("button", name="walk 20 east").click()
    expect(page.locator(".turn .steps code")).to_have_text("GOTO 3242 3218 0")
    expect(page.locator("#welcome")).not_to_be_visible()
    assert page.evaluate("document.activeElement.id") == "message"


def test_what_failed_is_told_once(opened: Any) -> None:
    turn = say(opened(), "BANK_OPEN", "failed")
    expect(turn.locator(".reply")).to_contain_text("too far from any bank")
    expect(turn.locator(".steps .problem")).to_have_count(0)


def test_the_map_follows_is_moved_and_zoomed(opened: Any) -> None:
    page = opened()
    tiles = page.locator("#tiles")
    expect(tiles).to_have_attribute("data-middle", "3222,3218")
    scale = int(tiles.get_attribute("data-scale"))
    page.click("#zoom-in")
    assert int(tiles.get_attribute("data-scale")) > scale
    page.locator("body").press("-")
    assert int(tiles.get_attribute("data-scale")) == scale
    box = tiles.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    expect(page.locator("#spot")).to_contain_text("3")
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 200, steps=4)
    page.mouse.up()
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
    assert tiles.get_attribute("data-middle") == f"{3222 + 120 // scale},3218"
    say(page, "walk 20 east", "executed")
    assert not tiles.get_attribute("data-middle").startswith("3242")
    page.locator("#message").blur()
    page.keyboard.press("f")
    expect(tiles).to_have_attribute("data-middle", "3242,3218")
    tiles.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
    drawn = page.evaluate(COLOURS)
    assert drawn > 20


def test_a_question_is_answered_by_a_key(opened: Any) -> None:
    page = opened()
    turn = say(page, "drop everything")
    expect(turn.locator(".question")).to_contain_text("Really?")
    page.locator("#message").blur()
    page.keyboard.press("n")
    expect(turn.locator(".question")).to_have_count(0)
    turn = say(page, "drop everything")
    turn.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#panel")).not_to_contain_text("Tuna")


def test_stop_is_one_key_away(opened: Any) -> None:
    page = opened(pace=4.0)
    turn = say(page, "slow")
    expect(turn.locator(".said .badge")).to_have_text("at it")
    expect(page.locator("#vitals")).to_contain_text("GOTO 3213 3428 0")
    waits = say(page, "walk 20 east")
    expect(page.locator("#queue")).to_contain_text("2 requests are open")
    page.keyboard.press("Escape")
    expect(turn.locator("p.problem")).to_contain_text("stopped by ann")
    expect(waits.locator("p.problem")).to_contain_text("stopped by ann")
    expect(page.locator("#vitals")).not_to_contain_text("Doing")
    turn = say(page, "slow")
    turn.get_by_role("button", name="Cancel").click()
    expect(turn.locator("p.problem")).to_contain_text("cancelled by ann")


def test_a_loop_tells_how_far_it_is(opened: Any) -> None:
    page = opened(pace=120.0)
    turn = say(page, "kill ten chickens")
    expect(turn.locator(".progress")).to_contain_text("KILL_LOOP Chicken none 10")
    expect(turn.locator(".changes").last).to_contain_text("has ended")


def test_rating_and_correction_in_place(opened: Any) -> None:
    page = opened()
    turn = say(page, "walk 20 east", "executed")
    turn.get_by_role("button", name="Bad").click()
    expect(turn.get_by_role("button", name="Bad")).to_have_attribute("aria-pressed", "true")
    page.locator("#message").blur()
    page.keyboard.press("g")
    expect(turn.get_by_role("button", name="Good")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("x")
    expect(page.locator("#calls")).to_have_value("GOTO east 20")
    page.fill("#calls", "GOTO wst 20")
    page.press("#calls", "End")
    expect(page.locator("#lines li")).to_have_count(1)
    page.fill("#calls", "GOO west 20")
    page.wait_for_selector("#lines .bad")
    page.click("#fix-save")
    expect(page.locator("#fix-problem")).to_contain_text("GOO")
    page.fill("#calls", "GOTO west 20")
    page.wait_for_selector("#lines .good")
    page.click("#fix-save")
    expect(page.locator("#fix")).not_to_be_visible()
    expect(turn.get_by_role("button", name="Fixed")).to_be_visible()
    lines = (page.made.store.folder / "user_feedback.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["rating"] for event in events] == [1, 5, None]
    assert events[-1]["label"]["calls"] == [{"tool": "send_command", "args": {"command": "GOTO west 20"}}]
    expect(page.locator("#to-label")).to_have_attribute("href", "label/")


def test_the_labelling_page_stands_in_its_folder(opened: Any) -> None:
    page = opened()
    say(page, "walk 20 east", "executed")
    with page.context.expect_page() as opening:
        page.click("#to-label")
    label = opening.value
    label.wait_for_selector("body.ready")
    assert label.locator("#who").text_content() == "ann"
    expect(label.locator("blockquote")).to_have_text("walk 20 east")
    label.keyboard.press("4")
    label.keyboard.press("Enter")
    expect(label.locator("#count")).to_have_text("1 of 1")


def test_two_models_side_by_side(opened: Any) -> None:
    page = opened()
    say(page, "walk 20 east", "executed")
    page.locator("#message").blur()
    page.keyboard.press("c")
    expect(page.locator("#compare-text")).to_have_value("walk 20 east")
    page.press("#compare-text", "Enter")
    expect(page.locator(".side")).to_have_count(2)
    expect(page.locator(".side h3").first).to_have_text("Left")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".side[data-won] h3")).to_contain_text("Right: ")
    names = {text.split(": ")[1].split()[0] for text in page.locator(".side h3").all_text_contents()}
    assert names == {"default", "other"}
    (line,) = (page.made.store.folder / "ab_votes.jsonl").read_text().splitlines()
    assert json.loads(line)["choice"] == "second"
    expect(page.locator("#votes")).not_to_be_visible()
    page.keyboard.press("Escape")
    page.select_option("#model", "other")
    expect(page.locator("#model")).to_be_enabled()
    assert page.made.service.desk.model.name == "other"


def test_a_scenario_and_a_report(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "note.html").write_text("<h1>Fine</h1><script>document.title = 'taken'</script>")
    page = opened()
    say(page, "walk 20 east", "executed")
    page.locator("#message").blur()
    page.keyboard.press("s")
    page.fill("#scenario-filter", "boat fare")
    page.locator("#scenario-list button").first.click()
    expect(page.locator("#message")).to_have_value(
        "i wanna be on karamja. no money on me but theres plenty in the draynor bank, use that"
    )
    expect(page.locator("#vitals")).to_contain_text("At 3093, 3250, 0")
    expect(page.locator("#panel")).to_contain_text("Lobster pot")
    expect(page.locator("#task")).to_contain_text("to come: reached:karamja_dock:8")
    for line in stage("boat_without_the_fare").scenario.solution:
        say(page, str(line), "executed")
    expect(page.locator("#task .badge")).to_have_text("done")
    page.click("#open-reports")
    with page.context.expect_page() as opening:
        page.locator("#report-list a").click()
    report = opening.value
    expect(report.locator("h1")).to_have_text("Fine")
    assert report.title() != "taken"


def test_hostile_text_is_only_text(opened: Any) -> None:
    page = opened()
    turn = say(page, f"odd {HOSTILE}", "claimed")
    turn.locator("summary").click()
    expect(turn).to_contain_text("<script>")
    assert page.title() == "Enactor"
    assert page.locator("#turns img, #turns script").count() == 0
    slip = "() => { try { document.body.innerHTML = 'x'; return 'taken' } catch { return 'refused' } }"
    assert page.evaluate(slip) == "refused"  # trusted types: not even a mistake of the page could do it


def test_a_lost_link_is_told_and_mended(opened: Any) -> None:
    page = opened()
    say(page, "walk 20 east", "executed")
    page.context.set_offline(True)
    page.fill("#message", "walk 20 east")
    page.press("#message", "Enter")
    expect(page.locator("#problem")).to_contain_text("does not answer")
    expect(page.locator("#message")).to_have_value("walk 20 east")  # nothing is lost
    page.context.set_offline(False)
    page.press("#message", "Enter")
    expect(page.locator(".turn")).to_have_count(2)


def test_the_token_comes_with_the_address_and_leaves_it(opened: Any) -> None:
    page = opened(token=TOKEN)
    assert "token" not in page.url
    say(page, "walk 20 east", "executed")
    page.reload()
    page.wait_for_selector(".turn")


def test_a_phone_in_the_dark(opened: Any) -> None:
    page = opened(PHONE)
    turn = say(page, "kill ten chickens", "executed")
    for view in ("talk", "map", "player"):
        page.locator(f"[data-show={view}]").tap()
        expect(page.locator(f"main > #{view}")).to_be_visible()
        width = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "the page scrolls sideways"
        stop = page.locator("#stop").bounding_box()
        assert stop["x"] + stop["width"] <= 390
        assert stop["height"] >= 40
    page.locator("[data-panel=skills]").tap()
    expect(page.locator("#panel")).to_contain_text("hitpoints")
    page.locator("[data-show=talk]").tap()
    turn.get_by_role("button", name="Good").tap()
    expect(turn.get_by_role("button", name="Good")).to_have_attribute("aria-pressed", "true")
    page.locator("#stop").tap()
    expect(page.locator("#toast")).to_have_text("Stopped.")


@pytest.mark.parametrize("device", [DESKTOP, DARK, PHONE], ids=["light", "dark", "phone"])
def test_text_is_readable(opened: Any, device: dict[str, Any]) -> None:
    page = opened(device, pace=4.0)
    say(page, "walk 20 east", "executed")
    say(page, "GOTO nowhere_land")
    say(page, "drop everything")
    expect(page.locator(".question")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((found) => (found.open = true))")
    found = page.evaluate(CONTRAST)
    for view in ("map", "player"):
        page.evaluate(f"document.querySelector('[data-show={view}]').click()")
        found += page.evaluate(CONTRAST)
    for panel in ("skills", "equipment", "log"):
        page.evaluate(f"document.querySelector('[data-panel={panel}]').click()")
        found += page.evaluate(CONTRAST)
    for dialog in ("scenarios", "compare", "fix", "help"):
        page.evaluate(f"document.getElementById('{dialog}').showModal()")
        found += page.evaluate(CONTRAST)
        page.evaluate(f"document.getElementById('{dialog}').close()")
    assert len(found) > 100
    assert [row for row in found if row[0] < 4.5] == []
    assert [row for row in page.evaluate(PALETTE) if row[0] < 3] == []
    assert [
        row for row in page.evaluate(PALETTE) if row[1] in ("text", "place", "foe") and row[0] < 4.5
    ] == []


def test_every_control_has_a_name(opened: Any) -> None:
    page = opened()
    say(page, "drop everything")
    expect(page.locator(".question")).to_be_visible()
    nameless = page.evaluate(NAMELESS)
    assert nameless == []
