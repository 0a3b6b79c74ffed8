"""What the clients are told about the model."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from enactor.models import known_sha256


@dataclass(frozen=True, slots=True)
class Card:
    """`name` as clients write it; `size` of the file in bytes, `digest` its SHA-256 in hex, `modified` as
    ISO 8601; `parameters` is their number; `template` the chat template in the file."""

    name: str
    context: int
    size: int = 0
    digest: str = ""
    modified: str = "1970-01-01T00:00:00+00:00"
    family: str = "llama"
    parameters: int = 0
    quantization: str = "unknown"
    template: str = ""

    def answers_to(self, name: str) -> bool:
        """Whether a client means this model; Ollama's write `:latest` after it."""
        return name.removesuffix(":latest") == self.name

    @property
    def created(self) -> int:
        """`modified` in seconds since 1970."""
        return int(datetime.fromisoformat(self.modified).timestamp())


def read_card(name: str, file: Path, context: int) -> Card:
    """The card of a GGUF file."""
    import gguf

    reader = gguf.GGUFReader(file)

    def text(key: str, default: str) -> str:
        field = reader.get_field(key)
        return default if field is None else str(field.contents())

    kind = reader.get_field("general.file_type")
    try:
        quantization = "unknown" if kind is None else gguf.LlamaFileType(kind.contents()).name
    except ValueError:
        quantization = "unknown"
    stat = file.stat()
    return Card(
        name=name,
        context=context,
        size=stat.st_size,
        digest=known_sha256(file),
        modified=datetime.fromtimestamp(int(stat.st_mtime), UTC).isoformat(),
        family=text("general.architecture", "unknown"),
        parameters=sum(int(tensor.n_elements) for tensor in reader.tensors),
        quantization=quantization.removeprefix("MOSTLY_"),
        template=text("tokenizer.chat_template", ""),
    )
