"""The report and the Inspect log: complete, escaped, self-contained, and read by others' readers."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from test_evaluate_runs import CALL, Sure, case, run

from enactor.errors import EnactorError
from enactor.evaluate.folder import RunFolder
from enactor.evaluate.inspect_log import log, write_logs
from enactor.evaluate.plays import Play
from enactor.evaluate.report import page, write_report
from enactor.evaluate.report.charts import bars, histogram, lines, stacked
from enactor.evaluate.report.markup import Markup, joined, tag, text
from enactor.evaluate.run import Policy
from enactor.evaluate.suite import Suite, load_suite

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> &amp; \x00 \ud800 </style>"


class Tags(HTMLParser):
    """Balanced elements, and every tag and attribute that there is."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.values = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.note(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.note(tag, attrs)

    def note(self, tag, attrs):
        self.seen.add(tag)
        self.values += [(name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> RunFolder:
    path = tmp_path_factory.mktemp("run")
    cases = load_suite("robust").cases[:8]
    suite = Suite("t<b>", 1, "about <i>", (*cases, case("evil", message="kill cows <b>now</b>")))
    run(path, Policy("idle<script>", Sure(EVIL, -2.0)), suite, trials=4)
    return run(path, Policy("cows", Sure(CALL, -0.1)), suite, trials=4)


def read(html: str) -> Tags:
    parser = Tags()
    parser.feed(html)
    assert parser.open == []
    return parser


def test_the_page_has_all_parts_and_nothing_from_outside(folder, tmp_path):
    curves = tmp_path / "curves.jsonl"
    rows = [{"step": i, "tokens": i * 100, "loss": 3 / (i + 1), "eval_loss": 2.0} for i in range(50)]
    curves.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    path = write_report(folder, ["idle<script>", "cows"], [curves])
    html = path.read_text(encoding="utf-8")
    parser = read(html)
    heads = re.findall(r"<h2>(.*?)</h2>", html)
    assert heads == [
        "Results",
        "Comparison",
        "Passed, by family",
        "Outcomes",
        "pass^k at temperature 0.7",
        "Verbs mistaken",
        "Risk and coverage",
        "Latency",
        "Training",
        "Worst cases",
    ]
    assert not parser.seen & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not [
        name for name, _ in parser.values if name in ("src", "href", "srcdoc") or name.startswith("on")
    ]
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    found = json.loads((folder.path / "report.json").read_text(encoding="utf-8"))
    assert found["figures"]["cows"]["pass^4"]["n"] == 9
    assert len(found["comparisons"]) >= 5


def test_worst_cases_tell_prompt_output_expected_and_trace(folder):
    html = page(folder.head, {"cows": folder.plays("cows")})
    worst = html.split("<h2>Worst cases</h2>")[1]
    assert "&lt;|im_start|&gt;user" in worst
    assert "KILL_LOOP Chicken none 10" in worst
    assert "KILL_LOOP Cow none 50" in worst
    assert "dispatched" in worst


def test_nothing_that_was_said_becomes_markup(folder):
    play = folder.plays("cows")[0]
    bad = replace(
        play,
        message=EVIL,
        reply=EVIL,
        family=EVIL,
        kind=EVIL,
        got=(EVIL,),
        expected=(f"{EVIL} x",),
        state={EVIL: EVIL},
        passed=False,
        asked=({**play.asked[0], "prompt": EVIL * 300, "text": EVIL},) if play.asked else (),
        steps=(
            {"call": EVIL, "status": EVIL, "origin": EVIL, "said": {EVIL: EVIL}, "tool": "", "arguments": ""},
        ),
    )
    html = page({**folder.head, "about": EVIL}, {EVIL: [bad], "two": [bad]})
    parser = read(html)
    assert not parser.seen & {"script", "img", "b<"}
    assert not [name for name, _ in parser.values if name.startswith("on")]
    html.encode("utf-8")


def test_a_run_of_one_idle_policy_still_has_a_page(folder):
    plays = [play for play in folder.plays("cows") if play.trial == 0]
    quiet = [replace(p, logprob=None, steps=(), asked=(), got=(), passed=True, expected=()) for p in plays]
    heads = re.findall(r"<h2>(.*?)</h2>", page(folder.head, {"quiet": quiet}))
    assert "Comparison" not in heads
    assert "Risk and coverage" not in heads
    read(page(folder.head, {"none": []}))


@pytest.mark.parametrize("content", ["", "{", "[1]\n", '{"step": 1}\n'])
def test_curves_that_are_none_are_told(folder, tmp_path, content):
    path = tmp_path / "curves.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EnactorError, match="curves"):
        page(folder.head, {}, [path])


def test_markup_is_escaped_once():
    assert tag("p", "<b>", tag("i", "&")) == "<p>&lt;b&gt;<i>&amp;</i></p>"
    assert tag("a", class_="x", data_n=3, gone=None) == '<a class="x" data-n="3"></a>'
    assert joined("<", Markup("<")) == "&lt;<"
    assert text(None) == ""


def test_charts_stand_what_is_odd():
    assert "NaN" not in bars([("a", [("s0", 0.0, 0.0, 0.0, 0)])])
    assert lines([("s0", [])], x_name="", y_name="") == ""
    assert histogram([("s0", [])], x_name="") == ""
    for svg in (
        bars([(EVIL, [("s0", 1.0, 0.5, 1.0, 3)])]),
        stacked([("x", {"a": 3, "b": 0})], ["a", "b"]),
        stacked([("x", {})], ["a"]),
        lines([("s0", [(1, 2)])], x_name="x", y_name="y"),
        lines([("s1", [(i, i % 7) for i in range(5000)])], x_name="x", y_name="y"),
        histogram([("s0", [5, 5, 5]), ("s1", [0.0])], x_name="ms"),
    ):
        read(svg)
        assert "nan" not in svg.casefold()
        assert len(svg) < 20_000


def test_the_inspect_log_has_every_play(folder):
    [one, two] = write_logs(folder, ["idle<script>", "cows"])
    assert one.name != two.name
    made = json.loads(two.read_text(encoding="utf-8"))
    plays: list[Play] = folder.plays("cows")
    assert made["version"] == 2
    assert len(made["samples"]) == len(plays)
    assert {sample["epoch"] for sample in made["samples"]} == {1, 2, 3, 4, 5}
    sample = made["samples"][0]
    assert sample["scores"]["passed"]["value"] in "CI"
    assert sample["messages"][1]["tool_calls"][0]["function"] == "send_command"
    assert log(folder.head, "cows", [])["results"]["total_samples"] == 0


def test_inspects_own_reader_takes_it(folder):
    inspect = pytest.importorskip("inspect_ai.log", reason="inspect-ai is installed on its own")
    for path in write_logs(folder, ["idle<script>", "cows"]):
        found = inspect.read_eval_log(str(path))
        assert found.status == "success"
        assert found.eval.task.startswith("enactor/")
        assert len(found.samples) == len(folder.plays("cows"))
        assert found.results.scores[0].metrics["passed"].value >= 0
        assert inspect.list_eval_logs(str(path.parent))
