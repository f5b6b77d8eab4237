const RETRY_MS = 250;
const RETRY_MAX_MS = 10_000;

/** A wait before something is done; there is one at a time, and a new one replaces it. */
export class Pause {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;

  get running(): boolean {
    return this.#timer !== undefined;
  }

  before(wait: number, next: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      next();
    }, wait);
  }

  /** Longer each time, until `worked`; no shorter than `least` ms. */
  longer(least: number, next: () => void): void {
    const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    this.before(Math.max(wait, least), next);
  }

  worked(): void {
    this.#tries = 0;
  }

  /** What it was for is not done. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
