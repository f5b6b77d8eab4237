import { useEffect, useState } from "preact/hooks";
import { ago, count, positionMs, span } from "./format";
import type { Room, RoomPage } from "./model";
import type { Operator } from "./operator";
import { Pager } from "./pager";
import { address, narrow, place } from "./place";
import { usePoll } from "./poll";
import { N, Table } from "./table";
import { View } from "./view";

const PAGE = 100;
const TYPED_MS = 250;
/** Each look goes through up to ten thousand rooms: less often than the rest. */
const EVERY_MS = 5_000;
const ORDERS = { name: "Name", newest: "Newest entry", length: "Length", lag: "Unfolded lag" } as const;

const COLUMNS = [
  { name: "Room", wide: true },
  { name: "Entries", number: true, hint: "Entries in the log" },
  { name: "Members", number: true, hint: "Connected sessions in it" },
  { name: "Newest", hint: "Position of the newest entry" },
  { name: "Age", number: true, hint: "Since the newest entry" },
  { name: "Stored", hint: "Position up to which it is in PostgreSQL" },
  { name: "Unfolded", number: true, hint: "Entries behind that" },
  { name: "Lag", number: true, hint: "Age of the oldest unfolded entry" },
] as const;

/** The rooms that the log knows: found by a part of the name, sorted, a page at a time. */
export function RoomsView({ operator }: { operator: Operator }) {
  const { q = "", order = "name" } = place.value.query;
  const narrowed = `${order} ${q}`;
  const [turned, setTurned] = useState<{ of: string; before: readonly string[] }>({ of: narrowed, before: [] });
  const before = turned.of === narrowed ? turned.before : []; // another list begins at its first page
  const query = new URLSearchParams({ q, order, limit: String(PAGE), cursor: before.at(-1) ?? "" });
  if (before.length === 0) query.delete("cursor");
  const poll = usePoll<RoomPage>(operator, `rooms?${query}`, EVERY_MS);
  const turn = (cursors: readonly string[]) => {
    setTurned({ of: narrowed, before: cursors });
    scrollTo({ top: 0 });
  };
  return (
    <View title="Rooms" poll={poll} tools={<Search q={q} order={order} />}>
      {(page) => (
        <>
          <Table caption={caption(page, q, before.length)} columns={COLUMNS} {...(page.rooms.length === 0 && { none: none(page, q) })}>
            {page.rooms.map((room) => (
              <RoomRow key={room.room} room={room} />
            ))}
          </Table>
          <Pager label="Pages of rooms" before={before} next={page.cursor} turn={turn} />
          {page.partial && (
            <p class="dim hint">
              There are more rooms than one look takes in (about 10,000): sorted is what was looked at, and the next pages go on behind it.
            </p>
          )}
        </>
      )}
    </View>
  );
}

function caption({ known, rooms }: RoomPage, q: string, before: number): string {
  if (q !== "") return `Rooms with “${q}” in the name, of ${count(known)}`;
  return rooms.length === 0 ? "Rooms" : `Rooms ${count(before * PAGE + 1)} to ${count(before * PAGE + rooms.length)} of ${count(known)}`;
}

function none({ partial, cursor }: RoomPage, q: string): string {
  if (q === "") return "The log knows no room yet";
  return partial && cursor !== null ? "None among those that were looked at: the next page looks further" : "No room has this in its name";
}

function Search({ q, order }: { q: string; order: string }) {
  const [typed, setTyped] = useState(q);
  useEffect(() => {
    const soon = setTimeout(() => typed.trim() !== q && narrow({ ...place.value.query, q: typed.trim() }), TYPED_MS);
    return () => clearTimeout(soon);
  }, [typed]);
  return (
    <search>
      <input
        type="search"
        aria-label="Search rooms"
        placeholder="Part of a name …"
        maxLength={256}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <label class="inline">
        Sort by{" "}
        <select value={order} onChange={(event) => narrow({ ...place.value.query, order: event.currentTarget.value })}>
          {Object.entries(ORDERS).map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </search>
  );
}

function RoomRow({ room }: { room: Room }) {
  return (
    <tr>
      <th scope="row" class="mono name">
        <a href={address("room", room.room)}>{room.room}</a>
      </th>
      <N>{count(room.length)}</N>
      <N>{count(room.members)}</N>
      <td class="mono">{room.newest}</td>
      <N>{ago(positionMs(room.newest))}</N>
      <td class="mono">{room.stored ?? "–"}</td>
      <N>{unfolded(room)}</N>
      <N>{span(room.unfolded === null ? null : room.lag_s)}</N>
    </tr>
  );
}

/** Entries that are not folded; counted up to a limit. */
export function unfolded({ unfolded: known, more_unfolded: more }: Room): string {
  return count(known) + (more ? "+" : "");
}
