import { useEffect, useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";
import { Act } from "./act";
import { Payload } from "./events";
import { ago, count, size } from "./format";
import type { Letter, LetterPage } from "./model";
import type { Operator } from "./operator";
import { Pager } from "./pager";
import { address } from "./place";
import { usePoll } from "./poll";
import { N, Table } from "./table";
import { View } from "./view";

const COLUMNS = [
  { name: "Room", wide: true },
  { name: "Event" },
  { name: "Error" },
  { name: "Position" },
  { name: "Size", number: true },
  { name: "Parked", number: true },
  { name: "Actions" },
] as const;
const LEAD =
  "Entries that could not be folded into PostgreSQL. They wait here until somebody retries or drops them; what follows them in their rooms went on.";
const AGAIN = "if it is refused once more, it comes back here.";
const LOST = "It is never folded then: what it says does not come into PostgreSQL. Clients had it.";

/** Entries that the fold refused: looked at, driven again, dropped. */
export function LettersView({ operator }: { operator: Operator }) {
  const [before, setBefore] = useState<readonly string[]>([]);
  const from = before.at(-1);
  const poll = usePoll<LetterPage>(operator, `deadletters?limit=50${from ? `&after=${from}` : ""}`);
  return (
    <View title="Dead letters" poll={poll}>
      {({ letters, next, count: all }) => (
        <>
          <p class="lead">{LEAD}</p>
          <Table
            stacks
            caption={`Dead letters (${count(all)}), the oldest first`}
            columns={COLUMNS}
            {...(letters.length === 0 && { none: "There are none" })}
          >
            {letters.map((letter) => (
              <LetterRows key={letter.id} operator={operator} letter={letter} after={() => poll.now()} />
            ))}
          </Table>
          <Pager label="Pages of dead letters" before={before} next={next} turn={setBefore} />
        </>
      )}
    </View>
  );
}

function LetterRows({ operator, letter, after }: { operator: Operator; letter: Letter; after: () => void }) {
  const [open, setOpen] = useState(false);
  const { id, room, position, event, error } = letter;
  const target = `${event} of ${room}`;
  const path = `deadletters/${encodeURIComponent(id)}`;
  const retry = async () => {
    const { position: again } = await operator.post<{ position: string }>(`${path}/retry`);
    return `Appended again at ${again}: ${AGAIN}`;
  };
  const drop = async () => {
    await operator.post(`${path}/drop`);
    return `Dropped ${target}.`;
  };
  return (
    <>
      <tr>
        <th scope="row" class="mono name">
          <a href={address("room", room)}>{room}</a>
        </th>
        <td class="mono" data-label="Event">
          {event}
        </td>
        <td class="why bad" data-label="Error">
          {error}
        </td>
        <td class="mono" data-label="Position">
          {position}
        </td>
        <N label="Size">{size(letter.bytes)}</N>
        <N label="Parked">{ago(letter.parked_ms)} ago</N>
        <td class="acts">
          <button type="button" class="small" aria-expanded={open} aria-label={`Inspect ${target}`} onClick={() => setOpen(!open)}>
            Inspect
          </button>
          <Act operator={operator} label="Retry" target={target} run={retry} after={after} />
          <Act operator={operator} label="Drop" target={target} sure={LOST} danger run={drop} after={after} />
        </td>
      </tr>
      {open && (
        <tr class="inspected">
          <td colSpan={COLUMNS.length}>
            <Opened operator={operator} path={path} />
          </td>
        </tr>
      )}
    </>
  );
}

function Opened({ operator, path }: { operator: Operator; path: string }) {
  const [letter, setLetter] = useState<(Letter & { data: unknown }) | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    operator.get<Letter & { data: unknown }>(path).then(setLetter, (why: unknown) => setFault(saying(why)));
  }, [operator, path]);
  return (
    <>
      <Fault text={fault} />
      {letter === null ? <p class="dim">{fault === null && "Loading …"}</p> : <p class="whole-error bad">{letter.error}</p>}
      {letter !== null && <Payload data={letter.data} />}
    </>
  );
}
