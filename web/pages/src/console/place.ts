import { signal } from "@preact/signals";

export const VIEWS = ["overview", "rooms", "room", "deadletters", "sessions", "tasks", "audit"] as const;
export type View = (typeof VIEWS)[number];

/** What is open. id: of a room or a user; "" where there is none. query: what a list was narrowed to. */
export interface Place {
  view: View;
  id: string;
  query: Readonly<Record<string, string>>;
}

/** The address of a place, so that back, reload and a link to it work. */
export function address(view: View, id = "", query: Readonly<Record<string, string>> = {}): string {
  const more = Object.entries(query).filter(([, value]) => value !== "");
  return `#${[[view, id], ...more].map(([name, value]) => (value ? `${name}=${encodeURIComponent(value)}` : name)).join("&")}`;
}

function read(): Place {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const view = VIEWS.find((name) => fragment.has(name)) ?? "overview";
  const id = fragment.get(view) ?? "";
  fragment.delete(view);
  return { view, id, query: Object.fromEntries(fragment) };
}

export const place = signal<Place>(read());
addEventListener("hashchange", () => (place.value = read()));

/** Notes in the address what a list was narrowed to; back does not lead there. */
export function narrow(query: Readonly<Record<string, string>>): void {
  const { view, id } = place.value;
  history.replaceState(null, "", address(view, id, query));
  place.value = { view, id, query };
}
