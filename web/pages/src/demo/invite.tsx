import { useState } from "preact/hooks";
import { saying } from "../shared/api";
import { Fault } from "../shared/ui";

/** A name and a button. onAdd raises what is shown below. */
export function AddPerson({ label, onAdd }: { label: string; onAdd: (name: string) => Promise<void> }) {
  const [said, setSaid] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (name === "") return setFault("Which name?");
    const why = await onAdd(name).then(() => null, saying);
    setFault(why);
    setSaid(why === null ? `${name} is in` : "");
    if (why === null) form.reset();
  };
  return (
    <form class="invite" onSubmit={submit}>
      <input name="name" aria-label={`${label}: a name`} placeholder={`${label} …`} maxLength={60} autocomplete="off" />
      <button type="submit">Add</button>
      <span class="for-readers" role="status">
        {said}
      </span>
      <Fault text={fault} onClose={() => setFault(null)} />
    </form>
  );
}
