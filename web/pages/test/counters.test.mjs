// What the strip counts, and the order of positions that it goes by.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../src/demo/counters.ts";
import { after, isPosition } from "../src/demo/position.ts";

const shown = ({ newest, received, replayed, repeated }) => [newest, received, replayed, repeated].map(({ value }) => value);

test("positions are in the order of their numbers, not of their letters", () => {
  assert.ok(after("10-0", "9-99"));
  assert.ok(after("9-10", "9-9"));
  assert.ok(!after("9-9", "9-9"));
  assert.deepEqual(["1-0", "1", "1-", "a-1", "1-0 ", 7, null].filter(isPosition), ["1-0"]);
});

test("the same event at the same position counts as repeated, another one there does not", () => {
  const counters = new Counters();
  counters.take("events", "5-0");
  counters.take("events:channel", "5-0");
  assert.deepEqual(shown(counters), ["5-0", 2, 0, 0]);
  counters.take("events", "5-0");
  assert.deepEqual(shown(counters), ["5-0", 3, 0, 1]);
});

test("the newest position stays when an older event comes", () => {
  const counters = new Counters();
  for (const position of ["5-0", "12-0", "7-3"]) counters.take("events", position);
  assert.deepEqual(shown(counters), ["12-0", 3, 0, 0]);
});

test("replayed is what came since the link was back from before it was back", async () => {
  const counters = new Counters();
  counters.take("events", "1-0");
  const linked = counters.linked(Promise.resolve("4-0"));
  for (const position of ["2-0", "4-0", "5-0"]) counters.take("events", position);
  await linked;
  counters.take("events", "3-0");
  assert.deepEqual(shown(counters), ["5-0", 5, 2, 0]);
});

test("a link that was lost again counts with the next one, and one whose log is unknown counts nothing", async () => {
  const counters = new Counters();
  const first = counters.linked(new Promise((resolve) => setImmediate(resolve, "9-0")));
  counters.take("events", "1-0");
  const second = counters.linked(Promise.resolve("9-0"));
  counters.take("events", "2-0");
  await Promise.all([first, second]);
  assert.equal(counters.replayed.value, 1);
  await counters.linked(Promise.reject(new Error("away")));
  assert.equal(counters.replayed.value, 1);
});

test("so many positions are remembered, and no more", () => {
  const counters = new Counters();
  for (let number = 0; number <= 20_000; number++) counters.take("events", `${number}-0`);
  counters.take("events", "1-0");
  assert.equal(counters.repeated.value, 1);
  counters.take("events", "0-0");
  assert.equal(counters.repeated.value, 1);
});
