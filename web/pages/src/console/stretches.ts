/** Values that follow each other, none of which is unknown. from: the place of the first. */
export interface Stretch {
  from: number;
  values: number[];
}

/** The stretches in which every value is known. */
export function stretches(values: readonly (number | null)[]): Stretch[] {
  const found: Stretch[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last !== undefined && last.from + last.values.length === index) last.values.push(value);
    else found.push({ from: index, values: [value] });
  });
  return found;
}

/** Where a stretch's values stand in a drawing: `x y` of each. step: between two. height: of the drawing; a value of `top` reaches 4 below its upper edge. */
export function points({ from, values }: Stretch, step: number, height: number, top: number): string[] {
  const y = (value: number) => (height - 2 - (top > 0 ? value / top : 0) * (height - 6)).toFixed(1);
  return values.map((value, index) => `${((from + index + 0.5) * step).toFixed(1)} ${y(value)}`);
}
