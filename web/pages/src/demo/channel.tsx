import { useEffect, useRef } from "preact/hooks";
import { Empty, Fault } from "../shared/ui";
import type { Post } from "./channels";
import { Composer } from "./composer";
import type { Demo } from "./demo";
import { AddPerson } from "./invite";
import { colourOf, guestId } from "./people";
import { Scroller } from "./scroller";

/** How often a page says that somebody types. */
const SAY_TYPING_MS = 2500;

/** A channel: what people said, who is typing, and a field. */
export function ChannelView({ demo: { channels, guest } }: { demo: Demo }) {
  const said = useRef(0);
  const posts = channels.posts.value;
  const id = channels.open.value;
  const name = channels.list.value?.find((line) => line.id === id)?.name ?? "Channel";
  const typing = () => {
    if (Date.now() - said.current < SAY_TYPING_MS) return;
    said.current = Date.now();
    channels.sayTyping(true);
  };
  useEffect(() => () => void (said.current = 0), [id]);
  const send = async (text: string) => {
    said.current = 0;
    await channels.post(text);
  };
  return (
    <section class="view" aria-label={`Channel ${name}`}>
      <header class="view-head">
        <h1># {name}</h1>
        {channels.manages.value && <AddPerson label="Add a person" onAdd={(person) => channels.add(guestId(person))} />}
      </header>
      <Fault text={channels.fault.value} />
      <Scroller of={id} length={posts.length}>
        {posts.length === 0 && <Empty>Nobody has said anything here. Open this page under another name beside it, and talk.</Empty>}
        <div role="log" aria-label={`Messages in ${name}`}>
          <ol class="posts">
            {posts.map((post, place) => (
              <Line key={post.id} post={post} mine={post.user_id === guest.id} goesOn={posts[place - 1]?.user_id === post.user_id} />
            ))}
          </ol>
        </div>
      </Scroller>
      <p class="typing dim" aria-live="polite">
        {types(channels.typing.value)}
      </p>
      <Composer of={id} label={`Write to ${name}`} onSend={send} onTyping={typing} />
    </section>
  );
}

/** mine: of who looks at it. goesOn: the one before is of the same person. */
function Line({ post, mine, goesOn }: { post: Post; mine: boolean; goesOn: boolean }) {
  const name = mine ? "You" : (post.user?.name ?? post.user_id);
  const at = new Date(post.created_at / 1e6);
  return (
    <li class={goesOn ? "post goes-on" : "post"}>
      {goesOn ? <span /> : <Face id={post.user_id} name={post.user?.name ?? "?"} />}
      <div>
        <h3 class={goesOn ? "for-readers" : ""}>
          {name}{" "}
          <time class="dim" dateTime={at.toISOString()}>
            {at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}
          </time>
        </h3>
        <p class="text">{post.content}</p>
      </div>
    </li>
  );
}

function Face({ id, name }: { id: string; name: string }) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => place.current?.style.setProperty("--person", colourOf(id)), [id]);
  return (
    <span class="face" ref={place} aria-hidden="true">
      {[...name][0]?.toUpperCase()}
    </span>
  );
}

function types(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length > 3) return "Several people are typing …";
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing …`;
}
