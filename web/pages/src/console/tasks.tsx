import { Act } from "./act";
import { ago, span } from "./format";
import type { Task, TaskPage } from "./model";
import type { Operator } from "./operator";
import { address } from "./place";
import { usePoll } from "./poll";
import { N, Table } from "./table";
import { View } from "./view";

const COLUMNS = [
  { name: "Task", wide: true },
  { name: "Of" },
  { name: "User" },
  { name: "Node" },
  { name: "Runs for", number: true },
  { name: "Lease", number: true, hint: "Until its node must have renewed it" },
  { name: "Actions" },
] as const;

/** What runs now, on all nodes. */
export function TasksView({ operator }: { operator: Operator }) {
  const poll = usePoll<TaskPage>(operator, "tasks?limit=500");
  return (
    <View title="Tasks" poll={poll}>
      {({ tasks, cursor }) => (
        <>
          <Table
            stacks
            caption={`Running tasks (${tasks.length}${cursor === null ? "" : "+"})`}
            columns={COLUMNS}
            {...(tasks.length === 0 && { none: "No task runs now" })}
          >
            {tasks.map((task) => (
              <TaskRow key={task.task_id} operator={operator} task={task} after={() => poll.now()} />
            ))}
          </Table>
          {cursor !== null && <p class="dim hint">These are the first {tasks.length}; there are more.</p>}
        </>
      )}
    </View>
  );
}

function TaskRow({ operator, task, after }: { operator: Operator; task: Task; after: () => void }) {
  const stop = async () => {
    await operator.stopTask(task.task_id);
    return `Stopped task ${task.task_id}.`;
  };
  return (
    <tr>
      <th scope="row" class="mono">
        {task.task_id}
      </th>
      <td class="mono" data-label="Of">
        {task.item_id}
      </td>
      <td data-label="User">
        <a href={address("sessions", task.user_id)}>{task.user_id}</a>
      </td>
      <td class="mono" data-label="Node">
        {task.node}
      </td>
      <N label="Runs for">{ago(task.since_ms)}</N>
      <N label="Lease">{span(Math.max(Math.round((task.lease_until_ms - Date.now()) / 1000), 0))}</N>
      <td class="acts">
        <Act operator={operator} label="Stop" target={task.task_id} danger run={stop} after={after} />
      </td>
    </tr>
  );
}
