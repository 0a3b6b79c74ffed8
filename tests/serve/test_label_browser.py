"""The labelling page in a real Chromium: by keyboard, on a phone, in the dark, against hostile text.

Skipped where playwright or Chromium is absent. The variable CHROMIUM names another binary.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CONTRAST, DARK, DESKTOP, MARKS, PHONE, launched, sync_api
from label_records import copied

from enactor.serve.label import Desk, listen, make_app
from enactor.trace import Trace, TraceStore

uvicorn = pytest.importorskip("uvicorn")
expect = sync_api.expect
pytestmark = MARKS


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@pytest.fixture
def page_of(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page; it has `folder` and `ids`. Any error of the page, or load from elsewhere, fails the
    test."""
    folder = tmp_path / "log"
    ids = copied(folder)
    bound = listen("127.0.0.1", 0, "")
    token = "a-token-of-some-length"
    apps = {name: make_app(Desk(folder), token=name and token) for name in ("", "token")}
    holder = {"app": apps[""]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await holder["app"](scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    base = f"http://127.0.0.1:{bound.getsockname()[1]}/"
    contexts, problems, elsewhere = [], [], []

    def told(message: Any) -> None:
        # An answer of 422 is told as an error; so is the markup that a test tries to set.
        if message.type == "error" and "422" not in message.text and "TrustedHTML" not in message.text:
            problems.append(message.text)

    def opened(annotator: str = "ann", *, device: dict[str, Any] = DESKTOP, guarded: bool = False) -> Any:
        holder["app"] = apps["token" if guarded else ""]
        context = browser.new_context(**device)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        if not guarded:  # a 401 is an answer, and the console tells of it as an error
            page.on("console", told)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(base) else elsewhere.append(r.url))
        page.goto(base + (f"#token={token}" if guarded else ""))
        page.wait_for_selector("#ask[open]")
        assert page.locator("#ask-title").text_content() == "Your name"
        page.fill("#ask-value", annotator)
        page.keyboard.press("Enter")
        page.wait_for_selector("body.ready")
        return page

    opened.folder, opened.ids = folder, ids  # type: ignore[attr-defined]
    yield opened
    for context in contexts:
        context.close()
    server.should_exit = True
    thread.join()
    bound.close()
    assert problems == []
    assert elsewhere == []


def labels_in(folder: Path) -> Any:
    from enactor.serve.label import Journal

    return Journal(folder).labels()


def request(page: Any) -> str:
    return str(page.locator("blockquote").text_content())


def test_a_whole_round_by_keyboard(page_of: Any) -> None:
    page = page_of()
    folder, ids = page_of.folder, page_of.ids
    assert request(page) == "farm 5 giant frogs"
    page.keyboard.press("4")
    page.keyboard.press("y")
    assert page.locator("input[name=rating]:checked").input_value() == "4"
    page.keyboard.press("Enter")
    expect(page.locator("blockquote")).not_to_have_text("farm 5 giant frogs")
    assert labels_in(folder).by("ann", ids["forced"]).rating == 4
    assert labels_in(folder).by("ann", ids["forced"]).fulfilled is True
    assert page.locator("#count").text_content() == "1 of 6"

    assert request(page) == "kill ten giant frogs"  # only claimed: there were no calls
    page.keyboard.press("1")
    page.keyboard.press("n")
    page.keyboard.press("e")
    page.keyboard.type("kill_l")
    page.wait_for_selector("#options [role=option]")
    page.keyboard.press("Tab")
    page.keyboard.type("gaint_frg")
    page.wait_for_selector("#options [role=option]:has-text('Giant_frog')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("none ten")
    expect(page.locator("#lines .good")).to_contain_text("KILL_LOOP Giant_frog none 10")
    assert page.locator("#calls").input_value() == "KILL_LOOP Giant_frog none ten"
    assert page.locator("#row").text_content() == "Becomes a row: loop, combat."
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.type("claimed only")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.type("12345 yes no")  # keys in a field are text
    page.keyboard.press("Control+Enter")
    expect(page.locator("#count")).to_have_text("2 of 6")
    label = labels_in(folder).by("ann", ids["claimed"])
    assert label.calls[0].args == {"command": "KILL_LOOP Giant_frog none ten"}
    assert (label.rating, label.fulfilled, label.tags) == (1, False, ("claimed only",))
    assert label.note == "12345 yes no"

    page.keyboard.press("u")
    expect(page.locator("#count")).to_have_text("1 of 6")
    expect(page.locator("#toast")).to_have_text("Taken back.")  # the next one was still being opened
    expect(page.locator("blockquote")).to_have_text("kill ten giant frogs")
    assert labels_in(folder).by("ann", ids["claimed"]) is None
    first = request(page)
    page.keyboard.press("j")
    expect(page.locator("blockquote")).not_to_have_text(first)
    page.keyboard.press("k")
    expect(page.locator("blockquote")).to_have_text(first)
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_grammar_errors_are_live_and_the_nearest_form_is_taken(page_of: Any) -> None:
    page = page_of()
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("KILL_LOP Cow none 5")
    page.wait_for_selector("#lines .bad .offer")
    assert page.locator("#calls").get_attribute("aria-invalid") == "true"
    assert page.locator("#row").text_content() == "No row yet: a line is no valid call."
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#problem:not(:empty)")
    assert "KILL_LOP is no command" in page.locator("#problem").text_content()
    page.locator("#calls").focus()
    page.keyboard.press("Alt+n")
    page.wait_for_selector("#lines .good")
    assert page.locator("#calls").input_value() == "KILL_LOOP Cow none 5"
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.wait_for_selector("#reply-field:not([hidden])")
    assert "no call and no reply" in page.locator("#row").text_content()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.type("Which frogs?")
    expect(page.locator("#row")).to_have_text("Becomes a row: ask, ask.")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("blockquote")).not_to_have_text("farm 5 giant frogs")
    assert page.locator("#reply").input_value() == ""
    page.keyboard.press("k")
    expect(page.locator("blockquote")).to_have_text("farm 5 giant frogs")
    expect(page.locator("#reply")).to_have_value("Which frogs?")  # what was begun is kept
    assert page.locator("#calls").input_value() == ""


def test_a_long_queue_is_walked_to_its_end(page_of: Any) -> None:
    store = TraceStore(page_of.folder)
    for n in range(60):
        store.append(Trace(f"request {n:02}", "ok", "answered", "answered", timestamp="2030-01-01"))
    page = page_of()
    assert page.locator(".entry").count() == 50
    assert page.locator("#more").is_visible()
    page.keyboard.press("5")
    page.keyboard.press("Enter")  # the order of the queue changes under the page
    expect(page.locator("#count")).to_have_text("1 of 66")
    page.locator(".entry").last.click()
    for _ in range(17):
        before = request(page)
        page.keyboard.press("j")
        expect(page.locator("blockquote")).not_to_have_text(before)
    page.keyboard.press("j")
    expect(page.locator("#toast")).to_have_text("That was the last one.")
    assert page.locator(".entry").count() == 66
    assert len(set(page.locator(".entry").all_text_contents())) == 66


def test_hostile_text_is_only_text(page_of: Any) -> None:
    page = page_of()
    page.locator(".entry", has_text="<img").click()
    expect(page.locator("blockquote")).to_contain_text("<script>")
    page.locator("summary", has_text="What the model wrote").click()
    assert page.title() == "Enactor · label"
    assert page.locator("#trace img, #queue img, #trace script, #queue script").count() == 0
    slip = "() => { try { document.body.innerHTML = 'x'; return 'taken' } catch { return 'refused' } }"
    assert page.evaluate(slip) == "refused"  # trusted types: not even a mistake of the page could do it


def test_two_annotators_and_their_agreement(page_of: Any) -> None:
    first, second = page_of("ann"), page_of("bob")
    for page, rating, fulfilled in ((first, "5", "y"), (second, "2", "n")):
        assert request(page) == "farm 5 giant frogs"
        assert not page.locator("#others").is_visible()
        page.keyboard.press(rating)
        page.keyboard.press(fulfilled)
        page.keyboard.press("Enter")
        expect(page.locator("#count")).to_have_text("1 of 6")
    second.keyboard.press("v")
    second.wait_for_selector("[data-view=disputed][aria-pressed=true]")
    second.wait_for_selector("#others:not([hidden])")
    assert "ann" in second.locator("#others").text_content()
    second.keyboard.press("g")
    second.wait_for_selector("#progress[open] td")
    rows = second.locator("#figures tbody tr").all_text_contents()
    assert rows == ["ann, bobfulfilled0.000 of 1", "ann, bobrating0.000 of 1"]


def test_a_phone_in_the_dark(page_of: Any) -> None:
    page = page_of(device=PHONE)
    width = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "the page scrolls sideways"
    save = page.locator("#save").bounding_box()
    assert save["y"] + save["height"] <= 844, "the button to save is out of sight"
    assert save["height"] >= 40
    page.locator("#open-queue").tap()
    page.locator(".entry", has_text="eat a tuna").tap()
    expect(page.locator("blockquote")).to_have_text("eat a tuna")
    assert not page.locator("#queue").is_visible()
    page.locator("label:has(input[name=rating][value='3'])").tap()
    page.locator("#known-tags button").first.tap()
    page.locator("#save").tap()
    expect(page.locator("#count")).to_have_text("1 of 6")
    label = labels_in(page_of.folder).by("ann", page_of.ids["repaired"])
    assert label.rating == 3
    assert label.tags == ("wrong verb",)


@pytest.mark.parametrize("device", [DESKTOP, DARK, PHONE], ids=["light", "dark", "phone"])
def test_text_is_readable(page_of: Any, device: dict[str, Any]) -> None:
    page = page_of(device=device)
    page.locator("label:has(input[name=rating][value='3'])").click()
    page.fill("#calls", "KILL_LOP Cow\nGOTO nowhere_land\nSTOP")
    page.wait_for_selector("#lines .doubtful")
    page.evaluate("document.querySelectorAll('details').forEach((found) => (found.open = true))")
    found = page.evaluate(CONTRAST)
    assert len(found) > 40
    assert [row for row in found if row[0] < 4.5] == []


def test_every_control_has_a_name(page_of: Any) -> None:
    page = page_of()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not(#ask-value), textarea, a")].filter((node) =>
          !(node.labels?.length || node.getAttribute("aria-label") || node.textContent.trim())
        ).map((node) => node.outerHTML)"""
    )
    assert nameless == []


def test_the_token_comes_with_the_address_and_leaves_it(page_of: Any) -> None:
    page = page_of(guarded=True)
    assert "token" not in page.url
    assert request(page) == "farm 5 giant frogs"
    page.reload()
    page.wait_for_selector("body.ready")  # the session stays, the name too
    assert page.locator("#who").text_content() == "ann"
