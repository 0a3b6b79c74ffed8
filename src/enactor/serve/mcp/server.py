"""The protocol's side: which request is answered by what. One `Server` for all clients of a game."""

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from mcp import types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity

from enactor import __version__
from enactor.serve.mcp import consent, pages
from enactor.serve.mcp.calls import Calls
from enactor.serve.mcp.game import Hand
from enactor.serve.mcp.results import OUTPUT_SCHEMA
from enactor.world import mcp_tools

NAME = "enactor"
Context = ServerRequestContext[Any, Any]
Listing = types.PaginatedRequestParams | None
T = TypeVar("T")


def tools() -> list[types.Tool]:
    """The declared tools with their schemas; the hints come from the effect class."""
    return [
        types.Tool.model_validate(
            {
                **tool,
                "description": pages.tool_description(tool["description"]),
                "outputSchema": OUTPUT_SCHEMA,
            }
        )
        for tool in mcp_tools()
    ]


def build_server(calls: Calls) -> Server[Any]:
    """The server over the calls of one game; it may serve any number of clients at once."""
    declared = tools()
    confirm = consent.CONFIRM.model_copy(update={"output_schema": OUTPUT_SCHEMA})

    async def in_thread(work: Callable[[Hand], T]) -> T:
        return await to_thread.run_sync(lambda: work(Hand(calls.game, None)))

    async def list_tools(ctx: Context, params: Listing) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[*declared, *([confirm] if calls.hands_out_tokens(ctx) else [])])

    async def list_resources(ctx: Context, params: Listing) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=pages.RESOURCES)

    async def list_templates(ctx: Context, params: Listing) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=pages.TEMPLATES)

    async def read(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        content = await in_thread(lambda hand: pages.read(params.uri, hand))
        return types.ReadResourceResult(contents=[content])

    async def list_prompts(ctx: Context, params: Listing) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=pages.PROMPTS)

    async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return await in_thread(lambda hand: pages.prompt(params.name, dict(params.arguments or {}), hand))

    async def complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        values = pages.completions(params.argument.name, params.argument.value)
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values)))

    server: Server[Any] = Server(
        NAME,
        version=__version__,
        title="Enactor",
        instructions=pages.INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=calls.call,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
    )
    # What the client repeats a call with after a question is sealed: it can neither be made up nor altered.
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME))
    return server
