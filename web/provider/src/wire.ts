/** The events of a document as they go over the wire (version 2 of the document protocol). */

export const JOIN = "ydoc:document:join";
export const PART = "ydoc:document:part";
export const UPDATE = "ydoc:document:update";
export const EPOCH = "ydoc:document:epoch";
export const CLOSED = "ydoc:document:closed";
export const LEAVE = "ydoc:document:leave";
export const AWARENESS = "ydoc:awareness:update";
export const USER_JOINED = "ydoc:user:joined";
export const USER_LEFT = "ydoc:user:left";
export const RESET = "room:reset";

/** Bytes as they arrive: an ArrayBuffer in browsers, a Buffer in Node, a list where the server may send no binary. */
export type WireBytes = ArrayBuffer | Uint8Array | number[];

export const bytes = (value: WireBytes): Uint8Array => new Uint8Array(value as ArrayBuffer);

/** Why a server did not take something. retry_after: seconds. limit: the name of the limit that was met. */
export interface Refused {
  error: string;
  message?: string;
  limit?: string;
  retry_after?: number;
}

/**
 * The answer to a join. mode: what `update` is: the edits since `since`, those that `state_vector` lacks, or all of
 * them; with "epoch" there is none. A large update comes in `parts` numbered events with this `id` instead.
 */
export interface Joined {
  v: 2;
  epoch: string;
  mode: "tail" | "diff" | "full" | "epoch";
  update?: WireBytes;
  id?: string;
  parts?: number;
  state_vector: WireBytes;
  position: string;
  write: boolean;
}

/** The answer to an update: it is in the log there, or the server lacks edits before it and names what it has. */
export type Saved = { position: string } | { resync: WireBytes } | Refused;

export interface Part {
  document_id: string;
  id: string;
  part: number;
  parts: number;
  data: WireBytes;
}

/** Anything else than an object is no answer of a server that knows documents. */
export function refusal(answer: unknown): Refused | null {
  if (typeof answer !== "object" || answer === null) return { error: "invalid", message: "the server has no such event" };
  return "error" in answer ? (answer as Refused) : null;
}
