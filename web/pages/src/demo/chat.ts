import { signal } from "@preact/signals";
import type { Api } from "../shared/api";
import { Early } from "./early";
import { Message, type StoredMessage, type Told } from "./message";
import { after } from "./position";

interface StoredChat {
  id: string;
  title: string;
  position: string;
  chat: { history: { currentId: string | null; messages: Record<string, StoredMessage> } };
}

/** One event of a chat, and where it stands in the log. */
export interface ChatEvent {
  message_id: string | null;
  told: Told;
  position: string;
}

/** A question that was asked here, and its answer. */
export interface Turn {
  question: Message;
  answer: Message;
}

/** A chat on the page: a snapshot, and every event behind it. */
export class Chat {
  readonly title = signal("");
  readonly messages = signal<readonly Message[]>([]);
  readonly #api: Api;
  readonly #byId = new Map<string, Message>();
  #current: string | null = null;
  #position: string | null = null;
  readonly #early = new Early<ChatEvent>();
  #loads = 0;
  /** Turns that were asked here; a snapshot may be from before. */
  readonly #asked = new Set<Turn>();

  constructor(
    api: Api,
    readonly id: string,
  ) {
    this.#api = api;
  }

  /** Reads the snapshot, and lays over it what came meanwhile. Raises ApiFault. */
  async load(): Promise<void> {
    const load = ++this.#loads;
    this.#position = null;
    const stored = await this.#api.get<StoredChat>(`/api/v1/chats/${encodeURIComponent(this.id)}`);
    if (load !== this.#loads) return;
    const early = this.#early.behind(stored.position);
    if (early === null) return this.load();
    this.title.value = stored.title;
    this.#byId.clear();
    for (const message of Object.values(stored.chat.history.messages)) this.#byId.set(message.id, Message.of(message));
    this.#current = stored.chat.history.currentId ?? [...this.#byId.keys()].at(-1) ?? null;
    for (const turn of this.#asked) if (!this.#byId.has(turn.answer.id)) this.#add(turn);
    this.#position = stored.position;
    this.#order();
    for (const event of early) this.#fold(event);
  }

  /** An event of this chat. */
  take(event: ChatEvent): void {
    if (this.#position === null) this.#early.add(event);
    else if (after(event.position, this.#position)) this.#fold(event);
  }

  /** A turn that was asked here: the question, and the answer that is to come. */
  ask(question: string): Turn {
    const asked = new Message(crypto.randomUUID(), this.#current, "user", question);
    asked.end.value = "done";
    const answer = new Message(crypto.randomUUID(), asked.id, "assistant");
    const turn = { question: asked, answer };
    this.#asked.add(turn);
    this.#add(turn);
    this.#order();
    return turn;
  }

  /** Takes back a turn that nobody took. */
  takeBack(turn: Turn): void {
    const { question, answer } = turn;
    this.#asked.delete(turn);
    this.#byId.delete(question.id);
    this.#byId.delete(answer.id);
    if (this.#current === answer.id) this.#current = question.parentId;
    this.#order();
  }

  #add({ question, answer }: Turn): void {
    this.#byId.set(question.id, question).set(answer.id, answer);
    this.#current = answer.id;
  }

  #fold({ message_id, told }: ChatEvent): void {
    if (told.type === "chat:title") this.title.value = String(told.data);
    else if (told.type === "chat:messages") this.#turn(told.data as { messages: Record<string, StoredMessage>; currentId?: string });
    else if (message_id !== null) this.#message(message_id).fold(told);
  }

  #turn({ messages, currentId }: { messages: Record<string, StoredMessage>; currentId?: string }): void {
    const fresh = Object.entries(messages).filter(([id]) => !this.#byId.has(id));
    this.#insert(fresh.map(([id, message]) => Message.of({ ...message, id, content: message.content ?? "" })), currentId ?? this.#current);
  }

  #message(id: string): Message {
    const known = this.#byId.get(id);
    if (known) return known;
    const made = new Message(id, this.#current, "assistant");
    this.#insert([made], id);
    return made;
  }

  #insert(messages: Message[], current: string | null): void {
    for (const message of messages) this.#byId.set(message.id, message);
    this.#current = current;
    this.#order();
  }

  /** The branch that ends at the current message, the first in front. */
  #order(): void {
    const line: Message[] = [];
    let next = this.#byId.get(this.#current ?? "");
    while (next && !line.includes(next)) {
      line.push(next);
      next = this.#byId.get(next.parentId ?? "");
    }
    this.messages.value = line.reverse();
  }
}
