import { useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";
import type { Demo } from "./demo";
import { address, go, place, type Kind } from "./place";

interface Line {
  id: string;
  title: string;
}

/** What there is to open. On a phone it is behind a button. */
export function Nav({ demo }: { demo: Demo }) {
  const { chats, channels, notes } = demo;
  const [shown, setShown] = useState(false);
  const lines = channels.list.value?.map(({ id, name }) => ({ id, title: name })) ?? null;
  return (
    <nav class="rooms" aria-label="Chats, channels and notes" onKeyDown={(event) => event.key === "Escape" && setShown(false)}>
      <button type="button" class="rooms-toggle" aria-expanded={shown} aria-controls="rooms" onClick={() => setShown(!shown)}>
        ☰ Chats, channels, notes
      </button>
      <div id="rooms" class={shown ? "rooms-list shown" : "rooms-list"} onClick={() => setShown(false)}>
        <h2>
          Chats
          <a class="new" href={address("chat", null)} aria-label="New chat">
            New
          </a>
        </h2>
        <Lines kind="chat" lines={chats.list.value} none="No chat yet" />
        {chats.goesOn.value && <More label="More chats" more={() => chats.more()} />}
        <h2>Channels</h2>
        <Lines kind="channel" lines={lines} none="No channel yet" />
        <Maker kind="channel" label="New channel" make={(name) => channels.create(name)} />
        <h2>Notes</h2>
        <Lines kind="note" lines={notes.list.value} none="No note yet" />
        <Maker kind="note" label="New note" make={(title) => notes.create(title)} />
      </div>
    </nav>
  );
}

function Lines({ kind, lines, none }: { kind: Kind; lines: readonly Line[] | null; none: string }) {
  if (lines === null) return <p class="dim none">…</p>;
  if (lines.length === 0) return <p class="dim none">{none}</p>;
  const open = (id: string) => place.value.kind === kind && place.value.id === id;
  return (
    <ul>
      {lines.map(({ id, title }) => (
        <li key={id}>
          <a href={address(kind, id)} aria-current={open(id) ? "page" : undefined}>
            {title || "Untitled"}
          </a>
        </li>
      ))}
    </ul>
  );
}

/** Reads on behind the lines above it; then the first new one has the focus. */
function More({ label, more }: { label: string; more: () => Promise<void> }) {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const read = async (event: MouseEvent) => {
    event.stopPropagation(); // on a phone the list stays open
    if (busy) return;
    const lines = (event.currentTarget as Element).parentElement?.previousElementSibling;
    const known = lines?.childElementCount ?? 0;
    setBusy(true);
    setFault(await more().then(() => null, saying));
    setBusy(false);
    requestAnimationFrame(() => lines?.children.item(known)?.querySelector("a")?.focus());
  };
  return (
    <div class="more">
      <button type="button" aria-busy={busy} onClick={(event) => void read(event)}>
        {label}
      </button>
      <Fault text={fault} onClose={() => setFault(null)} />
    </div>
  );
}

/** Makes a channel or a note by a name, and opens it. */
function Maker({ kind, label, make }: { kind: Kind; label: string; make: (name: string) => Promise<string> }) {
  const [fault, setFault] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (name === "") return setFault("It needs a name");
    try {
      go(kind, await make(name));
      form.reset();
      setFault(null);
    } catch (why) {
      setFault(saying(why));
    }
  };
  return (
    <form class="maker" onSubmit={submit} onClick={(event) => event.stopPropagation()}>
      <input name="name" aria-label={`${label}: its name`} placeholder={`${label} …`} maxLength={100} autocomplete="off" />
      <button type="submit" aria-label={`Make the ${kind}`}>
        +
      </button>
      <Fault text={fault} onClose={() => setFault(null)} />
    </form>
  );
}
