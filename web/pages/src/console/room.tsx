import { count, moment, positionMs, size, span } from "./format";
import type { Member, RoomDetail } from "./model";
import type { Operator } from "./operator";
import { address } from "./place";
import { usePoll } from "./poll";
import { Replay } from "./replay";
import { unfolded } from "./rooms";
import { Facts, N, Table } from "./table";
import { TailView } from "./tailview";
import { View } from "./view";

const COLUMNS = [
  { name: "User", wide: true },
  { name: "Session" },
  { name: "Node" },
  { name: "Counts for", number: true, hint: "Unless its node refreshes it" },
] as const;

/** One room: what is known of it, who is in it, what comes, and what came. */
export function RoomView({ operator, room }: { operator: Operator; room: string }) {
  const poll = usePoll<RoomDetail>(operator, `rooms/${encodeURIComponent(room)}`);
  return (
    <View title={<span class="mono">{room}</span>} poll={poll} tools={<a href={address("rooms")}>All rooms</a>}>
      {(seen) => (
        <>
          <section class="card server" aria-label="Facts">
            <RoomFacts seen={seen} />
          </section>
          <Members members={seen.member_list} all={seen.members} />
          <TailView operator={operator} room={room} />
          <Replay operator={operator} room={room} stored={seen.stored} />
        </>
      )}
    </View>
  );
}

function at(position: string | null) {
  if (position === null) return "–";
  return (
    <>
      <span class="mono">{position}</span> <span class="dim">{moment(positionMs(position))}</span>
    </>
  );
}

function RoomFacts({ seen }: { seen: RoomDetail }) {
  const { document } = seen;
  return (
    <Facts
      facts={[
        ["Newest entry", at(seen.newest)],
        ["Stored up to", at(seen.stored)],
        ["Oldest that is kept", at(seen.oldest)],
        ["Entries", count(seen.length)],
        ["Not folded", seen.unfolded === null ? "never folded" : `${unfolded(seen)}, for ${span(seen.lag_s)}`],
        ["Memory", `about ${size(seen.bytes)}`],
        ["Kept for", span(seen.retention_s)],
        ...(document === null
          ? []
          : ([
              [
                "Document",
                `${size(document.bytes)}, ${count(document.updates)} updates behind it${document.is_folding ? ", being folded" : ""}`,
              ],
            ] as const)),
      ]}
    />
  );
}

function Members({ members, all }: { members: readonly Member[]; all: number }) {
  const caption = all > members.length ? `Members: the first ${count(members.length)} of ${count(all)}` : `Members (${count(all)})`;
  return (
    <Table stacks caption={caption} columns={COLUMNS} {...(members.length === 0 && { none: "Nobody is in it now" })}>
      {members.map(({ user_id, sid, node, until_ms }, index) => (
        <tr key={`${user_id} ${sid ?? index}`}>
          <th scope="row">
            <a href={address("sessions", user_id)}>{user_id}</a>
          </th>
          <td class="mono" data-label="Session">
            {sid ?? <span class="dim">not shown in this room</span>}
          </td>
          <td class="mono" data-label="Node">
            {node ?? "–"}
          </td>
          <N label="Counts for">{span(Math.max(Math.round((until_ms - Date.now()) / 1000), 0))}</N>
        </tr>
      ))}
    </Table>
  );
}
