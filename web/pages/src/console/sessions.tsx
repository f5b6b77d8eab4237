import { useRef } from "preact/hooks";
import { Empty } from "../shared/ui";
import { Act } from "./act";
import { ago, count, moment } from "./format";
import type { UserSession, UserSessions } from "./model";
import type { Operator } from "./operator";
import { address } from "./place";
import { usePoll } from "./poll";
import { N, Table } from "./table";
import { View } from "./view";

const COLUMNS = [
  { name: "Session", wide: true },
  { name: "State" },
  { name: "Node" },
  { name: "For", number: true, hint: "Since it began" },
  { name: "Rooms" },
  { name: "Actions" },
] as const;

const FOR_GOOD =
  "Every token issued up to now is refused for good, and all sessions are cut on every node. Who signs in again gets in again.";

/** The sessions of a user, on all nodes. user: "" while nobody was looked up. */
export function SessionsView({ operator, user }: { operator: Operator; user: string }) {
  const poll = usePoll<UserSessions>(operator, user && `users/${encodeURIComponent(user)}/sessions`);
  if (user === "") {
    return (
      <section class="view">
        <div class="view-head">
          <h1 tabIndex={-1}>Sessions</h1>
          <LookUp user="" />
        </div>
        <Empty>Look a user up by the id that the token says, to see where it is connected.</Empty>
      </section>
    );
  }
  return (
    <View title={<>Sessions of {user}</>} poll={poll} tools={<LookUp user={user} />}>
      {(seen) => <Found operator={operator} seen={seen} after={() => poll.now()} />}
    </View>
  );
}

function LookUp({ user }: { user: string }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const typed = String(new FormData(event.target as HTMLFormElement).get("user") ?? "").trim();
    if (typed !== "") location.hash = address("sessions", typed);
  };
  return (
    <form class="look-up view-tools" role="search" onSubmit={submit}>
      <input type="search" name="user" aria-label="User id" placeholder="User id" defaultValue={user} maxLength={256} autocomplete="off" />
      <button type="submit">Look up</button>
    </form>
  );
}

function Found({ operator, seen, after }: { operator: Operator; seen: UserSessions; after: () => void }) {
  const { user_id: user, role, revoked_at_s: revoked, sessions } = seen;
  const revoke = async () => {
    await operator.post(`users/${encodeURIComponent(user)}/revoke`);
    return `Revoked: every token that ${user} had up to now is refused.`;
  };
  return (
    <>
      <div class="person card">
        <p>
          Role <strong>{role ?? "unknown: the database has not seen this user"}</strong>
        </p>
        <p>
          {revoked === null ? (
            "No token was revoked."
          ) : (
            <>
              Tokens issued up to <strong class="number">{moment(revoked * 1000)}</strong> are refused.
            </>
          )}
        </p>
        <div class="acts">
          <Act operator={operator} label="Revoke all" target={`tokens of ${user}`} sure={FOR_GOOD} danger run={revoke} after={after} />
        </div>
      </div>
      <Table
        stacks
        caption={`Sessions (${count(sessions.length)})`}
        columns={COLUMNS}
        {...(sessions.length === 0 && { none: "Not connected now" })}
      >
        {sessions.map((session) => (
          <SessionRow key={session.sid} operator={operator} session={session} after={after} />
        ))}
      </Table>
    </>
  );
}

function SessionRow({ operator, session, after }: { operator: Operator; session: UserSession; after: () => void }) {
  const { sid, connected, node, since_ms } = session;
  const known = useRef<string[] | null>(null); // behind a balancer it is not always the session's own node that is asked
  known.current = session.rooms ?? known.current;
  const rooms = known.current;
  const cut = async () => {
    await operator.post(`sessions/${encodeURIComponent(sid)}/disconnect`);
    return `Disconnected ${sid}: its client comes back and resumes.`;
  };
  return (
    <tr>
      <th scope="row" class="mono">
        {sid}
      </th>
      <td data-label="State">
        <span class={connected ? "tag good" : "tag bad"}>{connected ? "Connected" : "Its node died"}</span>
      </td>
      <td class="mono" data-label="Node">
        {node ?? "–"}
      </td>
      <N label="For">{ago(since_ms)}</N>
      <td class="why" data-label="Rooms">
        {rooms === null ? <span class="dim">known to its own node</span> : rooms.join(", ") || "none"}
      </td>
      <td class="acts">{connected && <Act operator={operator} label="Disconnect" target={sid} run={cut} after={after} />}</td>
    </tr>
  );
}
