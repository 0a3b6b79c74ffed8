"""The description of the page's API, made from the same table and types as the routes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from enactor import __version__

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REASONS = {
    "401": "The token is needed.",
    "403": "Asked for by another site, or by a session that only reads.",
    "409": "It cannot be done now.",
    "413": "The body is too large.",
    "415": "The body is no JSON by its type.",
    "422": "What was sent cannot be taken.",
    "429": "Too many requests; `Retry-After` says for how long.",
    "503": "Too many pages, or no service at the moment.",
    "507": "It could not be written.",
}


@dataclass(frozen=True, slots=True)
class Path:
    """One route: `form` is the type of its body (POST) or of its query (GET)."""

    path: str
    method: str
    summary: str
    form: type[BaseModel] | None = None
    answer: str = "application/json"


def document(paths: Sequence[Path], token: bool) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes."""
    forms = [path.form for path in paths if path.form is not None and path.method == "post"]
    _, schemas = models_json_schema(
        [(form, "validation") for form in dict.fromkeys(forms)], ref_template="#/components/schemas/{model}"
    )
    described: dict[str, Any] = {}
    for path in paths:
        described.setdefault(path.path, {})[path.method] = _operation(path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Enactor, the web console", "version": __version__},
        "paths": described,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": _ERROR},
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "enactor_web"}},
        },
        "security": [{"session": []}] if token else [],
    }


def _operation(path: Path) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    schema = {"type": "object"} if path.answer == "application/json" else {"type": "string"}
    operation: dict[str, Any] = {
        "summary": path.summary,
        "operationId": path.path.strip("/").replace("/", "_"),
        "responses": {
            "200": {"description": "Done.", "content": {path.answer: {"schema": schema}}},
            "400": {"description": "No JSON object.", "content": error},
            **{status: {"description": why, "content": error} for status, why in _REASONS.items()},
        },
    }
    if path.form is not None and path.method == "post":
        reference = {"$ref": f"#/components/schemas/{path.form.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}
    elif path.form is not None:
        properties = path.form.model_json_schema()
        operation["parameters"] = [
            {"name": name, "in": "query", "required": name in properties["required"], "schema": schema_}
            for name, schema_ in properties["properties"].items()
        ]
    return operation
