"""The operator's console in a real browser: it shows what is so on two nodes and a worker, and what it does is done."""

from __future__ import annotations

import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from oversight.samples import Sample, Samples
from streams.append import Appender, NewEntry
from streams.link import Link
from tests.browser.conftest import Stage, staged
from tests.browser.consoles import SAID, TABLE, TAIL, console, filled, lacks, long_task, opened, poison, shows
from tests.contract.clients import calling, listening
from tests.support.admins import overseeing
from tests.support.browser import Browser, Tab
from tests.support.nodes import Fleet, eventually, token
from tests.support.valkey import ValkeyServer

REPLAYED = "document.querySelector('[aria-label^=\"Replayed\"]')?.innerText ?? ''"
STALE = "document.querySelector('.freshness')?.innerText.includes('Not up to date')"


async def said(tab: Tab, text: str) -> None:
    await tab.until(f"({SAID}).includes({text!r})")


async def test_the_overview_tells_of_both_nodes_the_worker_and_the_servers(stage: Stage) -> None:
    async with listening(stage.url), overseeing(stage.url) as admin:
        tab = await console(stage)
        for node in (await admin.get("overview"))["nodes"]:
            await shows(tab, node["name"])
        await tab.until("document.querySelectorAll('tbody')[1]?.innerText.includes('Alive')")
        await tab.until("document.body.innerText.match(/PostgreSQL\\s+Answers/)")
        await tab.until("[...document.querySelectorAll('.figure')].some((f) => f.innerText.match(/connections\\s+1$/))")
        await tab.until("document.querySelectorAll('.plot .plot-line').length > 0")
    await tab.until("[...document.querySelectorAll('.figure')].some((f) => f.innerText.match(/connections\\s+0$/))")
    assert tab.errors == []


async def test_advice_names_what_is_wrong_and_the_cure(stage: Stage, appender: Appender) -> None:
    tab = await console(stage)
    await poison(appender)
    await tab.until("document.querySelector('.advice')?.innerText.includes('deadletters')")
    await tab.until("document.querySelector('.views')?.innerText.match(/Dead letters\\s+1/)")
    stage.nodes[1].kill()
    await tab.until("document.querySelector('.advice')?.innerText.includes('died')")
    await shows(tab, "Silent for")
    assert tab.errors == []


async def test_nodes_that_go_away_leave_what_was_known_and_that_it_is_old(stage: Stage) -> None:
    tab = await console(stage)
    await tab.until("document.querySelectorAll('tbody').length === 2")
    for node in stage.nodes:
        node.kill()
    await tab.until(STALE)
    await tab.until("document.querySelector('.view-fault')?.innerText.includes('no node answers')")
    await tab.until("document.querySelector('.advice')?.innerText.includes('what follows is old')")
    assert await tab.value("document.querySelectorAll('tbody').length") == 2
    await tab.shot("console-light-stale")
    assert await tab.faults() == []
    for node in stage.nodes:
        node.start()
    await tab.until(f"!{STALE}")
    assert all("502" in error for error in tab.errors), tab.errors


async def test_while_the_log_is_away_the_overview_says_so_and_lists_say_that_they_are_old(
    own_fleet: Fleet, own_valkey: ValkeyServer, browser: Browser, tmp_path: Path
) -> None:
    async with staged(own_fleet, browser, tmp_path) as stage:
        await _told_while_the_log_is_away(stage, own_valkey)


async def _told_while_the_log_is_away(stage: Stage, own_valkey: ValkeyServer) -> None:
    tab = await console(stage, "rooms")
    await tab.until("document.querySelector('caption')")
    own_valkey.signal(signal.SIGSTOP)
    await tab.until(STALE)
    await opened(tab, "Overview", "Overview")
    await tab.until("document.querySelector('.advice')?.innerText.includes('does not answer')")
    await tab.until("document.body.innerText.match(/Valkey\\s+Away/)")
    own_valkey.signal(signal.SIGCONT)
    await tab.until("document.body.innerText.match(/Valkey\\s+Answers/)")
    assert all("503" in error for error in tab.errors), tab.errors


