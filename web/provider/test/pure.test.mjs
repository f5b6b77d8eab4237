// The parts of the provider that need no server: `node --test`, which tests/unit/test_provider.py runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as Y from "yjs";
import { missing } from "../dist/missing.js";
import { Outbox } from "../dist/outbox.js";
import { Parts } from "../dist/parts.js";

/** A document with a text, and the updates that made it. */
function written(...pieces) {
  const doc = new Y.Doc();
  const updates = [];
  doc.on("update", (update) => updates.push(update));
  for (const piece of pieces) doc.getText("t").insert(doc.getText("t").length, piece);
  return { doc, updates };
}

const copy = (doc) => {
  const made = new Y.Doc();
  Y.applyUpdate(made, Y.encodeStateAsUpdate(doc));
  return made;
};

test("one batch is out at a time, and what comes meanwhile is the next one, merged", () => {
  const { updates } = written("a", "b", "c");
  const box = new Outbox();
  box.add(updates[0]);
  assert.deepEqual(box.take(), updates[0]);
  box.add(updates[1]);
  box.add(updates[2]);
  assert.equal(box.take(), null);
  box.saved();
  const made = new Y.Doc();
  Y.applyUpdate(made, updates[0]);
  Y.applyUpdate(made, box.take());
  assert.equal(made.getText("t").toString(), "abc");
  assert.equal(box.empty, false);
  box.saved();
  assert.equal(box.empty, true);
});

test("what was out goes first again, and nothing is lost however many edits wait", () => {
  const { updates } = written(...Array.from({ length: 1000 }, (_, number) => `${number} `));
  const box = new Outbox();
  const sent = [];
  for (const [number, update] of updates.entries()) {
    box.add(update);
    if (number === 500) {
      box.take();
      box.again();
    }
  }
  for (let update = box.take(); update !== null; update = box.take()) {
    sent.push(update);
    box.saved();
  }
  const made = new Y.Doc();
  for (const update of sent) {
    Y.applyUpdate(made, update);
    assert.equal(made.store.pendingStructs, null, "in order");
  }
  assert.equal(made.getText("t").length, 2890 + 1000);
  assert.ok(sent.length < 20);
});

test("nothing is missing when both have the same, deletions included", () => {
  const { doc } = written("hello");
  doc.getText("t").delete(1, 2);
  const theirs = copy(doc);
  const update = Y.encodeStateAsUpdate(theirs);
  assert.deepEqual(missing(doc, Y.encodeStateVector(theirs), update), []);
  assert.deepEqual(missing(new Y.Doc(), Y.encodeStateVector(new Y.Doc()), new Uint8Array([0, 0])), []);
});

test("a deletion that the server lost is missing, though the state vectors are equal", () => {
  const { doc } = written("hello");
  const theirs = copy(doc);
  doc.getText("t").delete(1, 2);
  assert.deepEqual(Y.encodeStateVector(doc), Y.encodeStateVector(theirs));
  const [update, ...more] = missing(doc, Y.encodeStateVector(theirs), Y.encodeStateAsUpdate(theirs));
  Y.applyUpdate(theirs, update);
  assert.deepEqual(more, []);
  assert.equal(theirs.getText("t").toString(), "hlo");
});

test("deletions that only the server has are not ours to send", () => {
  const { doc } = written("hello");
  const theirs = copy(doc);
  theirs.getText("t").delete(1, 2);
  const update = Y.encodeStateAsUpdate(theirs, Y.encodeStateVector(doc));
  Y.applyUpdate(doc, update);
  assert.deepEqual(missing(doc, Y.encodeStateVector(theirs), update), []);
});

/** Small, reproducible chance. */
function dice(seed) {
  return (sides) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * sides);
  };
}

function scribble(doc, roll, edits) {
  const text = doc.getText("t");
  for (let edit = 0; edit < edits; edit += 1) {
    if (text.length > 0 && roll(4) === 0) text.delete(roll(text.length), 1);
    else text.insert(roll(text.length + 1), String.fromCharCode(97 + roll(26)));
  }
}

for (const [seed, edits] of [[1, 20], [2, 200], [3, 200], [4, 12_000]]) {
  test(`${edits} edits of two offline pages that know each other come up in updates that fit one after the other (${seed})`, () => {
    const roll = dice(seed);
    const server = new Y.Doc();
    scribble(server, roll, edits);
    const [one, other] = [copy(server), copy(server)];
    scribble(server, roll, edits);
    for (let turn = 0; turn < 4; turn += 1) {
      scribble(one, roll, edits / 4);
      Y.applyUpdate(other, Y.encodeStateAsUpdate(one, Y.encodeStateVector(other)));
      scribble(other, roll, edits / 4);
      Y.applyUpdate(one, Y.encodeStateAsUpdate(other, Y.encodeStateVector(one)));
    }
    const vector = Y.encodeStateVector(server);
    const answer = Y.encodeStateAsUpdate(server, Y.encodeStateVector(one));
    Y.applyUpdate(one, answer);
    const updates = missing(one, vector, answer);
    assert.ok(edits < 1000 || updates.length > 2);
    for (const update of updates) {
      Y.applyUpdate(server, update);
      assert.equal(server.store.pendingStructs, null);
      assert.equal(server.store.pendingDs, null);
    }
    assert.equal(server.getText("t").toString(), one.getText("t").toString());
    const again = Y.encodeStateAsUpdate(server, Y.encodeStateVector(one));
    assert.deepEqual(missing(one, Y.encodeStateVector(server), again), []);
  });
}

test("parts are one whole in their order, before or after the answer, and those of another answer are forgotten", async () => {
  const parts = new Parts();
  const part = (id, number, of, ...data) => ({ document_id: "note:1", id, part: number, parts: of, data });
  parts.take(part("old", 0, 2, 9));
  parts.take(part("a", 1, 2, 3));
  parts.take(part("a", 0, 2, 1, 2));
  assert.deepEqual([...(await parts.whole("a"))], [1, 2, 3]);
  const later = parts.whole("b");
  parts.take(part("b", 0, 2, 4));
  parts.take(part("b", 1, 2, 5));
  assert.deepEqual([...(await later)], [4, 5]);
});
