import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { saying } from "./api";
import { Fault } from "./ui";

interface Props {
  heading: string;
  label: string;
  /** What is typed is a token, not a name. */
  secret?: boolean;
  /** Signs in, or raises what is shown below the field. */
  onSubmit: (typed: string) => Promise<void>;
  children?: ComponentChildren;
}

/** One field and a button: a name for the demo, a token for the console. */
export function SignIn({ heading, label, secret, onSubmit, children }: Props) {
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const typed = String(new FormData(event.target as HTMLFormElement).get("typed") ?? "").trim();
    if (typed === "") return setFault(`${label}: please fill this in`);
    setBusy(true);
    setFault(await onSubmit(typed).then(() => null, saying));
    setBusy(false);
  };
  return (
    <form class="card signin" onSubmit={submit}>
      <h1>{heading}</h1>
      {children}
      <label>
        {label}
        {secret ? (
          <input name="typed" type="password" autocomplete="off" maxLength={8192} />
        ) : (
          <input name="typed" type="text" autocomplete="nickname" maxLength={60} />
        )}
      </label>
      <Fault text={fault} />
      <button type="submit" class="primary" disabled={busy}>
        Sign in
      </button>
    </form>
  );
}