async def test_the_last_hour_is_drawn_with_gaps_where_nobody_sampled(stage: Stage, link: Link) -> None:
    samples, now = Samples(link.keys, link.client(connections=1)), int(time.time() * 1000)
    for step in (*range(300, 200, -1), *range(100, 0, -1)):
        ms = now - step * 10_000
        await samples.add(Sample(ms, {"connections": 100 + step % 30, "fold_lag_s": step / 100}))
    tab = await console(stage)
    plot = "[...document.querySelectorAll('.plot')].find((plot) => plot.innerText.startsWith('Fold lag'))"
    await tab.until(f"{plot}?.querySelectorAll('.plot-line').length >= 2")
    assert "3 s at most" in await tab.value(f"{plot}.querySelector('svg').ariaLabel")
    await tab.value(f"{plot}.scrollIntoView()")
    await tab.shot("console-light-plots")
    assert tab.errors == []


async def test_ten_thousand_rooms_are_paged_searched_and_sorted(stage: Stage, appender: Appender) -> None:
    await filled(appender, 10_000)
    await appender.append(NewEntry("system:room-00007", "tick", b"2"))
    tab = await console(stage, "rooms")
    await shows(tab, "system:room-00099")
    assert await tab.value("document.querySelectorAll('tbody tr').length") == 100
    await tab.click("button", "Next page")
    await shows(tab, "system:room-00100")
    await tab.click("button", "Previous page")
    await shows(tab, "system:room-00000")
    await tab.fill("searchbox", "Search rooms", "room-0909")
    await tab.until("document.querySelectorAll('tbody tr').length === 10")
    assert "q=room-0909" in await tab.value("location.hash")
    await tab.fill("searchbox", "Search rooms", "")
    await tab.focus("combobox", "Sort by")
    await tab.type("Length")
    await tab.until(f"({TABLE}).startsWith('system:room-00007')")
    assert tab.errors == []


async def test_a_room_is_followed_live_paused_and_replayed(stage: Stage, appender: Appender) -> None:
    async with calling(stage.url) as alice, listening(stage.url):
        chat = await alice.new_chat()
        first = await alice.emit(chat, "message", {"content": "before"})
        tab = await console(stage, "rooms")
        await opened(tab, "user:alice", "user:alice")
        await shows(tab, "alice")
        await tab.until("document.body?.innerText.includes('Live\\n')")
        await tab.until("document.querySelector('.log .tag')?.innerText === 'Live'")
        await alice.emit(chat, "message", {"content": "while it is open"})
        await tab.until(f"({TAIL}).includes('while it is open')")
        await tab.click("button", "Pause")
        await tab.until("document.querySelector('.log .tag')?.innerText === 'Paused'")
        await alice.emit(chat, "message", {"content": "while it is paused"})
        await tab.click("button", "From the oldest")
        await tab.until(f"({REPLAYED}).includes('while it is paused')")
        assert "while it is paused" not in await tab.value(TAIL)
        await tab.click("button", "Resume")
        await tab.until(f"({TAIL}).includes('while it is paused')")
        await tab.fill("textbox", "after", first)
        await tab.click("button", "Read", exact=True)
        await tab.until(f"!({REPLAYED}).includes('before')")
        assert "while it is open" in await tab.value(REPLAYED)
        await tab.fill("textbox", "after", "yesterday")
        await tab.click("button", "Read", exact=True)
        await tab.until("document.body?.innerText.includes('A position looks like')")
    assert tab.errors == []


async def test_a_flood_into_a_room_keeps_the_page_small_and_a_killed_stream_goes_on(
    stage: Stage, appender: Appender
) -> None:
    await appender.append(NewEntry("system:flood", "tick", b"0"))
    tab = await console(stage, "room=system:flood")
    await tab.until("document.querySelector('.log .tag')?.innerText === 'Live'")
    for number in range(1, 1001):
        await appender.append(NewEntry("system:flood", "tick", b"%d" % number))
    await tab.until(f"({TAIL}).includes('1000')")
    assert await tab.value("document.querySelectorAll('.events li').length") == 300
    for node in stage.nodes:
        node.kill()
    await tab.until("document.querySelector('.log .tag')?.innerText.includes('Lost')")
    await appender.append(NewEntry("system:flood", "tick", b'"missed"'))
    for node in stage.nodes:
        node.start()
    await tab.until(f"({TAIL}).includes('missed')")


