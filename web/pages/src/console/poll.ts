import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { saying } from "../shared/api";
import type { Operator } from "./operator";

export const EVERY_MS = 2_000;
/** An answer that takes longer is none. The overview itself gives every server 3 s. */
const ANSWER_MS = 15_000;

/** Asks again and again while the tab is seen, one request at a time; what was known stays when it fails. */
export class Poll<T> {
  readonly value = signal<T | null>(null);
  /** Why `value` is old; null while it is not. */
  readonly fault = signal<string | null>(null);
  /** Unix ms of `value`, by this browser's clock. */
  readonly seenMs = signal<number | null>(null);
  #path = "";
  #timer = 0;
  #asking: AbortController | null = null;

  constructor(
    readonly operator: Operator,
    readonly everyMs: number,
  ) {}

  /** Begins. Returns what ends it. */
  open(): () => void {
    const seen = () => (document.hidden ? this.#rest() : this.now());
    document.addEventListener("visibilitychange", seen);
    seen();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      this.#rest();
    };
  }

  /** Asks for something else, or for nothing (""). What was known stays until the answer is here. */
  at(path: string): void {
    if (path === this.#path) return;
    this.#path = path;
    this.now();
  }

  /** Asks at once: something was done. */
  now(): void {
    this.#rest();
    if (this.#path !== "" && !document.hidden) void this.#ask();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), ANSWER_MS);
    const answer = await this.operator.get<T>(this.#path, asking.signal).then(
      (value) => (value === null ? { fault: "the answer was cut off" } : { value }),
      (fault: unknown) => ({ fault: saying(fault) }),
    );
    clearTimeout(late);
    if (this.#asking !== asking) return; // the question is not asked any more
    this.#asking = null;
    this.#take(answer);
    this.#timer = window.setTimeout(() => this.now(), this.everyMs);
  }

  #take(answer: { value: T } | { fault: string }): void {
    if ("fault" in answer) {
      this.fault.value = answer.fault;
      return;
    }
    this.value.value = answer.value;
    this.seenMs.value = Date.now();
    this.fault.value = null;
  }
}

/** A poll as long as the component is there. path: below /api/v1/admin/; "" asks for nothing. */
export function usePoll<T>(operator: Operator, path: string, everyMs = EVERY_MS): Poll<T> {
  const poll = useMemo(() => new Poll<T>(operator, everyMs), [operator, everyMs]);
  useEffect(() => poll.open(), [poll]);
  useEffect(() => poll.at(path), [poll, path]);
  return poll;
}
