import { about, ago, count, size, span } from "./format";
import type { WorkerReport } from "./model";
import { N, Table } from "./table";

const COLUMNS = [
  { name: "Worker", wide: true },
  { name: "State" },
  { name: "Folds /s", number: true, hint: "Entries a second since its last report" },
  { name: "Folded", number: true, hint: "Entries since it began" },
  { name: "Lag", number: true, hint: "Age of the oldest entry that waits, or that it has in hand" },
  { name: "Jobs", number: true, hint: "Rooms in its hands" },
  { name: "Claims", number: true, hint: "Jobs taken over from workers that fell silent" },
  { name: "Parked", number: true, hint: "Entries that it made dead letters of" },
  { name: "Quarantined", number: true, hint: "Updates of documents that no sandbox survived" },
  { name: "Lost", number: true, hint: "Times that entries were gone before they were folded" },
  { name: "Memory", number: true },
  { name: "Up", number: true },
  { name: "Version" },
] as const;

/** The workers; those that died within the minute too. */
export function WorkerTable({ workers }: { workers: readonly WorkerReport[] }) {
  return (
    <Table caption="Workers" columns={COLUMNS} {...(workers.length === 0 && { none: "No worker is known now" })}>
      {workers.map((worker) => (
        <tr key={worker.name}>
          <th scope="row" class="mono">
            {worker.name}
          </th>
          <td>
            <State worker={worker} />
          </td>
          <N>{about(worker.folded_s)}</N>
          <N>{count(worker.folded_entries)}</N>
          <N>{span(worker.lag_s)}</N>
          <N>{count(worker.jobs_held)}</N>
          <N>{count(worker.claims)}</N>
          <N tone={worker.parked ? "warn" : ""}>{count(worker.parked)}</N>
          <N tone={worker.quarantined ? "warn" : ""}>{count(worker.quarantined)}</N>
          <N tone={worker.lost ? "bad" : ""}>{count(worker.lost)}</N>
          <N>{size(worker.rss_bytes)}</N>
          <N>{ago(worker.started_ms)}</N>
          <td>{worker.version ?? "–"}</td>
        </tr>
      ))}
    </Table>
  );
}

function State({ worker }: { worker: WorkerReport }) {
  if (!worker.alive) return <span class="tag bad">Silent for {span(worker.seen_s)}</span>;
  if (worker.sql_ok === false) return <span class="tag bad">No database</span>;
  return <span class="tag good">Alive</span>;
}
