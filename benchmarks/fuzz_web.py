"""Fuzz the web console's API: schemathesis against its OpenAPI page, then strangers without a token.

schemathesis has many dependencies and is wanted here alone, so it lives in an environment of its own:

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install schemathesis
    python benchmarks/fuzz_web.py --st /tmp/fuzz/bin/st --seconds 600

The console runs in this process over a real service, simulator and socket, with a scripted model. What counts
as a fault: an answer of 5xx, one that the description does not foresee, bad data that is taken, a traceback,
and, of a stranger's request, anything but a refusal and any change in the world. Exit code 1 where there is
one.
"""

import argparse
import contextlib
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "serve"))
from web_console import TOKEN, Running, running

# Not `unsupported_method`: a POST without JSON is refused before its path is looked at, so by 415.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "negative_data_rejection"
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")


def by_schema(made: Running, folder: Path, st: str, seconds: int, seed: int) -> int:
    """Run schemathesis for so long, its own files in `folder`; its exit code."""
    command = [
        *(st, "run", f"{made.base}/api/openapi.json"),
        *("--header", f"Origin: {made.base}"),
        *(
            "--exclude-path",
            "/api/events",
            "--checks",
            CHECKS,
            "--max-time",
            str(seconds),
            "--seed",
            str(seed),
        ),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "100000", "--continue-on-failure"),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 300, check=False, cwd=folder
    )
    print("\n".join(done.stdout.splitlines()[-60:]))
    return done.returncode


def by_strangers(made: Running, seconds: float, seed: int) -> int:
    """Requests without the token, with headers as they come; how many were not refused."""
    dice = random.Random(seed)
    before = made.service.accounts["default"].observe().raw
    counts: Counter[int] = Counter()
    faults = 0
    end = time.monotonic() + seconds
    with httpx.Client(base_url=made.base, timeout=20) as stranger:
        while time.monotonic() < end:
            path = dice.choice(PATHS)
            headers = {name: dice.choice(values) for name, values in HEADERS.items() if dice.random() < 0.5}
            if dice.random() < 0.5:  # past the guard's first checks, to the token
                headers |= {"Origin": made.base, "Content-Type": "application/json"}
                for name in ("Host", "Sec-Fetch-Site"):
                    headers.pop(name, None)
            body = dice.choice(BODIES)(dice)
            with contextlib.suppress(httpx.InvalidURL, httpx.LocalProtocolError):
                answer = stranger.request(dice.choice(METHODS), path, content=body, headers=headers)
                counts[answer.status_code] += 1
                if answer.status_code < 400 or answer.status_code >= 500:
                    faults += 1
                    print(
                        f"FAULT {answer.status_code} {answer.request.method} {path} {headers} {body[:80]!r}"
                    )
    if made.service.accounts["default"].observe().raw["player"] != before["player"]:
        faults += 1
        print("FAULT the world has changed")
    print(
        f"strangers: {sum(counts.values())} requests over {len(PATHS)} paths, {dict(sorted(counts.items()))}"
    )
    return faults


_NAMES = (
    "session events log scenarios reports atlas?x=1&y=1 openapi.json say stop answer cancel model speed "
    "scenario rate check complete correct compare vote login none"
)
PATHS = (
    *(f"/api/{name}" for name in ("", *_NAMES.split())),
    *("/api/login",) * 10,
    *("/label/", "/label/api/queue", "/label/api/labels", "/label/api/undo", "/reports/a.json", "/reports/"),
    *("/api/../api/stop", "//api/stop", "/%61pi/stop", "/API/stop", "/api/stop/", "/label/../api/stop"),
)
HEADERS = {
    "Origin": ("null", "http://evil.example", "http://127.0.0.1", "https://localhost", "http://[::1", ""),
    "Host": ("evil.example", "localhost", "127.0.0.1", "[::1]", "x" * 300, "a:b:c"),
    "Cookie": ("enactor_web=", "enactor_web=x; enactor_web=y", "enactor_label=x", '"', "=;=", "a=b" * 500),
    "Content-Type": (
        "application/json",
        "text/plain",
        "",
        "application/json; charset=utf-7",
        "multipart/form-data",
    ),
    "Sec-Fetch-Site": ("cross-site", "same-site", "same-origin", "none", "x"),
    "Last-Event-ID": ("", "x-1", "-", "9" * 400),
    "Authorization": ("Bearer x", "Basic eDp5"),
    "X-Forwarded-For": ("127.0.0.1",),
    "X-Forwarded-Host": ("localhost",),
}
BODIES = (
    lambda dice: b"",
    lambda dice: b'{"message": "STOP"}',
    lambda dice: json.dumps({"token": "x" * dice.randrange(200)}).encode(),
    lambda dice: json.dumps({"token": chr(dice.randrange(0xD7F0, 0xE010))}).encode(),
    lambda dice: b'{"token": ' + b"[" * dice.randrange(60_000),
    lambda dice: b'{"token": ' + b"9" * dice.randrange(9_000) + b"}",
    lambda dice: dice.randbytes(dice.randrange(2000)),
    lambda dice: b"[" * dice.randrange(60_000),
    lambda dice: b" " * dice.randrange(60_000, 80_000),
)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Fuzz the web console's API.")
    parser.add_argument("--st", default="st", help="the program of schemathesis")
    parser.add_argument("--seconds", type=int, default=60, help="schemathesis; strangers get a fifth")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    told = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(told):
        with running(Path(folder) / "guarded", token=TOKEN) as made:
            faults = by_strangers(made, given.seconds / 5, given.seed)
        with running(Path(folder) / "open") as made:
            code = by_schema(made, Path(folder), given.st, given.seconds, given.seed)
            alive = httpx.get(made.base).status_code == 200
    text = told.getvalue()
    tracebacks = text.count("Traceback")
    if tracebacks:
        print(text[-4000:])
    verdict = f"strangers not refused: {faults}; schemathesis: exit {code}"
    print(f"{verdict}; tracebacks: {tracebacks}; alive: {alive}")
    return int(bool(faults or code or tracebacks or not alive))


if __name__ == "__main__":
    sys.exit(main())
