import { Fault } from "../shared/ui";
import { about, count, size, span } from "./format";
import type { History } from "./model";
import type { Operator } from "./operator";
import { Plot } from "./plot";
import { usePoll } from "./poll";

/** A new value comes every ten seconds. */
const EVERY_MS = 10_000;
type Shown = (value: number | null) => string;
const aSecond: Shown = (value) => (value === null ? "–" : `${about(value)} /s`);

const PLOTS: readonly (readonly [string, string, Shown])[] = [
  ["connections", "Connections", count],
  ["appended_s", "Appended", aSecond],
  ["delivered_s", "Delivered", aSecond],
  ["replayed_s", "Replayed", aSecond],
  ["folded_s", "Folded", aSecond],
  ["fold_lag_s", "Fold lag", span],
  ["tail_age_s", "Oldest tail", span],
  ["send_backlog_bytes", "Send backlog", size],
  ["slow_clients", "Slow clients", count],
  ["redis_memory_bytes", "Log's memory", size],
  ["rooms", "Rooms", count],
  ["dead_letters", "Dead letters", count],
  ["errors_s", "Refusals", aSecond],
];

/** The last hour as small plots. */
export function HistoryPlots({ operator }: { operator: Operator }) {
  const poll = usePoll<History>(operator, "history", EVERY_MS);
  const history = poll.value.value;
  return (
    <section aria-labelledby="last-hour">
      <h2 id="last-hour">The last hour</h2>
      <Fault text={poll.fault.value} />
      <div class="plots">
        {history !== null &&
          PLOTS.map(([key, name, shown]) => {
            const series = history.series[key];
            return series && <Plot key={key} name={name} series={series} fromMs={history.from_ms} stepS={history.step_s} shown={shown} />;
          })}
      </div>
    </section>
  );
}
