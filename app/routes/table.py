"""Every HTTP route, once: the router and the OpenAPI document are both made from this table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.channel_payloads import (
    ChannelUpdate,
    MemberIds,
    MessageUpdate,
    Mute,
    NewChannel,
    NewMessage,
    NewWebhook,
    Pin,
    ReactionBody,
    WebhookMessage,
)
from app.completions.request import Completed, CompletionRequest
from app.payloads import (
    AccessGrants,
    ChatUpdate,
    DemoName,
    MessageContent,
    MessageEvent,
    NewChat,
    NewNote,
    NoteUpdate,
    RoleUpdate,
    RoomEvent,
    UserUpdate,
)
from app.routes import (
    admin,
    admin_letters,
    admin_people,
    admin_rooms,
    channel_members,
    channel_messages,
    channel_webhooks,
    channels,
    chat_access,
    chat_tags,
    chats,
    completions,
    demo,
    note_search,
    notes,
    rooms,
    status,
    tasks,
    usage,
    users,
)
from oversight.audit import ActionPage
from oversight.events import EventPage
from oversight.letters import LetterPage, OpenLetter, Retried
from oversight.overview import Overview
from oversight.people import Revoked, UserSessions
from oversight.rooms import RoomDetail, RoomPage
from oversight.running import TaskPage
from oversight.samples import History

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """method, path: as Starlette has them. body: model of the JSON body. query: names of query parameters.

    several: the body may also be a list of them. open: needs no token. answers: statuses besides 200 and their meaning.
    answer: what 200 brings, where that has a type.
    """

    method: str
    path: str
    endpoint: Endpoint
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    open: bool = False
    answers: tuple[tuple[int, str], ...] = ()
    several: bool = False
    answer: type[Any] | None = None


_WRITE = ((404, "No such chat for you"), (429, "The room is full; retry"), (503, "The log does not answer; retry"))
_DOWN = ((503, "The log, or a node, does not answer; retry"),)
_ADMIN = ((403, "Only admins may do this"),)
_ROLE = (*_ADMIN, (404, "No such user was seen"), *_DOWN)
_FOLD = (*_WRITE, (504, "In the log, not folded in time"))
_COMPLETE = (
    *_WRITE,
    (403, "`session_id` is another user's"),
    (502, "The provider gave no answer (without `chat_id` only)"),
)
_GONE = ((404, "No such room for you"), (410, "Past the retention: {error, snapshot, position}"))
_EVENT = "/api/v1/chats/{chat_id}/messages/{message_id}/event"

_CHANNEL = "/api/v1/channels/{channel_id}"
_MESSAGE = _CHANNEL + "/messages/{message_id}"
_SEEN = ((404, "No such channel or message for you"),)
_MANAGED = (*_SEEN, (403, "Only the channel's owners may do this"))
_WRITTEN = (*_SEEN, *_FOLD[1:])
_OURS = (*_MANAGED, *_FOLD[1:])
_ONCE = ("Idempotency-Key",)
_PAGE = ("skip", "limit")
_ACK = ("ack",)

CHANNELS = (
    Operation("GET", "/api/v1/channels/", channels.mine),
    Operation("POST", "/api/v1/channels/create", channels.create, NewChannel, _ACK, _ONCE, answers=_FOLD[1:]),
    Operation("GET", "/api/v1/channels/users/{user_id}", channels.direct, None, _ACK, answers=_FOLD[1:]),
    Operation(
        "POST",
        "/api/v1/channels/webhooks/{webhook_id}/{token}",
        channel_messages.webhook,
        WebhookMessage,
        _ACK,
        _ONCE,
        True,
        _WRITTEN,
    ),
    Operation("GET", _CHANNEL, channels.read, answers=_SEEN),
    Operation("POST", _CHANNEL + "/update", channels.update, ChannelUpdate, _ACK, answers=_OURS),
    Operation("DELETE", _CHANNEL + "/delete", channels.delete, None, _ACK, answers=_OURS),
    Operation("GET", _CHANNEL + "/members", channel_members.listed, answers=_SEEN),
    Operation("POST", _CHANNEL + "/members/mute", channel_members.mute, Mute, _ACK, answers=_WRITTEN),
    Operation("POST", _CHANNEL + "/update/members/add", channel_members.add, MemberIds, _ACK, answers=_OURS),
    Operation("POST", _CHANNEL + "/update/members/remove", channel_members.remove, MemberIds, _ACK, answers=_OURS),
    Operation("GET", _CHANNEL + "/webhooks", channel_webhooks.listed, answers=_MANAGED),
    Operation("POST", _CHANNEL + "/webhooks/create", channel_webhooks.add, NewWebhook, _ACK, answers=_OURS),
    Operation("DELETE", _CHANNEL + "/webhooks/{webhook_id}/delete", channel_webhooks.remove, None, _ACK, answers=_OURS),
    Operation("GET", _CHANNEL + "/messages", channel_messages.page, None, _PAGE, answers=_SEEN),
    Operation("POST", _CHANNEL + "/messages/post", channel_messages.post, NewMessage, _ACK, _ONCE, answers=_WRITTEN),
    Operation("GET", _CHANNEL + "/messages/pinned", channel_messages.pinned, None, ("page",), answers=_SEEN),
    Operation("GET", _MESSAGE, channel_messages.read, answers=_SEEN),
    Operation("GET", _MESSAGE + "/thread", channel_messages.thread, None, _PAGE, answers=_SEEN),
    Operation("POST", _MESSAGE + "/update", channel_messages.update, MessageUpdate, _ACK, answers=_OURS),
    Operation("POST", _MESSAGE + "/pin", channel_messages.pin, Pin, _ACK, answers=_WRITTEN),
    Operation("DELETE", _MESSAGE + "/delete", channel_messages.delete, None, _ACK, answers=_OURS),
    Operation("POST", _MESSAGE + "/reactions/add", channel_messages.react, ReactionBody, _ACK, answers=_WRITTEN),
    Operation("POST", _MESSAGE + "/reactions/remove", channel_messages.unreact, ReactionBody, _ACK, answers=_WRITTEN),
)

_NO_DEMO = ((404, "The demo is off"),)
_CROWD = (429, "Too many sign-ins from this address; retry after `retry_after_s`")
_ADMIN_ROOMS = ("q", "cursor", "limit", "order")
_OVERSEEN = (*_ADMIN, *_DOWN)
_OVERSEEN_ONE = (*_OVERSEEN, (404, "There is none any more"))
_ANY_ROOM = "/api/v1/admin/rooms/{room}"
_LETTER = "/api/v1/admin/deadletters/{letter_id}"
_AFTER = ("after", "limit")

OVERSIGHT = (
    Operation("GET", "/api/v1/admin/overview", admin.overview, answers=_ADMIN, answer=Overview),
    Operation("GET", "/api/v1/admin/history", admin.history, answers=_OVERSEEN, answer=History),
    Operation("GET", "/api/v1/admin/rooms", admin.rooms, None, _ADMIN_ROOMS, answers=_OVERSEEN, answer=RoomPage),
    Operation("GET", _ANY_ROOM, admin_rooms.read, answers=_OVERSEEN_ONE, answer=RoomDetail),
    Operation("GET", _ANY_ROOM + "/events", admin_rooms.events, None, _AFTER, answers=_OVERSEEN_ONE, answer=EventPage),
    Operation(
        "GET",
        _ANY_ROOM + "/events/stream",
        admin_rooms.stream,
        None,
        ("after",),
        ("Last-Event-ID",),
        False,
        (*_OVERSEEN_ONE, _GONE[1]),
    ),
    Operation(
        "GET", "/api/v1/admin/deadletters", admin_letters.listed, None, _AFTER, answers=_OVERSEEN, answer=LetterPage
    ),
    Operation("GET", _LETTER, admin_letters.read, answers=_OVERSEEN_ONE, answer=OpenLetter),
    Operation("POST", _LETTER + "/retry", admin_letters.retry, answers=(*_OVERSEEN_ONE, *_WRITE[1:2]), answer=Retried),
    Operation("POST", _LETTER + "/drop", admin_letters.drop, answers=_OVERSEEN_ONE),
    Operation(
        "GET",
        "/api/v1/admin/users/{user_id}/sessions",
        admin_people.sessions,
        answers=_OVERSEEN,
        answer=UserSessions,
    ),
    Operation("POST", "/api/v1/admin/users/{user_id}/revoke", admin_people.revoke, answers=_OVERSEEN, answer=Revoked),
    Operation("POST", "/api/v1/admin/sessions/{sid}/disconnect", admin_people.disconnect, answers=_OVERSEEN_ONE),
    Operation(
        "GET", "/api/v1/admin/tasks", admin_people.tasks, None, ("cursor", "limit"), answers=_OVERSEEN, answer=TaskPage
    ),
    Operation("GET", "/api/v1/admin/audit", admin_people.audit, None, _AFTER, answers=_OVERSEEN, answer=ActionPage),
)

_NOTE = "/api/v1/notes/{note_id}"
_NO_NOTE = ((404, "No such note for you"),)

OPERATIONS = (
    Operation("POST", "/api/v1/chats/new", chats.create, NewChat, ("ack",), answers=_FOLD),
    Operation("GET", "/api/v1/notes/", notes.listed),
    Operation(
        "GET",
        "/api/v1/notes/search",
        note_search.search,
        query=("query", "view_option", "order_by", "direction", "page"),
    ),
    Operation("POST", "/api/v1/notes/create", notes.create, NewNote, _ACK, _ONCE, answers=_FOLD[1:]),
    Operation("GET", _NOTE, notes.read, answers=_NO_NOTE),
    Operation("POST", _NOTE + "/update", notes.update, NoteUpdate, _ACK, _ONCE, answers=_NO_NOTE + _FOLD[1:]),
    Operation("POST", _NOTE + "/access", notes.share, AccessGrants, _ACK, answers=_NO_NOTE + _FOLD[1:]),
    Operation("DELETE", _NOTE + "/delete", notes.delete, None, _ACK, answers=_NO_NOTE + _FOLD[1:]),
    Operation("GET", "/api/v1/chats/", chats.listed, None, ("page", "limit")),
    Operation("GET", "/api/v1/chats/all/tags", chat_tags.of_user),
    Operation("GET", "/api/v1/chats/{chat_id}/tags", chat_tags.of_chat, answers=_WRITE[:1]),
    Operation("GET", "/api/v1/chats/shared-with-me", chat_access.shared_with_me, None, ("page", "limit")),
    Operation("GET", "/api/v1/chats/{chat_id}", chats.read, answers=_WRITE[:1]),
    Operation("POST", "/api/v1/chats/{chat_id}", chats.update, ChatUpdate, _ACK, answers=_FOLD),
    Operation("DELETE", "/api/v1/chats/{chat_id}", chats.delete, None, _ACK, answers=_FOLD),
    Operation("GET", "/api/v1/chats/{chat_id}/access", chat_access.read, answers=_WRITE[:1]),
    Operation("POST", "/api/v1/chats/{chat_id}/access", chat_access.replace, AccessGrants, _ACK, answers=_FOLD),
    Operation("POST", _EVENT, chats.emit, MessageEvent, ("ack",), ("Idempotency-Key",), answers=_FOLD, several=True),
    Operation(
        "POST",
        "/api/v1/chats/{chat_id}/messages/{message_id}",
        chats.replace,
        MessageContent,
        ("ack",),
        ("Idempotency-Key",),
        answers=_FOLD,
    ),
    Operation("GET", "/api/v1/rooms/{room}/events", rooms.events, query=("after", "limit"), answers=_GONE),
    Operation(
        "GET", "/api/v1/rooms/{room}/events/stream", rooms.stream, None, ("after",), ("Last-Event-ID",), False, _GONE
    ),
    Operation(
        "POST",
        "/api/v1/rooms/{room}/events",
        rooms.publish,
        RoomEvent,
        (),
        ("Idempotency-Key",),
        answers=_WRITE[1:],
        several=True,
    ),
    Operation("GET", "/api/v1/auths/", users.current),
    Operation("POST", "/api/v1/auths/signout", users.sign_out, answers=_DOWN),
    Operation("GET", "/api/v1/auths/signout", users.sign_out, answers=_DOWN),
    Operation("GET", "/api/v1/users/", users.listed, None, ("page", "limit"), answers=_ADMIN),
    Operation("POST", "/api/v1/users/{user_id}/update", users.update, UserUpdate, answers=_ROLE),
    Operation("POST", "/api/v1/users/update/role", users.update_role, RoleUpdate, answers=_ROLE),
    Operation("POST", "/api/v1/users/{user_id}/revoke", users.revoke, answers=_ADMIN + _DOWN),
    Operation("GET", "/api/usage", usage.usage),
    Operation("POST", "/api/chat/completions", completions.complete, CompletionRequest, answers=_COMPLETE),
    Operation("POST", "/api/chat/completed", completions.completed, Completed),
    Operation("GET", "/api/tasks", tasks.list_all),
    Operation("GET", "/api/tasks/chat/{chat_id}", tasks.list_of_chat, answers=_WRITE[:1]),
    Operation("POST", "/api/tasks/stop/{task_id}", tasks.stop),
    Operation("POST", "/api/tasks/chat/{chat_id}/stop", tasks.stop_of_chat, answers=_WRITE[:1]),
    Operation("GET", "/api/version", status.version, open=True),
    Operation("GET", "/api/config", status.config, open=True),
    Operation("POST", "/demo/session", demo.session, DemoName, open=True, answers=(*_NO_DEMO, _CROWD)),
    Operation("GET", "/demo/config", demo.config, None, ("sid",), open=True, answers=_NO_DEMO),
    Operation("GET", "/livez", status.livez, open=True),
    Operation("GET", "/readyz", status.readyz, open=True, answers=((503, "Not ready: {reasons}"),)),
    Operation("GET", "/metrics", status.metrics, open=True),
    *CHANNELS,
    *OVERSIGHT,
)
