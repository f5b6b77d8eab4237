import { after } from "./position";

/** Events that are kept while a snapshot is on its way. Above it the oldest are dropped: the snapshot may have them. */
export const KEPT = 5_000;

/** Events that come before the snapshot that they are laid over, in the order of the log. */
export class Early<E extends { position: string }> {
  #events: E[] = [];
  #dropped: string | null = null;

  add(event: E): void {
    this.#events.push(event);
    if (this.#events.length <= KEPT) return;
    this.#dropped = this.#events[KEPT / 2 - 1]!.position;
    this.#events = this.#events.slice(KEPT / 2); // half at once: to move all of them for each one would be slow
  }

  /** All that came behind a position; null when some of that was dropped. Nothing is kept afterwards. */
  behind(position: string): E[] | null {
    const [events, dropped] = [this.#events, this.#dropped];
    this.#events = [];
    this.#dropped = null;
    if (dropped !== null && after(dropped, position)) return null;
    return events.filter((event) => after(event.position, position));
  }
}
