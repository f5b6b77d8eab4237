import { Figure } from "../shared/ui";
import { about, count, size, span, yes } from "./format";
import { HistoryPlots } from "./history";
import type { Advice, Overview, Postgres, Redis } from "./model";
import { NodeTable } from "./nodes";
import type { Operator } from "./operator";
import type { Poll } from "./poll";
import { Facts } from "./table";
import { View } from "./view";
import { WorkerTable } from "./workers";

/** All of it on one page: first what is wrong, and the cure. */
export function OverviewView({ operator, poll }: { operator: Operator; poll: Poll<Overview> }) {
  return (
    <View title="Overview" poll={poll}>
      {(seen) => (
        <>
          <AdviceList advice={poll.fault.value === null ? seen.advice : [AWAY, ...seen.advice]} />
          <TotalFigures overview={seen} />
          <NodeTable nodes={seen.nodes} />
          <WorkerTable workers={seen.workers} />
          <div class="pair">
            <RedisCard redis={seen.redis} />
            <PostgresCard postgres={seen.postgres} />
          </div>
          <HistoryPlots operator={operator} />
        </>
      )}
    </View>
  );
}

/** What was well then may not be now. */
const AWAY: Advice = {
  level: "bad",
  about: "console",
  what: "No node answers this page: what follows is old.",
  cure: "`roomlog status` asks the servers without a node; this page goes on by itself when one is back.",
};

const TONES = { ok: "good", warn: "warn", bad: "bad" } as const;
const LEVELS = { ok: "Note", warn: "Warning", bad: "Broken" } as const;

function AdviceList({ advice }: { advice: readonly Advice[] }) {
  return (
    <section aria-label="Advice" class="advice">
      <ul>
        {advice.length === 0 && (
          <li class="card good">
            <span class="tag good">All is well</span>
            <p>Nothing has to be done.</p>
          </li>
        )}
        {advice.map(({ level, about: where, what, cure }) => (
          <li key={`${where} ${cure}`} class={`card ${TONES[level]}`}>
            <span class={`tag ${TONES[level]}`}>{LEVELS[level]}</span>
            <div>
              <p>
                <strong class="mono">{where}</strong> {what}
              </p>
              <p class="cure">{cure}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function TotalFigures({ overview: { totals, position } }: { overview: Overview }) {
  return (
    <dl class="totals card" aria-label="Totals">
      <Figure name="connections" value={count(totals.connections)} hint="Sessions on living nodes" />
      <Figure name="users" value={count(totals.users)} hint="Users who are connected" />
      <Figure name="rooms" value={count(totals.rooms)} hint="Rooms that the log knows" />
      <Figure name="rooms to fold" value={count(totals.waiting_jobs)} hint="Rooms that wait for a worker, or are in one's hands" />
      <Figure name="oldest of them" value={span(totals.oldest_job_s)} hint="How long the oldest of these has waited" />
      <Figure name="dead letters" value={count(totals.dead_letters)} hint="Entries that could not be folded" />
      <Figure name="tasks" value={count(totals.tasks)} hint="Tasks that run now" />
      <Figure name="position" value={position ?? "–"} hint="Where the log ends" />
    </dl>
  );
}

/** The head of a server's card. */
function Health({ ok, name, error }: { ok: boolean; name: string; error: string | null }) {
  return (
    <>
      <h2>
        {name} <span class={ok ? "tag good" : "tag bad"}>{ok ? "Answers" : "Away"}</span>
      </h2>
      {error !== null && <p class="fault">{error}</p>}
    </>
  );
}

function RedisCard({ redis }: { redis: Redis }) {
  const limit = redis.max_bytes === null ? "none" : size(redis.max_bytes);
  return (
    <section class="card server">
      <Health ok={redis.ok} name={redis.kind === "redis" ? "Redis" : "Valkey"} error={redis.error} />
      <Facts
        facts={[
          ["Memory", size(redis.used_bytes)],
          ["Memory's limit", redis.ok ? limit : "–"],
          ["When full", redis.policy ?? "–"],
          ["Append-only file", redis.aof === false ? "off" : redis.aof_ok === false ? "failing" : redis.aof ? "on" : "–"],
          ["Last snapshot", redis.last_save_ok === null ? "–" : redis.last_save_ok ? "went well" : "failed"],
          ["Role", redis.role ?? "–"],
          ["Clients", count(redis.clients)],
          ["Commands /s", count(redis.ops_s)],
          ["Keys", count(redis.keys)],
          ["Answers within", redis.ping_ms === null ? "–" : `${about(redis.ping_ms)} ms`],
          ["Version", redis.version ?? "–"],
        ]}
      />
    </section>
  );
}

function PostgresCard({ postgres }: { postgres: Postgres }) {
  return (
    <section class="card server">
      <Health ok={postgres.ok} name="PostgreSQL" error={postgres.error} />
      <Facts
        facts={[
          ["Database", size(postgres.bytes)],
          ["Connections", postgres.ok ? `${count(postgres.connections)} of ${count(postgres.max_connections)}` : "–"],
          ["In recovery", yes(postgres.in_recovery)],
          ["Tables' version", postgres.migration ?? "–"],
          ["Answers within", postgres.ping_ms === null ? "–" : `${about(postgres.ping_ms)} ms`],
          ["Version", postgres.version ?? "–"],
        ]}
      />
    </section>
  );
}
