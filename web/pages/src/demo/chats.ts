import { signal } from "@preact/signals";
import { saying } from "../shared/api";
import { Chat } from "./chat";
import type { Link } from "./link";
import type { Told } from "./message";

interface ChatLine {
  id: string;
  title: string;
}

interface ChatsEvent {
  chat_id: string;
  message_id: string | null;
  data: Told;
}

/** Chats of one page of the list. */
export const PAGE = 60;

/** Of a title that is made from the first question. */
const TITLE_CHARS = 50;

/** What changes the list of chats. */
const LISTED = new Set(["chat:title", "chat:messages", "chat:list", "chat:new"]);

/** The user's chats: the list, and the one that is open. */
export class Chats {
  readonly list = signal<readonly ChatLine[] | null>(null);
  /** Whether there are chats behind those of the list. */
  readonly goesOn = signal(false);
  readonly open = signal<Chat | null>(null);
  /** Why the open chat, or the list, could not be read. */
  readonly fault = signal<string | null>(null);
  readonly #link: Link;
  #pages = 1;
  #lists = 0;
  #newest: Promise<void> = Promise.resolve();

  constructor(link: Link) {
    this.#link = link;
    link.socket.on("events", (event: ChatsEvent, position?: unknown) => this.#heard(event, position));
    link.fresh.add(() => void this.reload());
  }

  /** Opens a chat; null: none, a new one is about to be written. */
  async show(id: string | null): Promise<void> {
    if (id === (this.open.peek()?.id ?? null)) return;
    this.open.value = id === null ? null : new Chat(this.#link.api, id);
    await this.reload();
  }

  /** Reads again what is shown. */
  async reload(): Promise<void> {
    this.fault.value = await Promise.all([this.open.peek()?.load(), this.#list()]).then(() => null, saying);
  }

  /** One more page of the list. Raises ApiFault. */
  async more(): Promise<void> {
    this.#pages += 1;
    await this.#list().catch((fault: unknown) => {
      this.#pages -= 1;
      throw fault;
    });
  }

  /** Asks in the open chat, or in a new one; resolves when the server has taken the turn. Raises ApiFault. */
  async ask(text: string): Promise<Chat> {
    const chat = this.open.peek() ?? (await this.#create(text));
    const turn = chat.ask(text);
    const { question, answer } = turn;
    const asked = {
      model: this.#link.config.peek()?.model ?? "echo",
      stream: true,
      chat_id: chat.id,
      id: answer.id,
      session_id: this.#link.socket.id,
      user_message: { id: question.id, parentId: question.parentId, role: "user", content: text },
    };
    try {
      await this.#link.api.post("/api/chat/completions", asked);
    } catch (fault) {
      chat.takeBack(turn);
      throw fault;
    }
    return chat;
  }

  /** Stops every answer of a chat, whichever tab or node it was asked in. Raises ApiFault; answers what was not stopped. */
  async stop(chat: Chat): Promise<string | null> {
    const path = `/api/tasks/chat/${encodeURIComponent(chat.id)}/stop`;
    const { status, message } = await this.#link.api.post<{ status: boolean; message: string }>(path);
    return status ? null : message;
  }

  async #create(text: string): Promise<Chat> {
    const line = text.trim().replaceAll(/\s+/g, " ");
    const title = line.length > TITLE_CHARS ? `${line.slice(0, TITLE_CHARS)}…` : line;
    const { id } = await this.#link.api.post<{ id: string }>("/api/v1/chats/new", { title });
    const chat = new Chat(this.#link.api, id);
    await chat.load();
    this.open.value = chat;
    return chat;
  }

  #heard({ chat_id, message_id, data }: ChatsEvent, position: unknown): void {
    if (LISTED.has(data.type)) void this.#refresh();
    const chat = this.open.peek();
    if (chat?.id === chat_id && typeof position === "string") chat.take({ message_id, told: data, position });
  }

  async #refresh(): Promise<void> {
    await this.#list().catch((fault: unknown) => (this.fault.value = saying(fault)));
  }

  /** All pages anew: the newest chat moves to the front, and every other one back. Resolves when the newest list is there. */
  #list(): Promise<void> {
    this.#newest = this.#read(++this.#lists);
    return this.#newest;
  }

  async #read(list: number): Promise<void> {
    const numbers = Array.from({ length: this.#pages }, (_, page) => page + 1);
    const pages = await Promise.all(numbers.map((page) => this.#link.api.get<ChatLine[]>(`/api/v1/chats/?page=${page}&limit=${PAGE}`)));
    if (list !== this.#lists) return this.#newest;
    this.list.value = [...new Map(pages.flat().map((line) => [line.id, line])).values()];
    this.goesOn.value = pages.at(-1)?.length === PAGE;
  }
}
