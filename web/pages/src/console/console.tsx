import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Api } from "../shared/api";
import { AuditView } from "./audit";
import { LettersView } from "./letters";
import type { Overview } from "./model";
import { Nav } from "./nav";
import { Operator } from "./operator";
import { OverviewView } from "./overview";
import { place, type View } from "./place";
import { type Poll, usePoll } from "./poll";
import { RoomView } from "./room";
import { RoomsView } from "./rooms";
import { SessionsView } from "./sessions";
import { TasksView } from "./tasks";
import "./console.css";

const TITLES: Record<View, string> = {
  overview: "Overview",
  rooms: "Rooms",
  room: "Room",
  deadletters: "Dead letters",
  sessions: "Sessions",
  tasks: "Tasks",
  audit: "Audit",
};

/** What operators see and do. onLeave: takes the token away. */
export function Console({ api, onLeave }: { api: Api; onLeave: () => void }) {
  const operator = useMemo(() => new Operator(api), [api]);
  const refusal = operator.refusal.value;
  if (refusal !== null) return <Refused why={refusal} onLeave={onLeave} />;
  return <Running operator={operator} />;
}

function Running({ operator }: { operator: Operator }) {
  const overview = usePoll<Overview>(operator, "overview");
  useOpened();
  return (
    <div class="console">
      <Nav overview={overview.value.value} isStale={overview.fault.value !== null} />
      <Open operator={operator} overview={overview} />
      <div class="said" role="status">
        {operator.said.value !== null && <p class="card">{operator.said.value}</p>}
      </div>
    </div>
  );
}

function Open({ operator, overview }: { operator: Operator; overview: Poll<Overview> }) {
  const { view, id } = place.value;
  switch (view) {
    case "rooms":
      return <RoomsView operator={operator} />;
    case "room":
      return <RoomView key={id} operator={operator} room={id} />;
    case "deadletters":
      return <LettersView operator={operator} />;
    case "sessions":
      return <SessionsView key={id} operator={operator} user={id} />;
    case "tasks":
      return <TasksView operator={operator} />;
    case "audit":
      return <AuditView operator={operator} />;
    case "overview":
      return <OverviewView operator={operator} poll={overview} />;
  }
}

/** Who opens another view begins at its heading; the first one is where the page begins anyway. */
function useOpened(): void {
  const { view, id } = place.value;
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${id || TITLES[view]} · Roomlog console`;
    if (!isFirst.current) {
      scrollTo({ top: 0 });
      document.querySelector("h1")?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [view, id]);
}

function Refused({ why, onLeave }: { why: string; onLeave: () => void }) {
  return (
    <section class="card signin" role="alert">
      <h1>You are not let in</h1>
      <p>{why}</p>
      <p class="dim">
        <code>roomlog token --role admin</code> prints a new one.
      </p>
      <button type="button" class="primary" onClick={onLeave}>
        Sign in with another token
      </button>
    </section>
  );
}
