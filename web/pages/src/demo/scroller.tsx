import type { ComponentChildren } from "preact";
import { createContext } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";

/** How near the end counts as the end, in CSS pixels. */
const NEAR = 48;

/** Stays at the end while things are added there, unless the reader has scrolled up. */
class End {
  element: HTMLElement | null = null;
  #pinned = true;
  #height = 0;

  /** The reader has scrolled; if the place has another height now it was that which moved it. */
  readonly scrolled = (): void => {
    const { element } = this;
    if (element?.clientHeight === this.#height) this.#pinned = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
  };

  readonly follow = (): void => {
    if (this.element === null) return;
    this.#height = this.element.clientHeight;
    if (this.#pinned) this.element.scrollTop = this.element.scrollHeight;
  };

  /** The end, wherever the reader is. */
  readonly jump = (): void => {
    this.#pinned = true;
    this.follow();
  };
}

export const Following = createContext<End>(new End());

/** A part that scrolls. for: what it shows; another one begins at its end. length: grows when something is added. */
export function Scroller({ of, length, children }: { of: string | null; length: number; children: ComponentChildren }) {
  const end = useMemo(() => new End(), []);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    end.element = place.current;
    const resized = new ResizeObserver(end.follow);
    if (place.current) resized.observe(place.current);
    return () => resized.disconnect();
  }, []);
  useEffect(end.jump, [of]);
  useEffect(end.follow, [length]);
  return (
    <Following.Provider value={end}>
      <div class="scroller" ref={place} onScroll={end.scrolled} tabIndex={0} role="group" aria-label="Messages">
        {children}
      </div>
    </Following.Provider>
  );
}
