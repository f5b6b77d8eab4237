import { count } from "./format";

interface Props {
  label: string;
  /** Where each of the pages before this one ended, and where this one does; null: it is the last. */
  before: readonly string[];
  next: string | null;
  turn: (before: readonly string[]) => void;
}

/** Turns pages that are asked for by where the last one ended. Nothing while there is only one. */
export function Pager({ label, before, next, turn }: Props) {
  if (next === null && before.length === 0) return null;
  return (
    <nav class="pager" aria-label={label}>
      <button type="button" disabled={before.length === 0} onClick={() => turn(before.slice(0, -1))}>
        ← Previous page
      </button>
      <span class="dim number">Page {count(before.length + 1)}</span>
      <button type="button" disabled={next === null} onClick={() => next !== null && turn([...before, next])}>
        Next page →
      </button>
    </nav>
  );
}
