// A chat on the page: a snapshot, what is folded into it, and what came before it was there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../src/demo/chat.ts";
import { Early, KEPT } from "../src/demo/early.ts";
import { Message } from "../src/demo/message.ts";
import { Stream } from "../src/demo/stream.ts";

const at = (number) => ({ position: `${number}-0` });
const delta = (number, content) => ({ message_id: "a", told: { type: "chat:message:delta", data: { content } }, ...at(number) });

/** A chat as the server stores it, with a question and so much of the answer. */
function stored(position, content) {
  const messages = {
    q: { id: "q", parentId: null, role: "user", content: "?" },
    a: { id: "a", parentId: "q", role: "assistant", content },
  };
  return { id: "c", title: "Chat", position: `${position}-0`, chat: { history: { currentId: "a", messages } } };
}

const texts = (chat) => chat.messages.value.map(({ text }) => text.text);

test("what came before the snapshot is laid over it, and what the snapshot has is not", async () => {
  const { promise, resolve } = Promise.withResolvers();
  const chat = new Chat({ get: () => promise }, "c");
  const loaded = chat.load();
  for (const event of [delta(3, "three "), delta(4, "four "), delta(5, "five ")]) chat.take(event);
  resolve(stored(4, "three four "));
  await loaded;
  assert.deepEqual(texts(chat), ["?", "three four five "]);
  chat.take(delta(4, "four "));
  chat.take(delta(6, "six"));
  assert.deepEqual(texts(chat), ["?", "three four five six"]);
});

test("a snapshot that is older than what had to be dropped is read anew", async () => {
  const snapshots = [Promise.withResolvers(), Promise.withResolvers()];
  let read = 0;
  const chat = new Chat({ get: () => snapshots[read++].promise }, "c");
  const loaded = chat.load();
  for (let number = 1; number <= KEPT + 1; number++) chat.take(delta(number, "."));
  snapshots[0].resolve(stored(1, "."));
  snapshots[1].resolve(stored(KEPT + 1, ".".repeat(KEPT + 1)));
  await loaded;
  assert.equal(read, 2);
  assert.deepEqual(texts(chat), ["?", ".".repeat(KEPT + 1)]);
});

test("early events are bounded, and what was dropped is missed only by a snapshot from before it", () => {
  const early = new Early();
  for (let number = 1; number <= KEPT + 1; number++) early.add(at(number));
  assert.equal(early.behind("1-0"), null);
  for (let number = 1; number <= KEPT + 1; number++) early.add(at(number));
  assert.equal(early.behind(`${KEPT}-0`).length, 1);
  assert.deepEqual(early.behind("0-0"), []);
});

test("a turn that nobody took is taken back, and the branch ends where it did", async () => {
  const chat = new Chat({ get: () => Promise.resolve(stored(1, "!")) }, "c");
  await chat.load();
  const turn = chat.ask("And now?");
  assert.deepEqual(texts(chat), ["?", "!", "And now?", ""]);
  chat.takeBack(turn);
  assert.deepEqual(texts(chat), ["?", "!"]);
});

test("a title and a turn from another tab change the chat", async () => {
  const chat = new Chat({ get: () => Promise.resolve(stored(1, "!")) }, "c");
  await chat.load();
  chat.take({ message_id: null, told: { type: "chat:title", data: "New name" }, ...at(2) });
  const messages = { q2: { parentId: "a", role: "user", content: "More?" }, a2: { parentId: "q2", role: "assistant" } };
  chat.take({ message_id: null, told: { type: "chat:messages", data: { messages, currentId: "a2" } }, ...at(3) });
  assert.equal(chat.title.value, "New name");
  assert.deepEqual(texts(chat), ["?", "!", "More?", ""]);
});

test("a message is folded as it is told: said, replaced, thought about, ended", () => {
  const message = new Message("a", null, "assistant");
  const fold = (type, data) => message.fold({ type, data });
  fold("status", { description: "Searching" });
  assert.equal(message.step.value, "Searching");
  fold("message", { content: "one " });
  assert.deepEqual([message.step.value, message.text.text], [null, "one "]);
  fold("response:completion", { type: "response.reasoning_text.delta", delta: "hm" });
  assert.deepEqual([message.step.value, message.text.text], ["Thinking …", "one "]);
  fold("response:completion", { type: "response.output_text.delta", delta: "two" });
  assert.equal(message.text.text, "one two");
  fold("replace", { content: "three" });
  fold("nobody knows this", null);
  assert.deepEqual([message.text.text, message.end.value], ["three", "open"]);
  fold("chat:completion", { done: true, content: "three four" });
  assert.deepEqual([message.text.text, message.end.value], ["three four", "done"]);
});

test("how an answer ended: stopped, interrupted, failed", () => {
  const ended = (type, data) => {
    const message = new Message("a", null, "assistant");
    message.fold({ type, data });
    return [message.end.value, message.error.value];
  };
  assert.deepEqual(ended("chat:tasks:cancel", null), ["stopped", null]);
  assert.deepEqual(ended("chat:tasks:cancel", { interrupted: true }), ["interrupted", null]);
  assert.deepEqual(ended("chat:message:error", { error: { content: "no" } }), ["done", "no"]);
  assert.deepEqual(ended("chat:message:error", { error: {} }), ["done", "The answer failed."]);
});

test("whoever shows a text is told what is new, and the whole only when it is another one", () => {
  const stream = new Stream("a");
  const told = [];
  const hide = stream.show({ added: (text) => told.push(`+${text}`), set: (text) => told.push(text) });
  stream.add("b");
  stream.add("c");
  stream.set("d");
  hide();
  stream.add("e");
  assert.deepEqual(told, ["a", "+b", "+c", "d"]);
  assert.equal(stream.text, "de");
});
