import { useState } from "preact/hooks";
import { time, UNKNOWN } from "./format";
import type { Series } from "./model";
import { points, stretches, type Stretch } from "./stretches";

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
        {stretches(values).map((run) => (
          <Run key={run.from} run={run} top={top} step={WIDTH / values.length} />
        ))}
        {at !== null && <path class="plot-at" d={`M${((at + 0.5) * WIDTH) / values.length} 0V${HEIGHT}`} />}
      </svg>
    </figure>
  );
}

function Run({ run, top, step }: { run: Stretch; top: number; step: number }) {
  const places = points(run, step, HEIGHT, top);
  const line = places.join("L");
  const [first, last] = [places[0], places.at(-1)].map((place) => place?.split(" ")[0]);
  return (
    <>
      <path class="plot-area" d={`M${first} ${HEIGHT}L${line}L${last} ${HEIGHT}Z`} />
      <path class={run.values.length > 1 ? "plot-line" : "plot-line alone"} d={`M${line}h0.01`} />
    </>
  );
}
