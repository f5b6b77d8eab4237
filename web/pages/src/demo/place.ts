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

const KINDS: readonly Kind[] = ["chat", "channel", "note"];

/** The fragment may have more in it: the token of who was sent here. */
function read(): Place {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const kind = KINDS.find((name) => fragment.has(name)) ?? "chat";
  return { kind, id: fragment.get(kind) || null };
}

export const place = signal<Place>(read());
addEventListener("hashchange", () => (place.value = read()));

/** Opens a place. replace: instead of the one that is open, which is not gone back to. */
export function go(kind: Kind, id: string | null, replace = false): void {
  if (replace) history.replaceState(null, "", address(kind, id));
  else history.pushState(null, "", address(kind, id));
  place.value = { kind, id };
}
