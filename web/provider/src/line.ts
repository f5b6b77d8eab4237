import type { Socket } from "socket.io-client";
import * as wire from "./wire.js";

/** After that an answer is given up, and asked for again: doing the same twice does no harm. */
const ANSWER_MS = 20_000;

/** As socket.io-client has it: what a server sends has no type. */
type Listener = (message: any, position?: string) => void;

/** Who is told what happens to a document, and to the link. */
export interface Ear {
  linked(): void;
  lost(): void;
  part(part: wire.Part): void;
  update(update: wire.WireBytes, position?: string): void;
  epoch(epoch: string): void;
  closed(reason: string): void;
  /** The log cannot say what was missed. */
  reset(): void;
}

/** One document's side of a socket that it shares with others: events about those are not for it. */
export class Line {
  readonly #socket: Socket;
  readonly #documentId: string;
  readonly #userId: string | undefined;
  readonly #listeners: [string, Listener][];

  constructor(socket: Socket, documentId: string, userId: string | undefined, ear: Ear) {
    this.#socket = socket;
    this.#documentId = documentId;
    this.#userId = userId;
    this.#listeners = [
      ["connect", () => ear.linked()],
      ["disconnect", () => ear.lost()],
      [wire.PART, this.#mine((part: wire.Part) => ear.part(part))],
      [wire.UPDATE, this.#mine((said: { update: wire.WireBytes }, position) => ear.update(said.update, position))],
      [wire.EPOCH, this.#mine(({ epoch }: { epoch: string }) => ear.epoch(epoch))],
      [wire.CLOSED, this.#mine(({ reason }: { reason: string }) => ear.closed(reason))],
      [wire.RESET, ({ rooms }: { rooms: string[] }) => rooms.includes(`doc_${documentId}`) && ear.reset()],
    ];
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  listen(): void {
    for (const [event, listener] of this.#listeners) this.#socket.on(event, listener);
  }

  /** Nothing is heard any more. */
  close(): void {
    for (const [event, listener] of this.#listeners) this.#socket.off(event, listener);
  }

  /** Nobody waits for an answer. */
  say(event: string, more: object): void {
    this.#socket.emit(event, this.#body(more));
  }

  /** Without an answer in time, and when the link is lost, the answer is a refusal. */
  async ask<Answer>(event: string, more: object): Promise<Answer> {
    try {
      return (await this.#socket.timeout(ANSWER_MS).emitWithAck(event, this.#body(more))) as Answer;
    } catch {
      return { error: "silent" } as Answer;
    }
  }

  #body(more: object): object {
    return { document_id: this.#documentId, user_id: this.#userId, ...more };
  }

  #mine<Message>(listener: (message: Message, position?: string) => unknown): Listener {
    return (message: Message & { document_id: string }, position?: string): void => {
      if (message.document_id === this.#documentId) listener(message, position);
    };
  }
}
