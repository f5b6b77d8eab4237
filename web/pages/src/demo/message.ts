import { signal } from "@preact/signals";
import { Stream } from "./stream";

/** A message as the server stores it. */
export interface StoredMessage {
  id: string;
  parentId: string | null;
  role: string;
  content: string;
  done?: boolean | null;
  stopped?: boolean | null;
  interrupted?: boolean | null;
  error?: { content?: string } | string | null;
  statusHistory?: { description?: string; done?: boolean }[];
}

/** An event's `data`: its type and what it says. */
export interface Told {
  type: string;
  data: unknown;
}

type End = "open" | "done" | "stopped" | "interrupted";

/** A message on the page. What came is folded into it as the server folds it. */
export class Message {
  readonly text: Stream;
  readonly end = signal<End>("open");
  readonly error = signal<string | null>(null);
  readonly step = signal<string | null>(null);

  constructor(
    readonly id: string,
    readonly parentId: string | null,
    readonly role: string,
    content = "",
  ) {
    this.text = new Stream(content);
  }

  static of(stored: StoredMessage): Message {
    const made = new Message(stored.id, stored.parentId ?? null, stored.role, stored.content);
    made.merge(stored);
    made.step.value = stored.statusHistory?.findLast((step) => !step.done)?.description ?? null;
    return made;
  }

  /** Takes over how a stored message ended. */
  merge({ done, stopped, interrupted, error }: Partial<StoredMessage>): void {
    if (interrupted) this.end.value = "interrupted";
    else if (stopped) this.end.value = "stopped";
    else if (done) this.end.value = "done";
    if (error) this.error.value = words(error);
  }

  fold({ type, data }: Told): void {
    const said = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
    const content = typeof said["content"] === "string" ? said["content"] : null;
    switch (type) {
      case "message":
      case "chat:message:delta":
        return this.#say(content ?? "");
      case "replace":
      case "chat:message":
        return this.text.set(content ?? "");
      case "response:completion":
        return this.#respond(String(said["type"]), String(said["delta"] ?? ""));
      case "chat:completion":
        if (content !== null) this.text.set(content);
        return this.merge(said);
      case "status":
        this.step.value = said["done"] === true ? null : String(said["description"] ?? "");
        return undefined;
      case "chat:message:error":
        return this.merge({ done: true, error: said["error"] as string });
      case "chat:tasks:cancel":
        return this.merge({ stopped: true, interrupted: said["interrupted"] === true });
    }
  }

  #say(text: string): void {
    this.step.value = null;
    this.text.add(text);
  }

  /** What models tell besides their text is shown as what they are at. */
  #respond(kind: string, delta: string): void {
    if (kind === "response.output_text.delta") this.#say(delta);
    else if (kind.startsWith("response.reasoning")) this.step.value = "Thinking …";
    else if (kind.startsWith("response.function_call")) this.step.value = "Calling a tool …";
  }
}

function words(error: { content?: string } | string): string {
  return typeof error === "string" ? error : (error.content ?? "The answer failed.");
}
