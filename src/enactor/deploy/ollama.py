"""A GGUF becomes a model of an Ollama server, through Ollama's own client."""

from collections.abc import Callable
from pathlib import Path

from enactor.deploy.modelfile import LICENCE, PARAMETERS, ollama_template
from enactor.errors import EnactorError
from enactor.models import check_gguf
from enactor.prompt import SYSTEM


class OllamaError(EnactorError):
    """The server cannot be reached, refused the model, or made another one of it."""


def create(
    name: str, gguf: Path, *, host: str | None = None, progress: Callable[[str], object] = lambda line: None
) -> str:
    """Upload the file, create the model `name` from it, and look at what came of it; its digest.

    `host` is the server's address, else `OLLAMA_HOST` or the usual one. Raises `OllamaError`.
    """
    import httpx

    try:
        import ollama
    except ImportError as error:
        raise OllamaError("deploying to Ollama needs its client: `pip install 'enactor[deploy]'`") from error
    check_gguf(gguf)
    client = ollama.Client(host=host)
    try:
        progress(f"uploading {gguf.name}, {gguf.stat().st_size // 2**20} MB")
        digest = client.create_blob(gguf)
        made = client.create(
            name,
            files={gguf.name: digest},
            template=ollama_template(),
            system=SYSTEM,
            parameters=dict(PARAMETERS),
            license=LICENCE,
            stream=True,
        )
        last = ""
        for step in made:
            last = step.status or last
            progress(last)
        if last != "success":
            raise OllamaError(f"the server ended with {last!r} instead of success: see its log")
        _check(client.show(name), name)
    except ollama.ResponseError as error:
        raise OllamaError(f"the server refused {name}: {error.error} (status {error.status_code})") from error
    except ValueError as error:  # pydantic's, of an answer that lacks what the client wants
        raise OllamaError(f"the server answers otherwise than its client expects: {error}") from error
    except (ConnectionError, httpx.HTTPError) as error:
        raise OllamaError(
            f"no Ollama server answers at {host or 'the usual address'} ({error}): start it with "
            f"`ollama serve`, or name another with --host"
        ) from error
    return digest


def _check(shown: object, name: str) -> None:
    """Raises where the server keeps another template, or takes the model for one without tools."""
    if getattr(shown, "template", None) != ollama_template():
        raise OllamaError(f"the server keeps another template for {name}: update Ollama and deploy again")
    capabilities = getattr(shown, "capabilities", None)
    if capabilities is not None and "tools" not in capabilities:
        raise OllamaError(f"the server finds no tools in {name}'s template: update Ollama and deploy again")
