import { useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";
import { Bubble } from "./bubble";
import type { Chat } from "./chat";
import { Composer } from "./composer";
import type { Demo } from "./demo";
import { place, go } from "./place";
import { Scroller } from "./scroller";
import { suggestions } from "./suggestions";

/** A chat with the assistant; with none open, the beginning of one. */
export function ChatView({ demo }: { demo: Demo }) {
  const { chats, link } = demo;
  const chat = chats.open.value;
  const messages = chat?.messages.value ?? [];
  const last = messages.at(-1);
  const running = last?.role === "assistant" && last.end.value === "open";
  const ask = async (text: string) => {
    const { id } = await chats.ask(text);
    if (place.value.id !== id) go("chat", id, true);
  };
  return (
    <section class="view" aria-label={chat ? `Chat ${chat.title.value}` : "New chat"}>
      <header class="view-head">
        <h1>{chat?.title.value ?? "New chat"}</h1>
        <span class="dim model">{link.config.value?.model}</span>
      </header>
      <Fault text={chats.fault.value} />
      <Scroller of={chat?.id ?? null} length={messages.length}>
        {messages.length === 0 ? (
          <Begin demo={demo} ask={ask} />
        ) : (
          <ol class="messages" aria-busy={running}>
            {messages.map((message) => (
              <Bubble key={message.id} message={message} />
            ))}
          </ol>
        )}
      </Scroller>
      <p class="for-readers" role="status">
        {last?.role === "assistant" && SAID[last.end.value]}
      </p>
      <Composer of={chat?.id ?? "new"} label="Write to the assistant" onSend={ask}>
        {running && chat && <Stop chat={chat} demo={demo} />}
      </Composer>
    </section>
  );
}

const SAID = {
  open: "The assistant is answering",
  done: "The answer is complete",
  stopped: "The answer was stopped",
  interrupted: "The answer was interrupted",
};

/** Stops the answer, also one that another tab has asked for. */
function Stop({ chat, demo }: { chat: Chat; demo: Demo }) {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const stop = async () => {
    setBusy(true);
    setFault(await demo.chats.stop(chat).catch(saying));
    setBusy(false);
  };
  return (
    <>
      <button type="button" class="danger" disabled={busy} onClick={() => void stop()}>
        Stop
      </button>
      <Fault text={fault} onClose={() => setFault(null)} />
    </>
  );
}

/** What one may ask, for whoever wants to see something move. */
function Begin({ demo, ask }: { demo: Demo; ask: (text: string) => Promise<void> }) {
  const [fault, setFault] = useState<string | null>(null);
  const provider = demo.link.config.value?.provider;
  return (
    <div class="begin">
      <p class="lead">Ask something, and go through the tunnel while the answer comes.</p>
      <p class="dim">{provider === "embedded" && "The embedded assistant says back what you write, word by word. It needs no key."}</p>
      <ul class="suggestions">
        {provider &&
          suggestions(provider).map(({ name, text }) => (
            <li key={name}>
              <button type="button" onClick={() => void ask(text).then(() => setFault(null), (why) => setFault(saying(why)))}>
                {name}
              </button>
            </li>
          ))}
      </ul>
      <Fault text={fault} />
    </div>
  );
}
