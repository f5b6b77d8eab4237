import { ago, count, size, span } from "./format";
import type { NodeReport } from "./model";
import { N, Table } from "./table";

const COLUMNS = [
  { name: "Node", wide: true },
  { name: "State" },
  { name: "Connections", number: true },
  { name: "Rooms", number: true, hint: "Rooms with members on it" },
  { name: "Waiting", number: true, hint: "Clients that wait to be let in" },
  { name: "Slow", number: true, hint: "Clients that read too slowly and are fed from the log" },
  { name: "Backlog", number: true, hint: "Bytes written for clients that they have not taken yet" },
  { name: "Behind", number: true, hint: "Age of the oldest entry that it has not delivered" },
  { name: "Heard", number: true, hint: "Since it last heard from the log" },
  { name: "Memory", number: true },
  { name: "Up", number: true },
  { name: "Version" },
] as const;

/** The nodes; those that died within the hour too. */
export function NodeTable({ nodes }: { nodes: readonly NodeReport[] }) {
  return (
    <Table caption="Nodes" columns={COLUMNS} {...(nodes.length === 0 && { none: "No node is known now" })}>
      {nodes.map((node) => (
        <tr key={node.name}>
          <th scope="row" class="mono">
            {node.name}
          </th>
          <td>
            <State node={node} />
          </td>
          <N>{count(node.connections)}</N>
          <N>{count(node.rooms)}</N>
          <N>{count(node.waiting_clients)}</N>
          <N tone={node.slow_clients ? "warn" : ""}>{count(node.slow_clients)}</N>
          <N>{size(node.send_backlog_bytes)}</N>
          <N tone={(node.behind_ms ?? 0) > 3000 ? "warn" : ""}>{span(node.behind_ms === null ? null : node.behind_ms / 1000)}</N>
          <N>{span(node.tail_age_s)}</N>
          <N>{size(node.rss_bytes)}</N>
          <N>{ago(node.started_ms)}</N>
          <td>{node.version ?? "–"}</td>
        </tr>
      ))}
    </Table>
  );
}

function State({ node }: { node: NodeReport }) {
  if (!node.alive) return <span class="tag bad">Silent for {span(node.seen_s)}</span>;
  if (node.draining) return <span class="tag warn">Draining</span>;
  return <span class="tag good">Alive</span>;
}
