import { signal } from "@preact/signals";
import { saying } from "../shared/api";
import type { Link } from "./link";

interface Grant {
  user_id: string;
  permission: "read" | "write";
}

export interface Note {
  id: string;
  title: string;
  write_access: boolean;
  /** Of the owner's notes only. */
  access_grants?: Grant[];
}

/** The notes that the user may read: the list, and what is known of the open one besides its text. */
export class Notes {
  readonly list = signal<readonly Note[] | null>(null);
  readonly open = signal<Note | null>(null);
  readonly fault = signal<string | null>(null);
  readonly #link: Link;
  #id: string | null = null;

  constructor(link: Link) {
    this.#link = link;
    link.socket.on("events:note", (note: Note) => this.#heard(note));
    link.socket.on("note:access", () => void this.reload());
    link.fresh.add(() => void this.reload());
  }

  async show(id: string | null): Promise<void> {
    if (id === this.#id) return;
    this.#id = id;
    this.open.value = null;
    await this.reload();
  }

  async reload(): Promise<void> {
    this.fault.value = await Promise.all([this.#read(), this.#list()]).then(() => null, saying);
  }

  /** Raises ApiFault. */
  async create(title: string): Promise<string> {
    const { id } = await this.#link.api.post<Note>("/api/v1/notes/create", { title });
    await this.#list();
    return id;
  }

  /** Raises ApiFault. */
  async rename(title: string): Promise<void> {
    await this.#link.api.post(`${this.#path()}/update`, { title });
  }

  /** Lets somebody write in the open note, besides who may already. Raises ApiFault. */
  async share(userId: string): Promise<void> {
    const given = (this.open.peek()?.access_grants ?? []).filter((grant) => grant.user_id !== userId);
    const grants = [...given, { user_id: userId, permission: "write" }];
    await this.#link.api.post(`${this.#path()}/access`, { grants });
    await this.#read();
  }

  #path(): string {
    return `/api/v1/notes/${encodeURIComponent(this.#id ?? "")}`;
  }

  async #read(): Promise<void> {
    const id = this.#id;
    if (id === null) return;
    this.#link.socket.emit("join-note", { note_id: id });
    const note = await this.#link.api.get<Note>(this.#path());
    if (id === this.#id) this.open.value = note;
  }

  async #list(): Promise<void> {
    this.list.value = await this.#link.api.get<Note[]>("/api/v1/notes/");
  }

  #heard(note: Note): void {
    const rename = (known: Note) => (known.id === note.id ? { ...known, title: note.title } : known);
    this.list.value = this.list.peek()?.map(rename) ?? null;
    if (this.open.peek()) this.open.value = rename(this.open.peek() as Note);
  }
}
