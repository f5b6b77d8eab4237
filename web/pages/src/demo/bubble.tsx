import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import type { Message } from "./message";
import { Paper } from "./paper";
import { Following } from "./scroller";

const ENDS = { open: null, done: null, stopped: "Stopped", interrupted: "Interrupted: ask again" };

/**
 * One message of a chat. Its text grows beside Preact: what is there is never rendered again. Nothing stands below a
 * text that grows, or it would jump with every line.
 */
export function Bubble({ message }: { message: Message }) {
  const place = useRef<HTMLDivElement>(null);
  const end = useContext(Following);
  useLayoutEffect(() => {
    if (place.current === null) return undefined;
    const paper = new Paper(place.current, end.follow);
    const hide = message.text.show(paper);
    const { scrollHeight, clientHeight } = place.current;
    if (scrollHeight > clientHeight) place.current.tabIndex = 0; // a long question scrolls, by keyboard too
    return () => {
      hide();
      paper.close();
    };
  }, [message]);
  const open = message.end.value === "open";
  const note = ENDS[message.end.value];
  useLayoutEffect(end.follow, [note, message.error.value]);
  const mine = message.role === "user";
  return (
    <li class={mine ? "message mine" : "message"}>
      <h3 class={mine ? "for-readers" : "from"}>
        {mine ? "You" : "Assistant"}
        {open && <span class="pulse" aria-hidden="true" />}
        {open && message.step.value}
      </h3>
      <div class="text" ref={place} {...(mine && { role: "group", "aria-label": "What you wrote" })} />
      {note && <p class="ended">{note}</p>}
      {message.error.value !== null && <p class="fault">{message.error.value}</p>}
    </li>
  );
}
