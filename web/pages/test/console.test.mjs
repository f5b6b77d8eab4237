// What the console makes of numbers and of streams.
import assert from "node:assert/strict";
import { test } from "node:test";
import { about, ago, count, positionMs, size, span, yes } from "../src/console/format.ts";
import { SseParser } from "../src/console/sse.ts";
import { points, stretches } from "../src/console/stretches.ts";

test("unknown is a dash, never 0", () => {
  for (const shown of [count, about, size, span, ago, yes]) {
    assert.equal(shown(null), "–");
    assert.equal(shown(undefined), "–");
  }
  assert.deepEqual([count(0), about(0), size(0), span(0), yes(false)], ["0", "0", "0 B", "0 s", "no"]);
});

test("numbers have as many digits as matter", () => {
  assert.deepEqual([1234567, 0.6].map(count), ["1,234,567", "1"]);
  assert.deepEqual([1234.5, 12.345, 0.012345].map(about), ["1,235", "12.3", "0.0123"]);
  assert.deepEqual([999, 1000, 1_234_567, 5e15].map(size), ["999 B", "1 KB", "1.23 MB", "5,000 TB"]);
});

test("a span is in the unit that one would say it in", () => {
  const spans = { 0.0001: "1 ms", 0.25: "250 ms", 1: "1 s", 9.96: "10.0 s", 89: "89 s", 90: "2 min", 5400: "2 h", 172800: "2 d" };
  for (const [seconds, said] of Object.entries(spans)) assert.equal(span(Number(seconds)), said);
  assert.equal(span(-3), "0 s");
});

test("what is in the future by this clock is now", () => {
  assert.equal(ago(Date.now() + 60_000), "0 s");
  assert.equal(positionMs("1700000000000-3"), 1_700_000_000_000);
});

test("a line is broken where nobody knew, and one value alone is a line too", () => {
  assert.deepEqual(stretches([null, 1, 2, null, 0, null]), [
    { from: 1, values: [1, 2] },
    { from: 4, values: [0] },
  ]);
  assert.deepEqual(stretches([null]), []);
});

test("the highest value stands below the upper edge, 0 on the ground, and all are at their time", () => {
  assert.deepEqual(points({ from: 2, values: [0, 10, 5] }, 10, 56, 10), ["25.0 54.0", "35.0 4.0", "45.0 29.0"]);
  assert.deepEqual(points({ from: 0, values: [0] }, 10, 56, 0), ["5.0 54.0"]);
});

test("events of a stream are the same wherever it is cut", () => {
  const text = ": hello\n\nid: 1-0\nevent: tick\ndata: {\"a\":\ndata: 1}\n\nid: 2-0\r\ndata:two\r\n\r\nid: 3-0\ndata: never whole";
  const whole = [
    { id: "1-0", event: "tick", data: '{"a":\n1}' },
    { id: "2-0", event: "message", data: "two" },
  ];
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = new SseParser();
    assert.deepEqual([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))], whole);
  }
});
