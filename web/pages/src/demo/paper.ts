import type { Shown } from "./stream";

/** Characters of one block. The browser lays out a block that changes as a whole, so a long text has many. */
const BLOCK_CHARS = 2000;

/**
 * Shows a growing text in an element: what came within one frame is written at once, behind what is there. A new block
 * begins at a line's end, which it stands for.
 */
export class Paper implements Shown {
  readonly #element: HTMLElement;
  readonly #written: () => void;
  #waiting = "";
  #frame = 0;
  #last: Text | null = null;

  /** written: called after the element has changed. */
  constructor(element: HTMLElement, written: () => void) {
    this.#element = element;
    this.#written = written;
  }

  added(text: string): void {
    this.#waiting += text;
    this.#frame ||= requestAnimationFrame(this.#write);
  }

  set(text: string): void {
    this.#waiting = text;
    this.#last = null;
    this.#element.replaceChildren();
    this.#write();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
  }

  #write = (): void => {
    this.#frame = 0;
    const text = this.#waiting;
    this.#waiting = "";
    for (const piece of text.match(/[^\n]*\n|[^\n]+/g) ?? []) this.#piece(piece);
    this.#written();
  };

  /** A line, or the beginning of one. */
  #piece(piece: string): void {
    this.#last ??= this.#block();
    const ends = piece.endsWith("\n") && this.#last.length + piece.length > BLOCK_CHARS;
    this.#last.appendData(ends ? piece.slice(0, -1) : piece);
    if (ends) this.#last = null;
  }

  #block(): Text {
    const text = document.createTextNode("");
    const block = document.createElement("div");
    block.append(text);
    this.#element.append(block);
    return text;
  }
}
