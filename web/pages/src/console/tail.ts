import { signal } from "@preact/signals";
import { ApiFault, saying } from "../shared/api";
import type { EventPage, RoomEvent } from "./model";
import type { Operator } from "./operator";
import { SseParser, type Message } from "./sse";

/** Rows that are kept: what is older is read with replay. */
export const KEPT = 300;
const AGAIN_MS = 2_000;

export type TailState = "off" | "connecting" | "live" | "paused" | "lost" | "refused";

/** A room's entries as they come, the newest first. Whatever cuts the stream, it goes on where it was. */
export class Tail {
  readonly rows = signal<readonly RoomEvent[]>([]);
  readonly seen = signal(0);
  readonly state = signal<TailState>("off");
  readonly fault = signal<string | null>(null);
  #after: string | null = null;
  #following: AbortController | null = null;
  #waiting: RoomEvent[] = [];

  constructor(
    readonly operator: Operator,
    readonly room: string,
  ) {}

  /** Follows: from now on, or from where it was paused. */
  start(): void {
    this.#following?.abort();
    const following = new AbortController();
    this.#following = following;
    void this.#follow(following.signal);
  }

  pause(): void {
    this.#following?.abort();
    this.state.value = "paused";
  }

  close(): void {
    this.#following?.abort();
    this.state.value = "off";
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.state.value = this.state.value === "lost" ? "lost" : "connecting";
      const fault = await this.#once(signal).then(
        () => null,
        (why: unknown) => why,
      );
      if (signal.aborted) return;
      if (fault instanceof ApiFault && fault.status >= 400 && fault.status < 500 && !fault.retryable) return this.#refused(fault);
      this.state.value = "lost";
      this.fault.value = fault === null ? null : saying(fault);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** One stream, until it ends. */
  async #once(signal: AbortSignal): Promise<void> {
    const path = `rooms/${encodeURIComponent(this.room)}/events`;
    this.#after ??= await this.#end(path, signal);
    const stream = await this.operator.stream(`${path}/stream`, this.#after, signal);
    this.state.value = "live";
    this.fault.value = null;
    const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
    const parser = new SseParser();
    for (let piece = await reader.read(); !piece.done && !signal.aborted; piece = await reader.read()) {
      this.#take(parser.push(piece.value));
    }
  }

  /** Where the log ends now, so that a pause before the first entry loses nothing. */
  async #end(path: string, signal: AbortSignal): Promise<string> {
    const { newest } = await this.operator.get<{ newest: string }>(`rooms/${encodeURIComponent(this.room)}`, signal);
    return (await this.operator.get<EventPage>(`${path}?limit=1&after=${newest}`, signal)).next;
  }

  #take(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    if (this.#waiting.length === 0) requestAnimationFrame(() => this.#show()); // a burst is one change of the page
    this.#waiting.push(...messages.map(asEvent));
    this.#after = this.#waiting.at(-1)?.position ?? this.#after;
    this.#waiting = this.#waiting.slice(-KEPT);
    this.seen.value += messages.length;
  }

  #show(): void {
    this.rows.value = [...this.#waiting.reverse(), ...this.rows.value].slice(0, KEPT);
    this.#waiting = [];
  }

  #refused(fault: ApiFault): void {
    if (fault.status === 410) this.#after = null; // it was paused for longer than the log keeps: from now on, then
    this.state.value = "refused";
    this.fault.value = fault.message;
  }
}

function asEvent({ id, event, data }: Message): RoomEvent {
  const said = { position: id, event, bytes: data.length, binary_bytes: 0, quiet: false, skip: "", withheld: false };
  try {
    return { ...said, data: JSON.parse(data) as unknown };
  } catch {
    return { ...said, data };
  }
}
