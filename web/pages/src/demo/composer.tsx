import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";

interface Props {
  label: string;
  /** Sends, or raises what is shown above the field; then the text stays. */
  onSend: (text: string) => Promise<void>;
  onTyping?: () => void;
  /** Of what the field is: another one gets the focus. */
  of: string | null;
  children?: ComponentChildren;
}

/** Where one writes. Enter sends, Shift and Enter begins a line. */
export function Composer({ label, onSend, onTyping, of, children }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    setFault(null);
    if (matchMedia("(pointer: fine)").matches) field.current?.focus({ preventScroll: true });
  }, [of]);
  const send = async () => {
    const area = field.current;
    if (area === null || area.value.trim() === "") return;
    const text = area.value;
    area.value = "";
    const why = await onSend(text).then(() => null, saying);
    setFault(why);
    if (why !== null && area.value === "") area.value = text;
    area.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Fault text={fault} onClose={() => setFault(null)} />
      <div class="composer-row">
        <textarea ref={field} rows={2} aria-label={label} placeholder={label} onKeyDown={pressed} onInput={onTyping} />
        {children}
        <button type="submit" class="primary">
          Send
        </button>
      </div>
    </form>
  );
}
