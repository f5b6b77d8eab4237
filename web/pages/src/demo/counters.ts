import { signal } from "@preact/signals";
import { after } from "./position";

/** Positions that are remembered, to notice one that comes twice. */
const REMEMBERED = 20_000;

/** What this tab was sent since it was opened. Only events with a position count: the others are not kept by anybody. */
export class Counters {
  readonly newest = signal<string | null>(null);
  readonly received = signal(0);
  readonly replayed = signal(0);
  readonly repeated = signal(0);
  readonly #seen = new Set<string>();
  /** Positions that came since the link was back, until it is known which of them are older than the link. */
  #since: string[] | null = null;

  take(event: string, position: string): void {
    const place = `${event} ${position}`;
    if (this.#seen.has(place)) this.repeated.value += 1;
    this.#seen.add(place);
    if (this.#seen.size > REMEMBERED) this.#forgetOldest();
    this.received.value += 1;
    if (this.newest.value === null || after(position, this.newest.value)) this.newest.value = position;
    this.#since?.push(position);
  }

  /** The link is back. log: where the log is now; what came until then with a position up to it was missed before. */
  async linked(log: Promise<string>): Promise<void> {
    const since: string[] = (this.#since = []);
    const end = await log.catch(() => null);
    if (this.#since !== since) return;
    this.#since = null;
    if (end !== null) this.replayed.value += since.filter((position) => !after(position, end)).length;
  }

  #forgetOldest(): void {
    for (const place of this.#seen) {
      this.#seen.delete(place);
      return;
    }
  }
}
