import type { AwarenessLike } from "./awareness.js";

/** What is used of y-indexeddb's `IndexeddbPersistence`. */
export interface Persistence {
  whenSynced: Promise<unknown>;
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
}

/** epoch: the history that `doc` belongs to, when the app knows it and no persistence does. */
export interface Options {
  user?: { id: string; name?: string; color?: string };
  awareness?: AwarenessLike;
  persistence?: Persistence;
  epoch?: string;
}
