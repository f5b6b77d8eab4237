import { signal, type Signal } from "@preact/signals";
import type { EditorState } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { useEffect, useRef, useState } from "preact/hooks";
import { RoomlogProvider, type Status } from "roomlog-provider";
import { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import { saying } from "../shared/api";
import { Empty, Fault } from "../shared/ui";
import { ACTIONS, open } from "./editor";
import type { Guest, Demo } from "./demo";
import { AddPerson } from "./invite";
import type { Link } from "./link";
import { colourOf, guestId } from "./people";

const SAID: Record<Status, [string, string]> = {
  offline: ["warn", "Offline: what you type is kept here"],
  saving: ["warn", "Saving …"],
  synced: ["good", "Saved"],
  refused: ["bad", "Not taken"],
};

/** A note that several people edit at once. */
export function NoteView({ demo, id }: { demo: Demo; id: string }) {
  const { notes, link, guest } = demo;
  const [fault, setFault] = useState<string | null>(null);
  const note = notes.open.value;
  if (note === null) return notes.fault.value ? <Fault text={notes.fault.value} /> : <Empty>Reading the note …</Empty>;
  const rename = (title: string) => void notes.rename(title).then(() => setFault(null), (why) => setFault(saying(why)));
  return (
    <section class="view note" aria-label={`Note ${note.title}`}>
      <header class="view-head">
        <input
          class="title"
          aria-label="Title of the note"
          value={note.title}
          readOnly={!note.write_access}
          onChange={(event) => rename(event.currentTarget.value)}
        />
        {note.access_grants && <AddPerson label="Share with" onAdd={(name) => notes.share(guestId(name))} />}
      </header>
      <Fault text={fault} onClose={() => setFault(null)} />
      <Text key={id} link={link} guest={guest} id={id} />
    </section>
  );
}

/** The text: a document of its own for as long as the note is open. */
function Text({ link, guest, id }: { link: Link; guest: Guest; id: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<EditorView | null>(null);
  const [state] = useState(() => signal<EditorState | null>(null));
  const [status, setStatus] = useState<Status>("offline");
  const [why, setWhy] = useState<string | null>(null);
  const [history, setHistory] = useState(0);
  useEffect(() => {
    if (place.current === null) return undefined;
    const doc = new Y.Doc();
    const awareness = new Awareness(doc);
    const user = { id: guest.id, name: guest.name, color: colourOf(guest.id) };
    awareness.setLocalStateField("user", user);
    const provider = new RoomlogProvider(link.socket, `note:${id}`, doc, { user, awareness });
    provider.on("status", (now) => {
      setStatus(now.status);
      setWhy(now.refusal?.message ?? null);
    });
    provider.on("epoch", () => setHistory((number) => number + 1)); // restored meanwhile: begin with what it is now
    const editor = open(place.current, doc, awareness, (now) => (state.value = now));
    provider.connect();
    setView(editor);
    return () => {
      provider.destroy();
      editor.destroy();
      awareness.destroy();
      doc.destroy();
    };
  }, [id, link, history]);
  const [tone, words] = SAID[status];
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Formatting">
        {view && <Actions view={view} state={state} />}
        <span class={`tag ${tone}`} role="status">
          {words}
        </span>
      </div>
      <Fault text={why} />
      <div class="paper" ref={place} />
    </>
  );
}

function Actions({ view, state }: { view: EditorView; state: Signal<EditorState | null> }) {
  const now = state.value ?? view.state;
  return (
    <>
      {ACTIONS.map(({ name, face, run, on }) => (
        <button
          key={name}
          type="button"
          class={`action ${name.toLowerCase()}`}
          aria-label={name}
          title={name}
          aria-pressed={on?.(now)}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => {
            run(view.state, view.dispatch, view);
            view.focus();
          }}
        >
          {face}
        </button>
      ))}
    </>
  );
}
