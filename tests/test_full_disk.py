"""Disks that are really full: file systems of a few hundred kilobytes, mounted for one process each."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o "size=$1" none "$2" && exec "$3" -c "$4" "$2"'


def on_a_small_disk(folder: Path, size: str, script: str) -> dict:
    """What a script printed as JSON that ran with a file system of `size` mounted at `folder`."""
    command = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", size, str(folder), sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="may not mount a file system here")

STORE = """
import json, sys
from pathlib import Path
from enactor.errors import EnactorError
from enactor.trace import Trace, TraceStore

disk = Path(sys.argv[1])
store, kept, told = TraceStore(disk), [], []
ballast = disk / "ballast"
ballast.write_bytes(bytes(64 << 10))
for number in range(10_000):
    trace = Trace(f"kill {number} frogs" + " now" * 300, "ok", "answered", "answered")
    try:
        kept.append(store.append(trace))
    except EnactorError as error:
        told.append(str(error))
        if len(told) == 3:
            break
full = TraceStore(disk)  # opens, since there is nothing to mend
read = [trace.message.split()[1] for trace in full.iterate()]
ballast.unlink()
kept.append(full.append(Trace("thanks", "ok", "answered", "answered")))
after = TraceStore(disk)
print(json.dumps({
    "told": told, "kept": len(kept), "torn": len(full.opened.torn) + len(after.opened.torn),
    "read": len(read), "distinct": len(set(read)), "after": sum(1 for _ in after.iterate()),
    "found": sum(after.read(key) is not None for key in (kept[0], kept[-2], kept[-1])),
}))
"""


def test_the_trace_store_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    found = on_a_small_disk(tmp_path, "256k", STORE)
    assert len(found["told"]) == 3
    assert all("The disk is full: free some space and try again." in text for text in found["told"])
    assert found["torn"] == 0
    assert found["read"] == found["distinct"] == found["kept"] - 1 > 20
    assert found["after"] == found["kept"]
    assert found["found"] == 3


INGEST = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from enactor.cli import main
from enactor.trace import TraceStore

disk = Path(sys.argv[1])
records = disk.parent / "records"
records.mkdir()
for file in range(4):
    lines = (records / f"chats{file}.jsonl").open("w")
    for number in range(file, 400, 4):
        call = {"type": "function", "function": {
            "name": "send_command", "arguments": json.dumps({"command": f"KILL_LOOP Cow none {number}"})}}
        turn = [
            {"role": "user", "content": f"kill {number} cows" + " now" * 200},
            {"role": "assistant", "content": "", "tool_calls": [{"id": f"c{number}", **call}]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps({"dispatched": True})},
        ]
        lines.write(json.dumps({"messages": turn}) + chr(10))
    lines.close()
ballast = disk / "ballast"
ballast.write_bytes(bytes(900 << 10))

def ingest():
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told):
        where = ["--store", str(disk / "store"), "--processes", "PROCESSES"]
        code = main(["ingest", str(records), "--json", *where])
    return code, told.getvalue(), out.getvalue()

code, told, _ = ingest()
ballast.unlink()
again = json.loads(ingest()[2])
third = json.loads(ingest()[2])
store = TraceStore(disk / "store")
print(json.dumps({
    "code": code, "told": told, "again": again, "third": third, "torn": len(store.opened.torn),
    "messages": len({trace.message for trace in store.iterate()}), "rows": sum(1 for _ in store.iterate()),
}))
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_import_that_finds_the_disk_full_goes_on_later(tmp_path: Path, processes: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    found = on_a_small_disk(disk, "1500k", INGEST.replace("PROCESSES", processes))
    assert found["code"] == 1
    assert "The disk is full: free some space and try again." in found["told"]
    assert found["again"]["added"] + found["again"]["known"] == 400
    assert found["third"]["added"] == 0
    assert found["messages"] == found["rows"] == 400
    assert found["torn"] == 0


BUILD = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from enactor.cli import main
from enactor.curate import read_certificate, read_rows, rows_hash

disk = Path(sys.argv[1])
out = disk / "data"
recipe = disk / "mine.yaml"
kinds = "loop multi status recovery prerequisite emergency refuse ask followup correction protest".split()
counts = {"simple": 12, "chat": 4, **dict.fromkeys(kinds, 0)}
recipe.write_text(json.dumps({"out": str(out), "counts": counts}))

def run(*arguments):
    told = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(told):
        code = main(list(map(str, arguments)))
    return code, told.getvalue()

def what_stands():
    return {path.name: path.read_text() for path in disk.rglob("*.json*")}

first = run("build", recipe)
export = "export", "--form", "trl", "--in", out / "train.jsonl", "--out", disk / "trl"
run(*export)
before = what_stands()
ballast = disk / "ballast"
with ballast.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
codes, told = zip(
    run("build", recipe, "--seed", 1),
    run("build", "--rows", 10, "--test-rows", 10, "--out", out),
    run(*export),
    run("pairs", "--out", out / "pairs.jsonl", "--scale", 0.01),
)
same = what_stands() == before
left = [path.name for path in disk.rglob("*.partial*")]
hashed = rows_hash(list(read_rows(out / "train.jsonl")))
whole = hashed == json.loads(before["manifest.json"])["train"]["hash"]
print(json.dumps({"first": first, "codes": codes, "told": told, "same": same, "left": left, "whole": whole}))
"""


def test_a_build_that_finds_the_disk_full_changes_nothing(tmp_path: Path) -> None:
    found = on_a_small_disk(tmp_path, "400k", BUILD)
    assert found["first"][0] == 0, found["first"][1]
    assert found["codes"] == [1, 1, 1, 1], found["told"]
    for text in found["told"]:
        assert "nothing was changed. The disk is full: free some space and try again." in text
    assert found["same"]
    assert found["left"] == []
    assert found["whole"]
