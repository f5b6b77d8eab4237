import { useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";
import { EventList } from "./events";
import type { EventPage } from "./model";
import type { Operator } from "./operator";

const PAGE = 100;
const POSITION = /^\d+-\d+$/;

/** What came into a room, from any position on. */
export function Replay({ operator, room, stored }: { operator: Operator; room: string; stored: string | null }) {
  const [after, setAfter] = useState("");
  const [page, setPage] = useState<EventPage | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const read = async (position: string) => {
    setAfter(position);
    if (position !== "" && !POSITION.test(position)) return setFault("A position looks like 1700000000000-0.");
    const query = new URLSearchParams({ limit: String(PAGE), ...(position && { after: position }) });
    const asked = operator.get<EventPage>(`rooms/${encodeURIComponent(room)}/events?${query}`).then(setPage);
    setFault(await asked.then(() => null, saying));
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void read(after.trim());
  };
  return (
    <section class="card log" aria-labelledby="replay-heading">
      <form class="log-head" onSubmit={submit}>
        <h2 id="replay-heading">Replay</h2>
        <label class="inline">
          after{" "}
          <input
            class="mono"
            value={after}
            placeholder="position"
            maxLength={40}
            onInput={(event) => setAfter(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="small">
          Read
        </button>
        <button type="button" class="small" onClick={() => void read("")}>
          From the oldest
        </button>
        {stored !== null && (
          <button type="button" class="small" onClick={() => void read(stored)}>
            What is not folded
          </button>
        )}
      </form>
      <Fault text={fault} onClose={() => setFault(null)} />
      {page !== null && <Found page={page} onNext={() => void read(page.next)} />}
    </section>
  );
}

function Found({ page, onNext }: { page: EventPage; onNext: () => void }) {
  const { events, gap, complete, next } = page;
  return (
    <>
      {gap && <p class="gap">The log no longer has everything after this position: what it still has follows.</p>}
      {events.length > 0 && <EventList events={events} label="Replayed entries, the oldest first" />}
      <div class="log-foot">
        <span class="dim" role="status">
          {events.length} {events.length === 1 ? "entry" : "entries"}, up to <span class="mono">{next}</span>
          {complete && ": that is all"}
        </span>
        {!complete && (
          <button type="button" class="small" onClick={onNext}>
            Next {PAGE}
          </button>
        )}
      </div>
    </>
  );
}
