"""Reads: one consistent moment, lists of chats, owners and users."""

from __future__ import annotations

import asyncio

import psycopg

from archive import Archive, Changes, ChatSummary
from archive.windows import Window
from tests.support.postgres import UserLog


async def test_what_is_not_there_is_none(archive: Archive) -> None:
    for chat_id in ("nothing", "", "a\0b", "\ud800", "x" * 100_000):
        assert await archive.chat(chat_id) is None
        assert await archive.owner(chat_id) is None


async def test_a_read_never_mixes_two_moments(archive: Archive) -> None:
    log = UserLog()
    done = asyncio.Event()

    async def write() -> None:
        for n in range(100):
            log.add("message", {"content": "x"}, message_id="one")
            log.add("message", {"content": "x"}, message_id="two")
            await archive.commit([log.fold(2 * n)])
        done.set()

    async def read() -> None:
        while not done.is_set():
            chat = await archive.chat("chat")
            if chat is not None:
                one, two = chat.messages.values()
                assert one.content == two.content
                assert chat.position == log.position(2 * len(one.content))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        tasks.create_task(read())


async def test_a_chat_without_messages_is_read_with_its_position(archive: Archive) -> None:
    log = UserLog()
    log.add("chat:new", {"title": "Fish", "tags": ["food"]})
    await archive.commit([log.fold()])
    chat = await archive.chat("chat")
    assert chat is not None
    assert (chat.title, chat.tags, chat.messages, chat.position) == ("Fish", ("food",), {}, log.position())
    assert await archive.owner("chat") == "owner"


async def test_chats_are_listed_by_their_last_update_a_page_at_a_time(archive: Archive) -> None:
    log, other = UserLog(), UserLog("other")
    for n in range(12):
        log.add("chat:new", {"title": f"title {n}"}, chat_id=f"chat {n}")
    log.add("chat:title", "again", chat_id="chat 0")
    other.add("chat:new", {}, chat_id="other")
    await archive.commit([log.fold(), other.fold()])
    # three entries a second: what has the same second is ordered by id
    chats = await listed(archive, "owner", 0, 60)
    assert len(chats) == 12
    assert [chat.updated_at for chat in chats] == sorted((chat.updated_at for chat in chats), reverse=True)
    assert chats[0].title == "again"
    assert await listed(archive, "owner", 10, 5) == chats[10:]
    assert await listed(archive, "nobody", 0, 60) == []


async def listed(archive: Archive, user_id: str, skip: int, limit: int) -> list[ChatSummary]:
    window = Window(skip, limit, 0)
    return (await archive.chat_list(user_id, window)).page(window, Changes())


async def _user(database_url: str) -> object:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT name, email, role, last_active_at, xmin::text FROM users")
        return await cursor.fetchone()


async def test_a_user_is_stored_and_follows_the_token(archive: Archive, database_url: str) -> None:
    await archive.see_user("u", "Ann", "ann@example.org", "user")
    await archive.see_user("u", "Ann\0", "ann@example.org", "admin")
    first = await _user(database_url)
    assert isinstance(first, tuple)
    assert first[:4] == ("Ann\ufffd", "ann@example.org", "admin", 0)
    await archive.see_user("u", "Ann\0", "ann@example.org", "admin")
    assert await _user(database_url) == first, "an unchanged user is not written again"


async def test_activity_is_written_at_most_once_a_minute(archive: Archive, database_url: str) -> None:
    await archive.see_user("u", "Ann", "", "user")
    written = [second for second in range(1000, 1200, 5) if await archive.touch_user("u", second)]
    assert written == [1000, 1065, 1130, 1195]
    assert not await archive.touch_user("nobody", 1000)
    row = await _user(database_url)
    assert isinstance(row, tuple)
    assert row[3] == 1195
