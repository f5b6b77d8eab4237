// Faults, tokens and names. GUESTS: names and the ids that the server gives them, from tests/unit/test_page_parts.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { guestId } from "../src/demo/people.ts";
import { Api, saying } from "../src/shared/api.ts";
import { claims } from "../src/shared/token.ts";

/** What a call raises when the network answers this. */
async function faultOf(context, answer, barred = () => null) {
  context.mock.method(globalThis, "fetch", answer);
  return new Api("t", barred).get("/x").catch(({ status, code, message, retryable }) => ({ status, code, message, retryable }));
}

test("what the node refuses is said in its words", async (context) => {
  const said = { detail: "not yours", code: "forbidden", retryable: false };
  const fault = await faultOf(context, async () => Response.json(said, { status: 403 }));
  assert.deepEqual(fault, { status: 403, code: "forbidden", message: "not yours", retryable: false });
});

test("a proxy that finds no node is told from a node that refuses", async (context) => {
  const { code, message, retryable } = await faultOf(context, async () => new Response("<html>", { status: 502 }));
  assert.deepEqual([code, retryable], ["unreachable", true]);
  assert.match(message, /no node answers/);
});

test("no answer, and one that may not be asked for, are faults too", async (context) => {
  const none = await faultOf(context, () => Promise.reject(new TypeError("cut")));
  assert.deepEqual([none.status, none.code, none.retryable], [0, "unreachable", true]);
  const barred = await faultOf(context, () => assert.fail("it went out"), () => "in the tunnel");
  assert.equal(barred.message, "in the tunnel");
});

test("a token says who it is of, in any script, and what is none says nothing", () => {
  const body = Buffer.from(JSON.stringify({ id: "demo-zoë", name: "Zoë 🦊" })).toString("base64url");
  assert.deepEqual(claims(`x.${body}.y`), { id: "demo-zoë", name: "Zoë 🦊" });
  for (const none of ["", "x", "x.y.z", "x.bnVsbA.z", "x.e30.z"]) assert.equal(claims(none), null);
});

test("whatever was thrown can be said", () => {
  assert.equal(saying(new Error("a")), "a");
  assert.equal(saying("b"), "b");
});

test("a guest's id is the one that the server makes of the name", () => {
  const guests = Object.entries(JSON.parse(process.env.GUESTS));
  assert.ok(guests.length > 0);
  for (const [name, id] of guests) assert.equal(guestId(name), id);
});
