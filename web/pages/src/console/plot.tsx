import { useState } from "preact/hooks";
import { time, UNKNOWN } from "./format";
import type { Series } from "./model";

const WIDTH = 360;
const HEIGHT = 56;

interface Props {
  name: string;
  series: Series;
  fromMs: number;
  stepS: number;
  shown: (value: number | null) => string;
}

/** One number over the last hour: now, the most, and a line that has gaps where nobody knew. */
export function Plot({ name, series, fromMs, stepS, shown }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const { values } = series;
  const top = Math.max(...values.map((value) => value ?? 0));
  const newest = values.findLast((value) => value !== null) ?? null;
  const point = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    setAt(Math.min(Math.max(Math.floor(((event.clientX - left) / width) * values.length), 0), values.length - 1));
  };
  const most = top > 0 || newest !== null ? shown(top) : UNKNOWN;
  const [said, beside] = at === null ? [shown(newest), `most ${most}`] : [shown(values[at] ?? null), time(fromMs + at * stepS * 1000)];
  return (
    <figure class="plot card">
      <figcaption>
        <span class="plot-name">{name}</span>
        <span class="plot-now number">{said}</span>
        <span class="plot-most number dim">{beside}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} over the last hour: ${shown(newest)} now, ${most} at most`}
        onPointerMove={point}
        onPointerLeave={() => setAt(null)}
      >
        <path class="plot-ground" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
        {runs(values).map((run) => (
          <Run key={run.from} run={run} top={top} step={WIDTH / values.length} />
        ))}
        {at !== null && <path class="plot-at" d={`M${((at + 0.5) * WIDTH) / values.length} 0V${HEIGHT}`} />}
      </svg>
    </figure>
  );
}

interface Stretch {
  from: number;
  values: number[];
}

/** The stretches in which every value is known. */
function runs(values: readonly (number | null)[]): Stretch[] {
  const found: Stretch[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last !== undefined && last.from + last.values.length === index) last.values.push(value);
    else found.push({ from: index, values: [value] });
  });
  return found;
}

function Run({ run, top, step }: { run: Stretch; top: number; step: number }) {
  const x = (index: number) => ((run.from + index + 0.5) * step).toFixed(1);
  const y = (value: number) => (HEIGHT - 2 - (top > 0 ? value / top : 0) * (HEIGHT - 6)).toFixed(1);
  const line = run.values.map((value, index) => `${x(index)} ${y(value)}`).join("L");
  return (
    <>
      <path class="plot-area" d={`M${x(0)} ${HEIGHT}L${line}L${x(run.values.length - 1)} ${HEIGHT}Z`} />
      <path class={run.values.length > 1 ? "plot-line" : "plot-line alone"} d={`M${line}h0.01`} />
    </>
  );
}
