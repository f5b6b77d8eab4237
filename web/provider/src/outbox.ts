import * as Y from "yjs";

/** Edits in one batch: merging is cheap for that many, and a batch stays far below the server's limits of an update. */
const BATCH_EDITS = 100;
const BATCH_BYTES = 64 * 1024;

/** Edits that the server has not acknowledged, in order. One batch is out at a time; what comes meanwhile is the next. */
export class Outbox {
  #batches: Uint8Array[] = [];
  #edits: Uint8Array[] = [];
  #bytes = 0;
  #sent: Uint8Array | null = null;

  get empty(): boolean {
    return this.#sent === null && this.#batches.length === 0 && this.#edits.length === 0;
  }

  add(edit: Uint8Array): void {
    if (this.#edits.length >= BATCH_EDITS || this.#bytes + edit.length > BATCH_BYTES) this.#close();
    this.#edits.push(edit);
    this.#bytes += edit.length;
  }

  /** The next batch, to be sent now; null while one is out or when there is nothing to send. */
  take(): Uint8Array | null {
    if (this.#sent !== null) return null;
    if (this.#batches.length === 0) this.#close();
    return (this.#sent = this.#batches.shift() ?? null);
  }

  /** What is out has been acknowledged. */
  saved(): void {
    this.#sent = null;
  }

  /** What is out has to be sent again. */
  again(): void {
    if (this.#sent !== null) this.#batches.unshift(this.#sent);
    this.#sent = null;
  }

  /** These updates are all that the server lacks. */
  replace(updates: Uint8Array[]): void {
    this.#batches = updates;
    this.#edits = [];
    this.#bytes = 0;
    this.#sent = null;
  }

  #close(): void {
    if (this.#edits.length > 0) this.#batches.push(this.#edits.length === 1 ? this.#edits[0]! : Y.mergeUpdates(this.#edits));
    this.#edits = [];
    this.#bytes = 0;
  }
}
