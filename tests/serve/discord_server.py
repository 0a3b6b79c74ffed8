"""A Discord for the tests: gateway and REST over loopback, as https://discord.com/developers/docs has them.

Gateway v10: hello, identify, ready, heartbeats, dispatch with sequence numbers, resume with the events that
were missed, invalid session, reconnect, zlib-stream compression. REST: the routes that the bot uses, rate
limits with their headers. What it does wrong it does on demand.
"""

import asyncio
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

BOT, OWNER, FRIEND, STRANGER = 900000000000000001, 100000000000000001, 100000000000000002, 100000000000000003
GUILD, CHANNEL, ELSEWHERE, ROLE = (
    500000000000000001,
    600000000000000001,
    600000000000000002,
    700000000000000001,
)
DM = {OWNER: 600000000000000011, FRIEND: 600000000000000012, STRANGER: 600000000000000013}
APPLICATION = 900000000000000002
TOKEN = "MTA.test-token.with-enough-characters"
INTERVAL_MS = 400


def user(number: int, bot: bool = False) -> dict[str, Any]:
    return {
        "id": str(number),
        "username": f"user{number % 100}",
        "discriminator": "0",
        "global_name": f"User {number % 100}",
        "avatar": None,
        "bot": bot,
    }


class Gateway:
    """One connection."""

    def __init__(self, socket: web.WebSocketResponse, compress: bool) -> None:
        self.socket = socket
        self._zlib = zlib.compressobj() if compress else None

    async def send(self, payload: dict[str, Any]) -> None:
        """One frame."""
        await self.raw(json.dumps(payload))

    async def raw(self, text: str) -> None:
        """Any text as a frame."""
        if self._zlib is None:
            await self.socket.send_str(text)
            return
        data = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        await self.socket.send_bytes(data)


