import type { ComponentChildren } from "preact";
import { Empty } from "../shared/ui";
import { time } from "./format";
import type { Poll } from "./poll";

interface Props<T> {
  title: ComponentChildren;
  poll: Poll<T>;
  /** At the right of the heading. */
  tools?: ComponentChildren;
  /** What is shown of the newest answer. */
  children: (value: T) => ComponentChildren;
}

/** A view: its heading, how old its data are, and the data; what was known stays while the node is away. */
export function View<T>({ title, poll, tools, children }: Props<T>) {
  const value = poll.value.value;
  return (
    <section class="view" data-stale={poll.fault.value === null ? undefined : "yes"}>
      <div class="view-head">
        <h1 tabIndex={-1}>{title}</h1>
        <Freshness poll={poll} />
        {tools && <div class="view-tools">{tools}</div>}
      </div>
      {value === null ? <Empty>{poll.fault.value === null ? "Loading …" : "There is nothing to show yet."}</Empty> : children(value)}
    </section>
  );
}

/** From when the data are; a fault is read aloud once, when it begins. */
function Freshness<T>({ poll }: { poll: Poll<T> }) {
  const fault = poll.fault.value;
  const seen = poll.seenMs.value;
  return (
    <>
      <p class="freshness number">
        {fault !== null && seen !== null && <span class="tag bad">Not up to date</span>}
        <span class="dim">{seen === null ? "" : `as of ${time(seen)}`}</span>
      </p>
      <p role="alert" class="view-fault">
        {fault !== null && <span class="fault">{fault}</span>}
      </p>
    </>
  );
}
