// The list of chats: pages of the server's, read anew when something changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chats, PAGE } from "../src/demo/chats.ts";

/** A list on a server with so many chats. asked: what waits for an answer, the oldest first; `count` may be changed. */
function listOf(count) {
  const server = { count, asked: [] };
  const page = (path) => {
    const from = (Number(new URL(path, "http://node").searchParams.get("page")) - 1) * PAGE;
    return Array.from({ length: server.count }, (_, number) => ({ id: `${number}`, title: "" })).slice(from, from + PAGE);
  };
  const get = (path) => new Promise((resolve, reject) => server.asked.push({ answer: () => resolve(page(path)), refuse: reject }));
  const chats = new Chats({ api: { get }, socket: { on() {} }, fresh: new Set() });
  const answered = async (call) => {
    for (const { answer } of server.asked.splice(0)) answer();
    await call;
    return [chats.list.value.length, chats.goesOn.value];
  };
  return { chats, server, answered };
}

test("one page is read, and one more each time while there are more", async () => {
  const { chats, answered } = listOf(PAGE + 5);
  assert.deepEqual(await answered(chats.reload()), [PAGE, true]);
  assert.deepEqual(await answered(chats.more()), [PAGE + 5, false]);
  assert.deepEqual(await answered(chats.reload()), [PAGE + 5, false]);
});

test("a list that ends where a page does goes on until that is known", async () => {
  const { chats, answered } = listOf(PAGE);
  assert.deepEqual(await answered(chats.reload()), [PAGE, true]);
  assert.deepEqual(await answered(chats.more()), [PAGE, false]);
});

test("a page that could not be read is asked for again the next time, and nothing is left out", async () => {
  const { chats, server, answered } = listOf(2 * PAGE + 1);
  await answered(chats.reload());
  const refused = chats.more();
  for (const { refuse } of server.asked.splice(0)) refuse(new Error("away"));
  await assert.rejects(refused, /away/);
  assert.deepEqual(await answered(chats.more()), [2 * PAGE, true]);
});

test("an older answer that comes late does not take the newer one's place, and whoever asked has that", async () => {
  const { chats, server, answered } = listOf(PAGE + 5);
  await answered(chats.reload());
  const more = chats.more();
  const late = server.asked.splice(0);
  server.count = PAGE + 6;
  assert.deepEqual(await answered(chats.reload()), [PAGE + 6, false]);
  server.count = 0;
  for (const { answer } of late) answer();
  await more;
  assert.equal(chats.list.value.length, PAGE + 6);
});
