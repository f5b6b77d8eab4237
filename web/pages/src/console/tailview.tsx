import { useEffect, useMemo } from "preact/hooks";
import { Empty, Fault } from "../shared/ui";
import { EventList } from "./events";
import { count } from "./format";
import type { Operator } from "./operator";
import { KEPT, Tail, type TailState } from "./tail";

const SAID: Record<TailState, readonly [string, string]> = {
  off: ["", "Off"],
  connecting: ["warn", "Connecting …"],
  live: ["good", "Live"],
  paused: ["", "Paused"],
  lost: ["warn", "Lost, trying again …"],
  refused: ["bad", "Ended"],
};

/** What comes into a room, as it comes. */
export function TailView({ operator, room }: { operator: Operator; room: string }) {
  const tail = useMemo(() => new Tail(operator, room), [operator, room]);
  useEffect(() => {
    tail.start();
    return () => tail.close();
  }, [tail]);
  const [tone, words] = SAID[tail.state.value];
  const runs = tail.state.value !== "paused" && tail.state.value !== "refused";
  return (
    <section class="card log" aria-labelledby="tail-heading">
      <div class="log-head">
        <h2 id="tail-heading">Live tail</h2>
        <span class={`tag ${tone}`} role="status">
          {words}
        </span>
        <span class="dim number">
          {count(tail.seen.value)} seen, the newest {count(KEPT)} are kept
        </span>
        <button type="button" class="small" onClick={() => (runs ? tail.pause() : tail.start())}>
          {runs ? "Pause" : "Resume"}
        </button>
      </div>
      <Fault text={tail.fault.value} />
      <div class="tail">
        {tail.rows.value.length === 0 ? (
          <Empty>What is appended from now on is shown here.</Empty>
        ) : (
          <EventList events={tail.rows.value} label="Live entries, the newest first" />
        )}
      </div>
    </section>
  );
}