async def test_a_dead_letter_is_inspected_retried_and_dropped(stage: Stage, appender: Appender) -> None:
    first = await poison(appender)
    tab = await console(stage)
    await opened(tab, "Dead letters", "Dead letters")
    await shows(tab, first)
    await tab.click("button", "Inspect events of user:u")
    await tab.until("document.querySelector('.payload')?.innerText.includes('not an object')")
    await tab.click("button", "Retry events of user:u")
    await said(tab, "Appended again at")
    await lacks(tab, first)
    await shows(tab, "user:u")  # it is as poisonous as before: the worker parks it anew
    await tab.click("button", "Drop events of user:u")
    await tab.see("dialog", "Drop events of user:u?")
    await tab.click("button", "Cancel")
    await tab.miss("dialog", "Drop events of user:u?")
    await shows(tab, "user:u")
    await tab.click("button", "Drop events of user:u")
    await tab.see("dialog", "Drop events of user:u?")
    await tab.click("button", "Drop", exact=True)
    await said(tab, "Dropped")
    await shows(tab, "There are none")
    await opened(tab, "Audit", "Audit")
    await shows(tab, "deadletter.retry")
    await shows(tab, "deadletter.drop")
    await tab.shot("console-light-audit-entries")
    await shows(tab, "root")
    assert tab.errors == []


async def test_sessions_are_disconnected_on_each_node_and_a_user_is_revoked(stage: Stage) -> None:
    """Whichever node nginx lets the console ask, one of the two sessions is on the other."""
    user = "team/alice"  # whose slash comes through nginx as it is
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(listening(node.url, user)) for node in stage.nodes]
        tab = await console(stage, "sessions")
        await tab.fill("searchbox", "User id", user)
        await tab.press("Enter")
        for alice in sessions:
            sid = alice.get_sid()
            await shows(tab, sid)
            await tab.click("button", f"Disconnect {sid}")
            await said(tab, f"Disconnected {sid}")
            await tab.shot("console-light-said")
            await eventually(lambda session=alice: not session.connected, 30)
        await shows(tab, "Not connected now")
        for alice, node in zip(sessions, stage.nodes, strict=True):
            await alice.open(node.url, token(user), transports=["websocket"])
            assert alice.recovered
            await shows(tab, alice.get_sid())
        await tab.click("button", f"Revoke all tokens of {user}")
        await tab.see("dialog", f"Revoke all tokens of {user}?")
        await tab.click("button", "Revoke all", exact=True)
        await said(tab, "Revoked")
        await eventually(lambda: not any(alice.connected for alice in sessions), 30)
        await shows(tab, "Not connected now")
        await tab.until("document.querySelector('.person')?.innerText.includes('are refused')")
    async with calling(stage.url, user, iat=1) as old:
        assert (await old.client.get("/api/v1/chats/")).status_code == 401
    assert tab.errors == []


async def test_a_running_task_is_stopped_wherever_it_runs(stage: Stage) -> None:
    async with calling(stage.url) as alice:
        task = await long_task(alice)
        tab = await console(stage, "tasks")
        await shows(tab, task)
        await tab.click("button", f"Stop {task}")
        await said(tab, "Stopped task")
        await shows(tab, "No task runs now")
    await opened(tab, "Audit", "Audit")
    await shows(tab, "task.stop")
    assert tab.errors == []


async def test_who_is_not_an_admin_or_has_an_old_token_is_told_so(stage: Stage) -> None:
    for claims, why in (({}, "not an admin"), ({"role": "admin", "exp": 1}, "expired")):
        tab = await stage.browser.open(f"{stage.url}/console#token={token('ann', **claims)}")
        await tab.until(f"document.querySelector('[role=alert]')?.innerText.includes({why!r})")
        await tab.shot("console-light-refused")
        assert await tab.faults() == []
        await tab.click("button", "Sign in with another token")
        await tab.fill("textbox", "Admin token", token("ann"))
        await tab.press("Enter")
        await tab.until("document.querySelector('.signin .fault')?.innerText.includes('not an admin')")
        await tab.fill("textbox", "Admin token", token("root", role="admin"))
        await tab.press("Enter")
        await tab.see("navigation", "Views")
        assert "token" not in await tab.value("location.href")
        assert all("401" in error or "403" in error for error in tab.errors), tab.errors
