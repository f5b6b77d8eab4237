import { size, time, positionMs } from "./format";
import type { RoomEvent } from "./model";

const PREVIEW_CHARACTERS = 200;

/** Entries of a room, each with its payload behind it. label: what the list is. */
export function EventList({ events, label }: { events: readonly RoomEvent[]; label: string }) {
  return (
    <ol class="events" aria-label={label}>
      {events.map((event) => (
        <EventLine key={event.position} event={event} />
      ))}
    </ol>
  );
}

function EventLine({ event }: { event: RoomEvent }) {
  const [kind, inner] = unwrapped(event);
  return (
    <li>
      <details>
        <summary>
          <span class="dim number">{time(positionMs(event.position))}</span>
          <span class="mono">{event.position}</span>
          <span class="event-name mono">{kind}</span>
          {event.quiet && (
            <span class="tag" title="Read by the fold only: clients do not get it">
              quiet
            </span>
          )}
          {event.withheld && <span class="tag">withheld</span>}
          <span class="preview dim mono">{event.withheld ? "" : inner.slice(0, PREVIEW_CHARACTERS)}</span>
          <span class="dim number">{size(event.bytes + event.binary_bytes)}</span>
        </summary>
        {event.skip !== "" && <p class="dim">Not given to {event.skip}.</p>}
        <Payload data={event.data} withheld={event.withheld} />
      </details>
    </li>
  );
}

interface Wrapped {
  data?: { type?: unknown; data?: unknown };
}

/** What it is, and what it says. Events of chats and channels have both inside, behind where they belong. */
function unwrapped({ event, data }: RoomEvent): [string, string] {
  const inside = (data as Wrapped | null)?.data;
  if (typeof inside?.type !== "string") return [event, JSON.stringify(data)];
  return [`${event} ${inside.type}`, JSON.stringify(inside.data ?? null)];
}

/** A payload, with line breaks. */
export function Payload({ data, withheld = false }: { data: unknown; withheld?: boolean }) {
  if (withheld) return <p class="dim">Direct messages and groups are not for admins to read.</p>;
  return (
    <pre class="payload" tabIndex={0}>
      {typeof data === "string" ? data : JSON.stringify(data, null, 2)}
    </pre>
  );
}
