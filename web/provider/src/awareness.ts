import type { Socket } from "socket.io-client";
import { AWARENESS, bytes, USER_JOINED, USER_LEFT, type WireBytes } from "./wire.js";

/** The server takes 20 a second. */
const SAY_EVERY_MS = 100;

interface Change {
  added: number[];
  updated: number[];
  removed: number[];
}

type State = Record<string, unknown>;
type Listener = (change: Change, origin: unknown) => void;

/** What is used of the `Awareness` of y-protocols: pass one of those. */
export interface AwarenessLike {
  clientID: number;
  states: Map<number, State>;
  meta: Map<number, { clock: number; lastUpdated: number }>;
  getLocalState(): State | null;
  on(name: "update", listener: Listener): unknown;
  off(name: "update", listener: Listener): unknown;
  emit(name: "update" | "change", args: [Change, unknown]): unknown;
}

interface Heard {
  document_id: string;
  user_id: string;
  socket_id?: string;
  update: WireBytes;
}

/** Whose page it was: its socket, where the server says it, else all pages of its user. */
const pageOf = ({ socket_id, user_id }: Heard): string => socket_id ?? user_id;

/**
 * Who else is in the document, and where. The wire is that of Open WebUI's pages, so that both see each other: the
 * bytes of the JSON text `{clientID: state}`. A state `{}` is a goodbye: pages show no cursor for it, and would fail
 * over a null. Nothing of this is durable.
 */
export class AwarenessLink {
  readonly #socket: Socket;
  readonly #documentId: string;
  readonly #awareness: AwarenessLike;
  readonly #pages = new Map<number, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #joined = false;

  constructor(socket: Socket, documentId: string, awareness: AwarenessLike) {
    this.#socket = socket;
    this.#documentId = documentId;
    this.#awareness = awareness;
  }

  start(): void {
    this.#awareness.on("update", this.#changed);
    this.#socket.on(AWARENESS, this.#heard).on(USER_JOINED, this.#came).on(USER_LEFT, this.#left);
  }

  /** The document can be spoken in from now on. */
  joined(): void {
    this.#joined = true;
    this.#soon();
  }

  /** The link is lost: who was there is not known any more. */
  lost(): void {
    this.#joined = false;
    this.#set([...this.#pages.keys()].map((client) => [client, null]));
  }

  destroy(): void {
    clearTimeout(this.#timer);
    this.#awareness.off("update", this.#changed);
    this.#socket.off(AWARENESS, this.#heard).off(USER_JOINED, this.#came).off(USER_LEFT, this.#left);
    if (this.#joined) this.#say({});
    this.lost();
  }

  #changed = ({ added, updated, removed }: Change): void => {
    if ([...added, ...updated, ...removed].includes(this.#awareness.clientID)) this.#soon();
  };

  /** Says the local state: what changes often is said at most so often. */
  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#joined) this.#say(this.#awareness.getLocalState() ?? {});
    }, SAY_EVERY_MS);
  }

  #say(state: State): void {
    const update = new TextEncoder().encode(JSON.stringify({ [this.#awareness.clientID]: state }));
    this.#socket.emit(AWARENESS, { document_id: this.#documentId, user_id: this.#socket.id, update });
  }

  #heard = (heard: Heard): void => {
    if (heard.document_id !== this.#documentId) return;
    const states = parsed(bytes(heard.update)).filter(([client]) => client !== this.#awareness.clientID);
    this.#set(states);
    for (const [client, state] of states) if (state !== null) this.#pages.set(client, pageOf(heard));
  };

  /** A newcomer has heard nobody yet. */
  #came = ({ document_id }: Heard): void => {
    if (document_id === this.#documentId) this.#soon();
  };

  /** Somebody left; if that was told of a user, and there is another page of theirs, it says so now. */
  #left = (left: Heard): void => {
    if (left.document_id !== this.#documentId) return;
    this.#set([...this.#pages].filter(([, page]) => page === pageOf(left)).map(([client]) => [client, null]));
    if (left.socket_id === undefined) this.#soon();
  };

  #set(states: [number, State | null][]): void {
    const change: Change = { added: [], updated: [], removed: [] };
    for (const [client, state] of states) this.#one(client, state, change);
    if (change.added.length + change.updated.length + change.removed.length === 0) return;
    this.#awareness.emit("change", [change, this]);
    this.#awareness.emit("update", [change, this]);
  }

  #one(client: number, state: State | null, change: Change): void {
    const { states, meta } = this.#awareness;
    const known = states.has(client);
    const clock = (meta.get(client)?.clock ?? 0) + 1;
    meta.set(client, { clock, lastUpdated: Date.now() });
    if (state !== null) {
      states.set(client, state);
      (known ? change.updated : change.added).push(client);
    } else {
      this.#pages.delete(client);
      if (states.delete(client)) change.removed.push(client);
    }
  }
}

/** The states in an awareness update; none when it is not one. */
function parsed(update: Uint8Array): [number, State | null][] {
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(update));
  } catch {
    return []; // ephemeral, and from another client: what is not understood is not shown
  }
  if (typeof said !== "object" || said === null) return [];
  return Object.entries(said)
    .filter(([client]) => /^\d+$/.test(client))
    .map(([client, state]) => [Number(client), isEmpty(state) ? null : (state as State)]);
}

function isEmpty(state: unknown): boolean {
  return typeof state !== "object" || state === null || Object.keys(state).length === 0;
}
