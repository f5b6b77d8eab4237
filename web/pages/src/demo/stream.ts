/** A text that grows. Whoever shows it is told only what is new, so that a long one costs no more than a short one. */
export class Stream {
  #parts: string[] = [];
  readonly #shown = new Set<Shown>();

  constructor(text = "") {
    if (text) this.#parts.push(text);
  }

  get text(): string {
    if (this.#parts.length > 1) this.#parts = [this.#parts.join("")];
    return this.#parts[0] ?? "";
  }

  add(text: string): void {
    this.#parts.push(text);
    for (const shown of this.#shown) shown.added(text);
  }

  set(text: string): void {
    this.#parts = [text];
    for (const shown of this.#shown) shown.set(text);
  }

  /** Until the function that is returned is called. */
  show(shown: Shown): () => void {
    this.#shown.add(shown);
    shown.set(this.text);
    return () => void this.#shown.delete(shown);
  }
}

export interface Shown {
  added(text: string): void;
  set(text: string): void;
}
