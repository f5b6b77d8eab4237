import { useEffect } from "preact/hooks";
import { Page } from "../shared/page";
import { Empty } from "../shared/ui";
import { ChannelView } from "./channel";
import { ChatView } from "./chatview";
import type { Demo } from "./demo";
import { Nav } from "./nav";
import { NoteView } from "./note";
import { place } from "./place";
import { Strip } from "./strip";

const EMPTY = { channel: "Choose a channel, or make one.", note: "Choose a note, or make one." };

/** The page of somebody who is signed in. */
export function App({ demo, onSignOut }: { demo: Demo; onSignOut: () => void }) {
  useEffect(() => {
    const { kind } = place.value;
    document.title = `${kind === "chat" ? (demo.chats.open.value?.title.value ?? "Chat") : kind} · Roomlog demo`;
  }, [place.value, demo.chats.open.value?.title.value]);
  const refusal = demo.link.refusal.value;
  const tools = (
    <>
      <OtherNodes demo={demo} />
      <span class="who">{demo.guest.name}</span>
      <button type="button" onClick={onSignOut}>
        Sign out
      </button>
    </>
  );
  return (
    <Page title="demo" tools={tools}>
      <div class="app">
        <Strip link={demo.link} />
        {refusal !== null && <p class="fault refusal">You are not let in: {refusal}. Sign out, and in again.</p>}
        <div class="columns">
          <Nav demo={demo} />
          <Open demo={demo} />
        </div>
      </div>
    </Page>
  );
}

function Open({ demo }: { demo: Demo }) {
  const { kind, id } = place.value;
  if (kind === "chat") return <ChatView demo={demo} />;
  if (id === null) return <Empty>{EMPTY[kind]}</Empty>;
  return kind === "channel" ? <ChannelView demo={demo} /> : <NoteView demo={demo} id={id} />;
}

/** The same place on the other nodes, signed in: to be opened side by side. */
function OtherNodes({ demo }: { demo: Demo }) {
  const others = (demo.link.config.value?.nodes ?? []).filter((url) => url !== location.origin);
  const fragment = `${location.hash || "#chat"}&token=${demo.token}`;
  void place.value; // the links follow the place
  return (
    <>
      {others.map((url) => (
        <a key={url} class="elsewhere" href={`${url}/${fragment}`} target="_blank" rel="noopener">
          Open on {new URL(url).port ? `node :${new URL(url).port}` : new URL(url).host}
        </a>
      ))}
    </>
  );
}
