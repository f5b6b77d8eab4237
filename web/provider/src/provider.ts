import type { Socket } from "socket.io-client";
import * as Y from "yjs";
import { AwarenessLink } from "./awareness.js";
import { Emitter } from "./emitter.js";
import type { ProviderEvents, Refusal, Status } from "./events.js";
import { Line, type Ear } from "./line.js";
import { missing } from "./missing.js";
import type { Options } from "./options.js";
import { Outbox } from "./outbox.js";
import { Parts } from "./parts.js";
import { Pause } from "./pause.js";
import { StoredEpoch } from "./stored.js";
import * as wire from "./wire.js";

/** Between two updates of this document; the server takes 50 a second of a socket. */
const UPDATE_EVERY_MS = 25;
/** Updates that are kept while the answer to a join is awaited; with more of them it is asked for again. */
const EARLY_MAX = 10_000;
/**
 * Keeps a Yjs document and a Roomlog document the same, over a socket that the app owns and shares between documents.
 * Nothing happens before `connect`. An edit is kept until the server has said that it is in its log.
 */
export class RoomlogProvider extends Emitter<ProviderEvents> {
  readonly doc: Y.Doc;
  readonly documentId: string;
  /** When the persistence has loaded what it has; at once without one. */
  readonly whenLoaded: Promise<void>;
  /** Up to here the document is complete; where the next reconnect goes on. */
  position: string | null = null;
  /** Which history of the document this is. */
  epoch: string | null;
  /** Whether the server takes our edits. */
  write = true;

  readonly #line: Line;
  readonly #options: Options;
  readonly #stored: StoredEpoch;
  readonly #awareness: AwarenessLink | null;
  readonly #outbox = new Outbox();
  readonly #parts = new Parts();
  readonly #pause = new Pause();
  #loaded: () => void = () => undefined;
  #phase: "loading" | "idle" | "joining" | "joined" | "ended" = "loading";
  /** Answers to what was asked in an earlier turn come too late. */
  #turn = 0;
  /** Updates that came before the answer to our join. */
  #early: [wire.WireBytes, string | undefined][] = [];
  #parted = false;
  /** Something was too large, and all was compared for that. */
  #compared = false;
  #refusal: Refusal | null = null;
  #told = "";

