import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";
import { Confirm } from "./confirm";
import type { Operator } from "./operator";

interface Props {
  operator: Operator;
  /** What stands on the button, and what it is done to, for who cannot see the row. */
  label: string;
  target: string;
  /** What is asked before; without it the action is done at once. */
  sure?: string;
  danger?: boolean;
  /** Does it, and returns what is said then. */
  run: () => Promise<string>;
  /** Afterwards, whether it went well or not. */
  after: () => void;
}

/** A button that does something to the running system; what goes wrong is said below it. */
export function Act({ operator, label, target, sure, danger = false, run, after }: Props) {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => () => letGo(button.current), []);
  const go = async () => {
    setAsked(false);
    setBusy(true);
    const failed = await run().then((done) => operator.say(done), saying);
    setFault(failed ?? null);
    setBusy(false);
    after();
  };
  return (
    <>
      <button
        type="button"
        ref={button}
        class={danger ? "small danger" : "small"}
        aria-label={`${label} ${target}`}
        aria-disabled={busy}
        onClick={() => (busy ? undefined : sure === undefined ? void go() : setAsked(true))}
      >
        {label}
      </button>
      {asked && sure !== undefined && (
        <Confirm heading={`${label} ${target}?`} text={sure} label={label} onYes={() => void go()} onNo={() => setAsked(false)} />
      )}
      <Fault text={fault} onClose={() => setFault(null)} />
    </>
  );
}

/** The button leaves with its row, and is still there just now: who had the focus on it goes on at the heading. */
function letGo(button: HTMLButtonElement | null): void {
  if (button !== null && button === document.activeElement) document.querySelector("h1")?.focus();
}
