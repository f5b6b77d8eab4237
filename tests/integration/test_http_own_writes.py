"""Reading one's own writes: folded or not, with and without a worker."""

from __future__ import annotations

import asyncio

import psycopg

from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, eventually


async def test_without_any_worker_a_read_on_any_node_shows_every_write_before_it(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, calling(one.url) as api, calling(two.url) as other:
        chat = await api.new_chat("Mine")
        text = ""
        for number in range(30):
            text += f"{number},"
            position = await api.emit(chat, "message", {"content": f"{number},"})
            read = await other.chat(chat)
            assert read["chat"]["history"]["messages"]["m1"]["content"] == text
            assert read["position"] >= position
        assert read["title"] == "Mine"
        with psycopg.connect(fleet.database_url) as sql:
            assert sql.execute("SELECT count(*) FROM messages").fetchone() == (0,)


async def test_ack_sql_answers_when_the_row_is_committed(fleet: Fleet) -> None:
    fleet.worker(fold_window_ms=20)
    async with fleet.inside(sql_wait_s=30) as node, calling(node.url) as api:
        chat = await api.new_chat()
        with psycopg.connect(fleet.database_url, autocommit=True) as sql:
            for number in range(5):
                path = f"/api/v1/chats/{chat}/messages/m{number}/event?ack=sql"
                answer = await api.client.post(path, json={"type": "message", "data": {"content": f"{number}"}})
                assert answer.status_code == 200
                stored = sql.execute("SELECT content FROM messages WHERE id = %s", [f"m{number}"]).fetchone()
                assert stored == (f"{number}",)
        read = await api.chat(chat)
        assert len(read["chat"]["history"]["messages"]) == 5


async def test_ack_sql_without_a_worker_answers_504_retryable_and_the_event_is_kept(fleet: Fleet) -> None:
    async with fleet.inside(sql_wait_s=0.2) as node, calling(node.url) as api:
        chat = await api.new_chat()
        path = f"/api/v1/chats/{chat}/messages/m1/event?ack=sql"
        body = {"type": "message", "data": {"content": "x"}}
        answers = [await api.client.post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [504, 504]
        assert answers[0].json()["retryable"] is True
        assert answers[0].json()["position"] == answers[1].json()["position"]
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "x"


async def test_reads_are_whole_while_a_worker_folds(fleet: Fleet) -> None:
    fleet.worker(fold_window_ms=5)
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        written = 0

        async def write() -> None:
            nonlocal written
            for _ in range(300):
                await api.emit(chat, "message", {"content": "x"})
                written += 1

        writing = asyncio.create_task(write())
        while not writing.done():
            before = written
            history = (await api.chat(chat))["chat"]["history"]["messages"]
            assert before <= len(history.get("m1", {"content": ""})["content"]) <= 300
        await writing

        async def folded() -> bool:
            with psycopg.connect(fleet.database_url, autocommit=True) as sql:
                return sql.execute("SELECT length(content) FROM messages WHERE id = 'm1'").fetchone() == (300,)

        await eventually(folded)


async def test_a_node_without_its_database_says_so_and_lives_on(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        name = fleet.database_url.partition("@/")[2].partition("?")[0]
        server = fleet.database_url.replace(f"@/{name}?", "@/postgres?")
        with psycopg.connect(server, autocommit=True) as sql:
            sql.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            try:
                assert (await api.client.get(f"/api/v1/chats/{chat}")).status_code == 503
                assert (await api.client.get("/readyz")).status_code == 503
                async with listening(node.url) as client:
                    join = {"chat_id": "unknown", "data": {"type": "join"}}
                    assert await client.call("events:chat", join) is False
                    await eventually(lambda: client.of("error"))
                    await node.node.orders.enter_room("chat:unknown", ["alice"])
                    assert await api.emit(chat, "message", {"content": "kept"})
                    await eventually(lambda: client.contents == ["kept"])
            finally:
                sql.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        async def read() -> bool:
            return (await api.client.get(f"/api/v1/chats/{chat}")).status_code == 200

        await eventually(read)
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "kept"
