import { useState } from "preact/hooks";
import { moment } from "./format";
import type { ActionPage } from "./model";
import type { Operator } from "./operator";
import { Pager } from "./pager";
import { address } from "./place";
import { usePoll } from "./poll";
import { Table } from "./table";
import { View } from "./view";

const COLUMNS = [{ name: "When" }, { name: "Who" }, { name: "Did" }, { name: "To", wide: true }, { name: "Outcome" }] as const;
const BY_HAND = "cli:";

/** Who did what, here and at the command line. */
export function AuditView({ operator }: { operator: Operator }) {
  const [before, setBefore] = useState<readonly string[]>([]);
  const from = before.at(-1);
  const poll = usePoll<ActionPage>(operator, `audit?limit=50${from ? `&after=${from}` : ""}`);
  return (
    <View title="Audit" poll={poll}>
      {({ actions, next }) => (
        <>
          <Table
            stacks
            caption="What admins did, the newest first"
            columns={COLUMNS}
            {...(actions.length === 0 && { none: "Nothing was done yet" })}
          >
            {actions.map(({ id, time_ms, user_id, action, target, outcome }) => (
              <tr key={id}>
                <td class="number" data-label="When">
                  {moment(time_ms)}
                </td>
                <td data-label="Who">{user_id.startsWith(BY_HAND) ? user_id : <a href={address("sessions", user_id)}>{user_id}</a>}</td>
                <td class="mono" data-label="Did">
                  {action}
                </td>
                <td class="mono name" data-label="To">
                  {target}
                </td>
                <td data-label="Outcome">
                  <span class={outcome === "done" ? "tag good" : "tag bad"}>{outcome}</span>
                </td>
              </tr>
            ))}
          </Table>
          <Pager label="Pages of the audit" before={before} next={next} turn={setBefore} />
        </>
      )}
    </View>
  );
}
