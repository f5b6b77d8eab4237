import { useEffect, useRef } from "preact/hooks";

interface Props {
  heading: string;
  text: string;
  label: string;
  onYes: () => void;
  onNo: () => void;
}

/** Asks before what cannot be taken back. The browser keeps the focus inside, and gives it back. */
export function Confirm({ heading, text, label, onYes, onNo }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} class="card confirm" aria-labelledby="confirm-heading" onCancel={onNo}>
      <h2 id="confirm-heading">{heading}</h2>
      <p>{text}</p>
      <div class="confirm-tools">
        <button type="button" onClick={onNo}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={onYes}>
          {label}
        </button>
      </div>
    </dialog>
  );
}
