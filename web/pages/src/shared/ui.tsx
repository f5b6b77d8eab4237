import type { ComponentChildren } from "preact";

/** A fault, said where it happened; read aloud at once. Nothing while there is none. */
export function Fault({ text, onClose }: { text: string | null; onClose?: () => void }) {
  return (
    <div class="fault-place" role="alert">
      {text !== null && (
        <div class="fault">
          <span>{text}</span>
          {onClose && (
            <button type="button" class="quiet" aria-label="Dismiss" onClick={onClose}>
              ×
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** What is there when there is nothing yet. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** A number with its name under it. */
export function Figure({ name, value, hint }: { name: string; value: ComponentChildren; hint?: string }) {
  return (
    <div class="figure" title={hint}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
