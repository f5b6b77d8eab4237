import { signal } from "@preact/signals";

export type Kind = "chat" | "channel" | "note";

/** What is open. id null: a chat that does not exist yet. */
export interface Place {
  kind: Kind;
  id: string | null;
}

/** The address of a place, so that back, reload and a link to it work. */
export function address(kind: Kind, id: string | null): string {
  return id === null ? `#${kind}` : `#${kind}=${encodeURIComponent(id)}`;
}

function read(): Place {
  const [kind, id] = location.hash.slice(1).split("=", 2);
  const known = kind === "channel" || kind === "note" ? kind : "chat";
  return { kind: known, id: id ? decodeURIComponent(id) : null };
}

export const place = signal<Place>(read());
addEventListener("hashchange", () => (place.value = read()));

/** Opens a place. replace: instead of the one that is open, which is not gone back to. */
export function go(kind: Kind, id: string | null, replace = false): void {
  if (replace) history.replaceState(null, "", address(kind, id));
  else history.pushState(null, "", address(kind, id));
  place.value = { kind, id };
}
