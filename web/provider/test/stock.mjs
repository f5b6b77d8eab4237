// An editor that does what Open WebUI's page does, made from a description of it: lists of numbers, no state vector, no
// acknowledgement, the whole note with every edit. What was typed offline it never sends by itself.
import * as Y from "yjs";

const SNAPSHOT_AFTER_MS = 500;

export class StockEditor {
  constructor(socket, documentId, paper, { user, content }) {
    Object.assign(this, { socket, documentId, paper, user, initial: content, synced: false, snapshots: 0 });
    socket.on("connect", () => this.join());
    socket.on("disconnect", () => (this.synced = false));
    socket.on("ydoc:document:state", (message) => this.state(message));
    socket.on("ydoc:document:update", ({ document_id, update }) => {
      if (document_id !== this.documentId) return;
      Y.applyUpdate(paper.doc, new Uint8Array(update), "server");
      this.snapshotSoon();
    });
    // Awareness as the page has it: the JSON text of states by client. Nobody is ever removed, but a state may be empty.
    this.states = new Map();
    socket.on("ydoc:awareness:update", ({ document_id, update }) => {
      if (document_id !== this.documentId) return;
      const said = JSON.parse(new TextDecoder().decode(new Uint8Array(update)));
      for (const [client, state] of Object.entries(said)) this.states.set(client, state);
    });
    paper.doc.on("update", async (update, origin) => {
      if (origin === "server") return;
      await Promise.resolve(); // the page waits a tick, too
      if (this.socket.connected && this.synced) this.send({ update: Array.from(update), data: this.data });
    });
  }

  join() {
    const { id, name, color } = this.user;
    this.socket.emit("ydoc:document:join", { document_id: this.documentId, user_id: id, user_name: name, user_color: color });
    const state = { [this.paper.doc.clientID]: { user: { name, color, id } } };
    const update = Array.from(new TextEncoder().encode(JSON.stringify(state)));
    this.socket.emit("ydoc:awareness:update", { document_id: this.documentId, user_id: this.socket.id, update });
  }

  state({ document_id, state, content }) {
    if (document_id !== this.documentId) return;
    const bytes = new Uint8Array(state);
    const empty = bytes.length === 2 && bytes[0] === 0 && bytes[1] === 0;
    if (!empty) Y.applyUpdate(this.paper.doc, bytes, "server");
    else if (!this.paper.empty) this.send({ update: Array.from(Y.encodeStateAsUpdate(this.paper.doc)) });
    else if (content?.md || this.initial) this.seed(content?.md || this.initial);
    this.synced = true;
  }

  /** Make the document from the note's content, if nobody has: the answer is what somebody made first. */
  seed(text) {
    const mine = new Y.Doc();
    const paragraph = new Y.XmlElement("paragraph");
    paragraph.insert(0, [new Y.XmlText(text)]);
    mine.getXmlFragment("prosemirror").push([paragraph]);
    const body = { document_id: this.documentId, update: Array.from(Y.encodeStateAsUpdate(mine)), initialize: true };
    this.socket.emit("ydoc:document:update", body, (winner) => {
      if (winner) Y.applyUpdate(this.paper.doc, new Uint8Array(winner), "server");
    });
  }

  /** The page takes no key while it is connected and not in step; offline it does. */
  async writable() {
    while (this.socket.connected && !this.synced) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  snapshotSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.socket.connected || !this.synced) return;
      this.snapshots += 1;
      this.send({ data: this.data });
    }, SNAPSHOT_AFTER_MS);
  }

  get data() {
    const { text } = this.paper;
    return { content: { md: text, html: `<p>${text}</p>`, json: { type: "doc", content: [{ type: "paragraph" }] } } };
  }

  send(more) {
    this.socket.emit("ydoc:document:update", {
      document_id: this.documentId,
      user_id: this.user.id,
      socket_id: this.socket.id,
      ...more,
    });
  }

  close() {
    clearTimeout(this.timer);
    if (this.socket.connected) this.send({ data: this.data });
    this.socket.emit("ydoc:document:leave", { document_id: this.documentId, user_id: this.user.id });
  }

  look() {
    const states = [...this.states.values()].filter((state) => state.user);
    return { synced: this.synced, snapshots: this.snapshots, states };
  }
}
