/** Positions of the log: `{milliseconds}-{number}`, in the order of the log. */
const SHAPE = /^(\d+)-(\d+)$/;

/** Whether an event's last argument is its position. */
export function isPosition(value: unknown): value is string {
  return typeof value === "string" && SHAPE.test(value);
}

/** Whether a position stands behind another one. */
export function after(position: string, other: string): boolean {
  const [ms, number] = parts(position);
  const [otherMs, otherNumber] = parts(other);
  return ms > otherMs || (ms === otherMs && number > otherNumber);
}

function parts(position: string): [number, number] {
  const found = SHAPE.exec(position);
  return [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
}