  /** documentId: `note:{id}`. */
  constructor(socket: Socket, documentId: string, doc: Y.Doc, options: Options = {}) {
    super();
    this.documentId = documentId.replace(/^note_/, "note:");
    this.doc = doc;
    this.#options = options;
    this.#stored = new StoredEpoch(options.persistence);
    this.#line = new Line(socket, this.documentId, options.user?.id, this.#ear());
    this.epoch = options.epoch ?? null;
    this.whenLoaded = new Promise((resolve) => (this.#loaded = resolve));
    this.#awareness = options.awareness ? new AwarenessLink(socket, this.documentId, options.awareness) : null;
  }

  get status(): Status {
    if (this.#refusal !== null) return "refused";
    if (this.#phase !== "joined") return "offline";
    return this.#outbox.empty ? "synced" : "saving";
  }

  get refusal(): Refusal | null {
    return this.#refusal;
  }

  connect(): this {
    this.doc.on("update", this.#edited);
    this.doc.on("destroy", this.#destroy);
    this.#line.listen();
    this.#awareness?.start();
    void this.#load();
    return this;
  }

  /** Ask again after a refusal: for example when the app knows that access was given. */
  retry(): void {
    this.#lost();
    this.#join();
  }

  /** Says what is unsaved, and goodbye. The socket and the document stay. */
  destroy(): void {
    if (this.#phase === "joined") this.#flush();
    this.#awareness?.destroy();
    if (this.#phase === "joined") this.#line.say(wire.LEAVE, {});
    this.#lost();
    this.#phase = "ended";
    this.doc.off("update", this.#edited);
    this.doc.off("destroy", this.#destroy);
    this.#line.close();
  }

  #destroy = (): void => this.destroy();

  /** Sends all that is unsaved at once, for answers that nobody will wait for. */
  #flush(): void {
    this.#outbox.saved();
    while (this.write && this.#refusal === null) {
      const update = this.#outbox.take();
      if (update === null) return;
      this.#line.say(wire.UPDATE, { update, epoch: this.epoch });
      this.#outbox.saved();
    }
  }

  async #load(): Promise<void> {
    const stored = await this.#stored.load();
    if (stored !== null) this.epoch = stored;
    if (this.#phase !== "loading") return;
    this.#phase = "idle";
    this.#loaded();
    this.#join();
  }

  #join = (): void => {
    if (this.#phase !== "idle" || !this.#line.connected) return;
    this.#phase = "joining";
    this.#early = [];
    this.#joining(++this.#turn).catch((fault: unknown) => this.#refuse("invalid", String(fault)));
  };

  async #joining(turn: number): Promise<void> {
    const answer = await this.#line.ask<wire.Joined>(wire.JOIN, this.#request());
    if (turn !== this.#turn) return;
    const refused = wire.refusal(answer);
    if (refused !== null) return this.#refused(refused);
    if (answer.mode === "epoch") return this.#otherEpoch();
    const update = answer.update ? wire.bytes(answer.update) : await this.#parts.whole(answer.id ?? "");
    if (!this.#parted) await this.#stored.keep(answer.epoch);
    if (turn !== this.#turn) return;
    if (this.#parted) this.#handOver(answer.epoch, update);
    else this.#joined(answer, update);
  }

  #request(): object {
    const { id, name, color } = this.#options.user ?? {};
    const user = { user_id: id, user_name: name, user_color: color };
    if (this.#parted) return { v: 2, ...user };
    const state = { epoch: this.epoch ?? undefined, since: this.position ?? undefined };
    return { v: 2, ...user, ...state, state_vector: Y.encodeStateVector(this.doc) };
  }

  /**
   * With "tail" the log vouches for everything up to our position, so that only what was never acknowledged is sent.
   * Otherwise it may have lost what it had acknowledged: then all is compared.
   */
  #joined(answer: wire.Joined, update: Uint8Array): void {
    Y.applyUpdate(this.doc, update, this);
    ({ epoch: this.epoch, position: this.position, write: this.write } = answer);
    if (answer.mode !== "tail") {
      this.#outbox.replace(missing(this.doc, wire.bytes(answer.state_vector), update));
    }
    this.#phase = "joined";
    this.#pause.worked();
    for (const [early, position] of this.#early.splice(0)) this.#apply(early, position);
    this.#awareness?.joined();
    this.#send();
  }

  #apply(update: wire.WireBytes, position: string | undefined): void {
    Y.applyUpdate(this.doc, wire.bytes(update), this);
    if (position !== undefined) this.position = position;
  }

  /** Our history is not the server's any more: ask for theirs, to hand both over. */
  #otherEpoch(): void {
    this.#parted = true;
    this.#phase = "idle";
    this.#refuse("epoch", "the document was restored, or made anew: what is here was not merged into it");
    this.#join();
  }

  #handOver(epoch: string, update: Uint8Array): void {
    const theirs = new Y.Doc({ gc: this.doc.gc });
    Y.applyUpdate(theirs, update, this);
    this.#phase = "ended";
    this.#line.say(wire.LEAVE, {});
    this.emit("epoch", { mine: this.doc, theirs, epoch });
  }

  /** The edits of one turn of the event loop, and all while an answer is awaited, become one update. */
  #edited = (update: Uint8Array, origin: unknown): void => {
    if (origin === this || origin === this.#options.persistence) return;
    this.#outbox.add(update);
    this.#tell();
    queueMicrotask(this.#send);
  };

  #send = (): void => {
    if (this.#phase !== "joined" || this.#pause.running) return;
    if (!this.write && !this.#outbox.empty) this.#refuse("readonly", "you may read this document, not change it");
    const update = this.#refusal === null ? this.#outbox.take() : null;
    if (update !== null) void this.#sending(update, this.#turn);
    this.#tell();
  };

  async #sending(update: Uint8Array, turn: number): Promise<void> {
    const answer = await this.#line.ask<wire.Saved>(wire.UPDATE, { update, epoch: this.epoch });
    if (turn !== this.#turn) return;
    const refused = wire.refusal(answer);
    if (refused !== null) return this.#refused(refused);
    if ("resync" in answer) {
      this.#outbox.replace(missing(this.doc, wire.bytes(answer.resync), null));
      return this.#again({ error: "resync" });
    }
    this.#outbox.saved();
    this.#compared = false;
    this.#pause.worked();
    this.#pause.before(UPDATE_EVERY_MS, this.#send);
    this.#tell();
  }

  #refused(refused: wire.Refused): void {
    this.#outbox.again();
    if (["rate", "busy", "silent"].includes(refused.error)) return this.#again(refused);
    if (refused.error === "not_joined" || refused.error === "epoch") {
      this.#idle();
      return this.#again(refused);
    }
    if (this.#phase === "joining") this.#phase = "idle";
    if (refused.error === "too_large" && this.#whole()) return;
    this.#refuse(refused.error, refused.message ?? "");
  }

  /**
   * Much of what was too large may have been deleted since, and what is left comes in pieces when all is compared: so
   * we join once more without our position, before we say that it is refused.
   */
  #whole(): boolean {
    const first = !this.#compared;
    this.#compared = true;
    this.position = null;
    if (first) this.retry();
    return first;
  }

  /** The same again, later each time. */
  #again({ retry_after = 0 }: wire.Refused): void {
    if (this.#phase === "joining") this.#phase = "idle";
    this.#pause.longer(retry_after * 1000, this.#phase === "joined" ? this.#send : this.#join);
    this.#tell();
  }

  #refuse(reason: string, message: string): void {
    this.#refusal = { reason, message };
    this.#tell();
  }

  /** The link is lost, or the document is left: what was not acknowledged is sent after the next join. */
  #lost = (): void => {
    this.#idle();
    if (!this.#parted) this.#refusal = null;
    this.#tell();
  };

  #idle(): void {
    this.#turn += 1;
    this.#pause.cancel();
    this.#parts.clear();
    this.#outbox.again();
    this.#awareness?.lost();
    if (this.#phase !== "ended" && this.#phase !== "loading") this.#phase = "idle";
  }

  #ear(): Ear {
    return {
      linked: () => this.#join(),
      lost: () => this.#lost(),
      part: (part) => this.#parts.take(part),
      update: (update, position) => this.#live(update, position),
      epoch: (epoch) => epoch === this.epoch || this.retry(),
      closed: (reason) => this.#closed(reason),
      reset: () => this.#reset(),
    };
  }

  #live(update: wire.WireBytes, position?: string): void {
    if (this.#phase === "joined") this.#apply(update, position);
    else if (this.#phase === "joining" && this.#early.push([update, position]) > EARLY_MAX) this.retry();
  }

  #closed(reason: string): void {
    this.#idle();
    this.#refuse(reason, "the document was closed for you");
  }

  /** The log cannot say what was missed; a join that is under way was asked for after that. */
  #reset(): void {
    if (this.#phase === "joined") this.retry();
  }

  #tell(): void {
    const now = `${this.status} ${this.#refusal?.reason ?? ""}`;
    if (now === this.#told) return;
    this.#told = now;
    this.emit("status", { status: this.status, refusal: this.#refusal });
  }
}
