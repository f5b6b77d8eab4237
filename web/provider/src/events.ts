import type * as Y from "yjs";

export type Status = "offline" | "saving" | "synced" | "refused";

/** Why the server does not take the edits: its code ("readonly", "too_large", "denied", "epoch", …) and its words. */
export interface Refusal {
  reason: string;
  message: string;
}

/** The server's document has another history than ours: nothing was merged. The app may offer `mine` as a copy. */
export interface EpochChange {
  mine: Y.Doc;
  theirs: Y.Doc;
  epoch: string;
}

export type ProviderEvents = {
  status: { status: Status; refusal: Refusal | null };
  epoch: EpochChange;
};
