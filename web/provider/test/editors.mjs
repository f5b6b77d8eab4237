// Editors of notes, driven over stdin and stdout by one JSON value a line; see `orders`.
//
// In: {id, do, name, …}. Out: {id, result} or {id, fault} for each. The program ends when stdin does.
import "fake-indexeddb/auto";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { IndexeddbPersistence } from "y-indexeddb";
import { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { RoomlogProvider } from "../dist/index.js";
import { Paper } from "./paper.mjs";
import { StockEditor } from "./stock.mjs";

const editors = new Map();
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

/** An editor with the provider. database: the name of what y-indexeddb keeps. */
class CurrentEditor {
  constructor(socket, documentId, paper, { user, database, aware }) {
    this.seen = [];
    this.epochs = [];
    this.updates = 0;
    this.paper = paper;
    this.persistence = database ? new IndexeddbPersistence(database, paper.doc) : undefined;
    this.awareness = aware ? new Awareness(paper.doc) : undefined;
    this.awareness?.setLocalState({ user });
    socket.onAnyOutgoing((event) => (this.updates += event === "ydoc:document:update"));
    this.provider = new RoomlogProvider(socket, documentId, paper.doc, {
      user,
      ...(this.persistence && { persistence: this.persistence }),
      ...(this.awareness && { awareness: this.awareness }),
    });
    this.provider.on("status", ({ status, refusal }) => this.seen.push(refusal ? `${status} ${refusal.reason}` : status));
    this.provider.on("epoch", ({ mine, theirs, epoch }) => {
      this.epochs.push({ mine: new Paper(mine).text, theirs: new Paper(theirs).text, epoch });
    });
    this.provider.connect();
  }

  async close() {
    this.provider.destroy();
    this.awareness?.destroy();
    await this.persistence?.destroy();
  }

  look() {
    const { status, refusal, position, epoch, write } = this.provider;
    const states = this.awareness ? [...this.awareness.getStates().values()] : [];
    return { status, refusal, position, epoch, write, seen: this.seen, epochs: this.epochs, updates: this.updates, states };
  }
}

const orders = {
  // kind: "stock" or "current". options: of io(). more: of the editor.
  open({ name, kind, url, options, document, more }) {
    const socket = io(url, { path: "/ws/socket.io", forceNew: true, ...options });
    const heard = { in: 0, out: 0 };
    count(socket, heard);
    const paper = new Paper();
    const editor = new (kind === "stock" ? StockEditor : CurrentEditor)(socket, document, paper, more);
    editors.set(name, { socket, paper, editor, heard });
  },
  async insert({ name, at, text }) {
    const { editor, paper } = editors.get(name);
    await editor.writable?.();
    for (const character of text) paper.insert(at, character);
  },
  // One update with all of the text in it.
  paste: ({ name, at, text }) => editors.get(name).paper.insert(at, text),
  async delete({ name, at }) {
    const { editor, paper } = editors.get(name);
    await editor.writable?.();
    return paper.delete(at);
  },
  // All of it, as one edit.
  clear: ({ name }) => editors.get(name).paper.fragment.delete(0, editors.get(name).paper.fragment.length),
  // The last word, and the page is closed in the same turn.
  async last({ name, text }) {
    const { socket, paper, editor } = editors.get(name);
    paper.insert(1, text);
    await editor.close();
    socket.disconnect();
  },
  move: ({ name, state }) => editors.get(name).editor.awareness.setLocalState(state),
  retry: ({ name }) => editors.get(name).editor.provider.retry(),
  look({ name }) {
    const { socket, paper, editor, heard } = editors.get(name);
    const { connected, recovered, id } = socket;
    const vector = Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(paper.doc)));
    const pending = paper.doc.store.pendingStructs !== null || paper.doc.store.pendingDs !== null;
    return { connected, recovered, id, text: paper.text, vector, pending, heard, ...editor.look() };
  },
  // As when the page is closed: goodbye.
  async close({ name }) {
    const { socket, editor } = editors.get(name);
    await editor.close();
    socket.disconnect();
  },
};

/** The bytes of the payloads that the engine carries. */
function count(socket, heard) {
  const size = (data) => (typeof data === "string" ? data.length : (data.byteLength ?? data.length));
  socket.io.on("open", () => {
    socket.io.engine.on("packet", ({ data }) => (heard.in += data ? size(data) : 0));
    socket.io.engine.on("packetCreate", ({ data }) => (heard.out += data ? size(data) : 0));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  Promise.resolve()
    .then(() => orders[order.do](order))
    .then((result = null) => say({ id: order.id, result }))
    .catch((fault) => say({ id: order.id, fault: String(fault?.stack ?? fault) }));
}
process.exit();
