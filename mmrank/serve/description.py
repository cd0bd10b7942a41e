"""`/docs`: the OpenAPI description as a page, which loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "h2{margin-top:2.5rem}summary{cursor:pointer;padding:.4rem 0}code{font-family:ui-monospace,monospace}"
    "table{border-collapse:collapse;width:100%}td{border-top:1px solid #8886;padding:.3rem .6rem;vertical-align:top}"
    "b{display:inline-block;min-width:4.5rem}"
)
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every route: what it is for, what it takes, what it answers."""
    return HTMLResponse("".join(_page(request.app.openapi())), headers=HEADERS)


def _page(described: Mapping[str, Any]) -> Iterator[str]:
    title, version = escape(described["info"]["title"]), escape(described["info"]["version"])
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} {version}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    yield f"<h1>{title} {version}</h1>{_text(described['info'].get('description', ''))}"
    yield '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>'
    groups: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            shown = "".join(_operation(described, method, path, operation))
            groups.setdefault((operation.get("tags") or ["other"])[0], []).append(shown)
    for name, shown_operations in groups.items():
        yield f"<h2>{escape(name.capitalize())}</h2>{''.join(shown_operations)}"


def _operation(described: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    summary = escape(operation.get("summary", ""))
    yield f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {summary}</summary>"
    yield _text(operation.get("description", ""))
    rows = [
        (part["name"], part["schema"], part.get("description", ""), part.get("required", False))
        for part in operation.get("parameters", [])
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        rows += _fields(described, content["schema"])
    if rows:
        yield "<table>"
        for name, schema, said, required in rows:
            kind = escape(_kind(described, schema)) + (", required" if required else "")
            yield f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(said or schema.get('description', ''))}"
        yield "</table>"
    yield "</details>"


def _fields(described: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, Any, str, bool]]:
    held = _resolved(described, schema)
    return [
        (name, field, field.get("description", ""), name in held.get("required", ()))
        for name, field in held.get("properties", {}).items()
    ]


def _kind(described: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(described, one) for one in schema["anyOf"] if one.get("type") != "null"))
    held = _resolved(described, schema)
    if "enum" in held:
        return ", ".join(map(str, held["enum"]))
    if held.get("type") == "array":
        return f"list of {_kind(described, held.get('items', {}))}"
    fields = ", ".join(held.get("properties", {}))
    return f"object ({fields})" if fields else str(held.get("type", "anything"))


def _resolved(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _text(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.strip().split("\n\n") if part)
