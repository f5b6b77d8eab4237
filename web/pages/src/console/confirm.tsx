import { useEffect, useRef } from "preact/hooks";

const YES = "yes";

interface Props {
  heading: string;
  text: string;
  label: string;
  onYes: () => void;
  onNo: () => void;
}

/** Asks before what cannot be taken back. The browser keeps the focus inside, and has given it back when this answers. */
export function Confirm({ heading, text, label, onYes, onNo }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const answered = () => (dialog.current?.returnValue === YES ? onYes() : onNo());
  return (
    <dialog ref={dialog} class="card confirm" aria-labelledby="confirm-heading" onClose={answered}>
      <h2 id="confirm-heading">{heading}</h2>
      <p>{text}</p>
      <form method="dialog" class="confirm-tools">
        <button type="submit" value="">
          Cancel
        </button>
        <button type="submit" value={YES} class="danger">
          {label}
        </button>
      </form>
    </dialog>
  );
}
