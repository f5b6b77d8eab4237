import { bytes, type Part } from "./wire.js";

/** Puts large states together again. Parts may come before or after the answer that names them. */
export class Parts {
  #id = "";
  #parts: Uint8Array[] = [];
  #missing = 0;
  #wanted: { id: string; done: (update: Uint8Array) => void } | null = null;

  take(part: Part): void {
    if (part.id !== this.#id) {
      this.#id = part.id;
      this.#parts = [];
      this.#missing = part.parts;
    }
    if (this.#parts[part.part] === undefined) this.#missing -= 1;
    this.#parts[part.part] = bytes(part.data);
    this.#finish();
  }

  /** The state with this id; never settles if a part does not come: the caller has a deadline. */
  whole(id: string): Promise<Uint8Array> {
    return new Promise((done) => {
      this.#wanted = { id, done };
      this.#finish();
    });
  }

  clear(): void {
    this.#id = "";
    this.#parts = [];
    this.#wanted = null;
  }

  #finish(): void {
    if (this.#wanted === null || this.#wanted.id !== this.#id || this.#missing > 0) return;
    const { done } = this.#wanted;
    const whole = joined(this.#parts);
    this.clear();
    done(whole);
  }
}

function joined(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