class DiscordServer:
    """`base` and `gateway_url` are where discord.py is pointed. `messages` is what the bot has written, by
    id, each with its `edits`."""

    def __init__(self) -> None:
        self.messages: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.interactions: dict[str, list[dict[str, Any]]] = {}
        self.commands: list[dict[str, Any]] = []
        self.log: list[str] = []
        self.identified = 0
        self.resumed = 0
        self.heartbeats = 0
        self.fail: Callable[[web.Request], web.Response | None] = lambda request: None
        self.refuse_resume = False
        self._sequence = 0
        self._sent: list[dict[str, Any]] = []
        self._next = 1_000_000_000_000_000_000
        self._gateway: Gateway | None = None
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.base = self.gateway_url = ""

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        app = web.Application(client_max_size=30 * 2**20)
        app.router.add_get("/gateway", self._socket)
        app.router.add_route("*", "/api/v10/{path:.*}", self._rest)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base, self.gateway_url = f"http://127.0.0.1:{port}/api/v10", f"ws://127.0.0.1:{port}/gateway"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def new_id(self) -> int:
        """An id as Discord makes them: later ones are larger."""
        self._next += 1
        return self._next

    # -- the gateway --------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        gateway = Gateway(socket, "compress" in request.query)
        await gateway.send({"op": 10, "d": {"heartbeat_interval": INTERVAL_MS}, "s": None, "t": None})
        async for frame in socket:
            if frame.type != WSMsgType.TEXT:
                continue
            payload = json.loads(frame.data)
            match payload["op"]:
                case 1:
                    self.heartbeats += 1
                    await gateway.send({"op": 11})
                case 2:
                    assert payload["d"]["token"] == TOKEN
                    self.identified += 1
                    self._gateway = gateway
                    await self._ready()
                case 6:
                    if self.refuse_resume:
                        self.refuse_resume = False
                        await gateway.send({"op": 9, "d": False})
                        continue
                    self.resumed += 1
                    self._gateway = gateway
                    for missed in [p for p in self._sent if p["s"] > payload["d"]["seq"]]:
                        await gateway.send(missed)
                    await self.dispatch("RESUMED", {})
        if self._gateway is gateway:
            self._gateway = None
        return socket

    async def _ready(self) -> None:
        await self.dispatch(
            "READY",
            {
                "v": 10,
                "user": user(BOT, bot=True),
                "guilds": [{"id": str(GUILD), "unavailable": True}],
                "session_id": "s1",
                "resume_gateway_url": self.gateway_url,
                "application": {"id": str(APPLICATION), "flags": 0},
            },
        )
        channel = {
            "type": 0,
            "name": "general",
            "position": 0,
            "permission_overwrites": [],
            "parent_id": None,
        }
        role = {"color": 0, "hoist": False, "position": 1, "managed": False, "mentionable": False, "flags": 0}
        role["colors"] = {"primary_color": 0}
        await self.dispatch(
            "GUILD_CREATE",
            {
                "id": str(GUILD),
                "name": "server",
                "owner_id": str(OWNER),
                "roles": [
                    {**role, "id": str(GUILD), "name": "@everyone", "permissions": "2048"},
                    {**role, "id": str(ROLE), "name": "players", "permissions": "0"},
                ],
                "channels": [{**channel, "id": str(CHANNEL)}, {**channel, "id": str(ELSEWHERE)}],
                "members": [{"user": user(BOT, bot=True), "roles": [], "joined_at": None, "flags": 0}],
                "member_count": 4,
                **{
                    key: []
                    for key in ("threads", "emojis", "stickers", "features", "presences", "voice_states")
                },
                **{key: [] for key in ("stage_instances", "guild_scheduled_events", "soundboard_sounds")},
                **{"verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0},
                **{"mfa_level": 0, "premium_tier": 0, "nsfw_level": 0, "system_channel_flags": 0},
                **{"preferred_locale": "en-US", "afk_timeout": 300, "unavailable": False, "large": False},
            },
        )

    async def dispatch(self, name: str, data: dict[str, Any]) -> None:
        """An event to the bot; one that comes while it is away is kept for its return."""
        self._sequence += 1
        payload = {"op": 0, "t": name, "s": self._sequence, "d": data}
        if name != "RESUMED":
            self._sent.append(payload)
        if self._gateway is not None and not self._gateway.socket.closed:
            await self._gateway.send(payload)

    async def drop(self, code: int = 4000) -> None:
        """Close the connection with a code after which the bot may resume (or 1000, 4009: it may not)."""
        assert self._gateway is not None
        await self._gateway.socket.close(code=code)

    async def frame(self, payload: dict[str, Any] | str) -> None:
        """Any frame."""
        assert self._gateway is not None
        if isinstance(payload, str):
            await self._gateway.raw(payload)
        else:
            await self._gateway.send(payload)

    # -- people -------------------------------------------------------------------------------------------

    async def say(
        self, who: int, text: str, *, channel: int = 0, roles: tuple[int, ...] = (), **more: Any
    ) -> int:
        """A message of a person: a direct one, or in a channel of the server; its id."""
        number = self.new_id()
        message: dict[str, Any] = {
            "id": str(number),
            "channel_id": str(channel or DM[who]),
            "author": user(who),
            "content": text,
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [user(BOT, bot=True)] if f"<@{BOT}>" in text else [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "channel_type": 0 if channel else 1,
            **more,
        }
        if channel:
            message["guild_id"] = str(GUILD)
            message["member"] = {"roles": [str(role) for role in roles], "joined_at": None, "flags": 0}
        await self.dispatch("MESSAGE_CREATE", message)
        return number

    async def react(self, who: int, message: int, emoji: str) -> None:
        """A reaction to a message of the bot."""
        channel = self.messages[message]["channel_id"]
        data = {
            "user_id": str(who),
            "channel_id": channel,
            "message_id": str(message),
            "type": 0,
            "burst": False,
        }
        await self.dispatch("MESSAGE_REACTION_ADD", {**data, "emoji": {"id": None, "name": emoji}})

    async def interact(
        self, who: int, kind: int, data: dict[str, Any], *, message: int = 0, channel: int = 0
    ) -> str:
        """An interaction; its token, under which the answers are found."""
        number = self.new_id()
        token = f"interaction-{number}"
        place = channel or DM[who]
        payload: dict[str, Any] = {
            "id": str(number),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": token,
            "version": 1,
            "data": data,
            "channel_id": str(place),
            "channel": {"id": str(place), "type": 0 if channel else 1},
            "locale": "en-US",
            "entitlements": [],
            "app_permissions": "2048",
            "attachment_size_limit": 1000,
            "authorizing_integration_owners": {},
        }
        if channel:
            payload["guild_id"] = str(GUILD)
            payload["channel"]["guild_id"] = str(GUILD)
            payload["member"] = {
                "user": user(who),
                "roles": [],
                "joined_at": None,
                "flags": 0,
                "permissions": "2048",
            }
        else:
            payload["user"] = user(who)
        if message:
            payload["message"] = self.messages[message]
        self.interactions[token] = []
        await self.dispatch("INTERACTION_CREATE", payload)
        return token

    async def slash(
        self, who: int, command: str, /, *, channel: int = 0, typing: str = "", **options: Any
    ) -> str:
        """A slash command; with `typing`, a request for the completion of that option."""
        kinds = {str: 3, int: 4}
        given = [
            {
                "name": key,
                "type": kinds[type(value)],
                "value": value,
                **({"focused": True} if key == typing else {}),
            }
            for key, value in options.items()
        ]
        data = {"id": "1", "name": command, "type": 1, "options": given}
        return await self.interact(who, 4 if typing else 2, data, channel=channel)

    async def press(self, who: int, message: int, label: str) -> str:
        """A button under a message of the bot."""
        for row in self.messages[message]["components"]:
            for button in row["components"]:
                if button.get("label") == label:
                    data = {"custom_id": button["custom_id"], "component_type": 2}
                    return await self.interact(who, 3, data, message=message)
        raise AssertionError(f"no button {label} under {self.messages[message]}")

    # -- REST ---------------------------------------------------------------------------------------------

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.requests.append((request.method, path))
        if (failure := self.fail(request)) is not None:
            return failure
        hooks = path.startswith(("interactions/", "webhooks/"))
        if not hooks and request.headers.get("Authorization") != f"Bot {TOKEN}":
            return web.Response(status=401, text='{"message": "401: Unauthorized", "code": 0}')
        body = await self._body(request)
        answer = await self._route(request.method, path.split("/"), body)
        async with self._changed:
            self._changed.notify_all()
        if answer is None:
            return web.Response(status=204)
        return web.Response(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})

    async def _body(self, request: web.Request) -> Any:
        if request.content_type.startswith("multipart/"):
            body: dict[str, Any] = {}
            files = []
            async for part in await request.multipart():
                if part.name == "payload_json":
                    body = await part.json()
                else:
                    files.append((part.filename, await part.read()))
            return {**body, "files": files}
        return await request.json() if request.can_read_body else {}

    async def _route(self, method: str, path: list[str], body: Any) -> Any:
        match (method, path):
            case "GET", ["users", "@me"]:
                return user(BOT, bot=True)
            case "GET", ["oauth2", "applications", "@me"] | ["applications", "@me"]:
                return {
                    **{"id": str(APPLICATION), "name": "bot", "flags": 0, "bot_public": False, "icon": None},
                    **{"description": "", "summary": "", "rpc_origins": [], "bot_require_code_grant": False},
                    **{"verify_key": "0" * 64, "owner": user(OWNER), "team": None},
                }
            case "PUT", ["applications", _, "commands"]:
                self.commands = body
                return [
                    {**c, "id": str(self.new_id()), "application_id": str(APPLICATION), "version": "1"}
                    for c in body
                ]
            case "POST", ["users", "@me", "channels"]:
                return {"id": str(DM[int(body["recipient_id"])]), "type": 1, "recipients": []}
            case "POST", ["channels", channel, "typing"]:
                self.log.append(f"typing {channel}")
                return None
            case "POST", ["channels", channel, "messages"]:
                return self._written(int(channel), body)
            case "PATCH", ["channels", _, "messages", number]:
                return self._edited(int(number), body)
            case "POST", ["interactions", _, token, "callback"]:
                self.interactions[token].append(body)
                if body["type"] in (4, 5):
                    channel = DM[OWNER]
                    own = self._written(channel, {**(body.get("data") or {}), "own": token})
                    self.interactions[token][-1]["message"] = int(own["id"])
                    return {
                        "interaction": {"id": path[1], "type": 2, "response_message_id": own["id"]},
                        "resource": {"type": body["type"], "message": own},
                    }
                return {"interaction": {"id": path[1], "type": 3}}
            case "GET", ["webhooks", _, token, "messages", "@original"]:
                return self.messages[self._original(token)]
            case "PATCH", ["webhooks", _, token, "messages", "@original"]:
                return self._edited(self._original(token), body)
            case "POST", ["webhooks", _, token]:
                self.interactions[token].append({"type": "followup", "data": body})
                return self._written(DM[OWNER], body)
        raise web.HTTPNotFound(text=json.dumps({"message": "Unknown", "code": 10008}))

    def _original(self, token: str) -> int:
        return next(int(answer["message"]) for answer in self.interactions[token] if "message" in answer)

    def _written(self, channel: int, body: dict[str, Any]) -> dict[str, Any]:
        content = body.get("content") or ""
        if len(content.encode("utf-16-le")) // 2 > 2000:
            raise web.HTTPBadRequest(text=json.dumps({"message": "Invalid Form Body", "code": 50035}))
        number = self.new_id()
        message = {
            "id": str(number),
            "channel_id": str(channel),
            "author": user(BOT, bot=True),
            "content": content,
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "components": body.get("components") or [],
            "allowed_mentions": body.get("allowed_mentions"),
            "reference": int((body.get("message_reference") or {}).get("message_id") or 0),
            "files": [(name, len(data)) for name, data in body.get("files", [])],
            "edits": [content],
            "at": time.monotonic(),
        }
        self.messages[number] = message
        return message

    def _edited(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        message = self.messages.get(number)
        if message is None:
            raise web.HTTPNotFound(text=json.dumps({"message": "Unknown Message", "code": 10008}))
        if "content" in body:
            message["content"] = body["content"] or ""
            message["edits"].append(message["content"])
        if "components" in body:
            message["components"] = body["components"] or []
        return message

    # -- looking ------------------------------------------------------------------------------------------

    async def until(self, found: Callable[[], Any], within_s: float = 10.0) -> Any:
        """Wait until `found` gives something, and give it."""
        deadline = time.monotonic() + within_s
        while not (value := found()):
            assert time.monotonic() < deadline, (
                f"{[(m['content'], m['edits']) for m in self.messages.values()]} {self.interactions}"
            )
            await asyncio.sleep(0.02)
        return value

    async def answer(self, text: str, within_s: float = 10.0) -> dict[str, Any]:
        """The first message of the bot with this text in it, as it is now."""
        found = await self.until(
            lambda: [m for m in self.messages.values() if text in m["content"]], within_s
        )
        return dict(found[0])

    async def told(self, token: str, text: str, within_s: float = 10.0) -> dict[str, Any]:
        """The answer to an interaction with this text in it."""
        found = await self.until(
            lambda: [
                a for a in self.interactions[token] if text in json.dumps(a, ensure_ascii=False, default=str)
            ],
            within_s,
        )
        return dict(found[0])
