import { signal } from "@preact/signals";
import { saying } from "../shared/api";
import type { Link } from "./link";

export interface Post {
  id: string;
  user_id: string;
  user: { id: string; name: string } | null;
  content: string;
  created_at: number;
}

interface ChannelLine {
  id: string;
  name: string;
}

interface ChannelEvent {
  channel_id: string;
  data: { type: string; data: unknown };
  user: { id: string; name: string };
}

/** A page that types says so every few seconds. */
const TYPING_MS = 5000;
const PAGE = 100;

/** The channels that the user is in: the list, and the one that is open. */
export class Channels {
  readonly list = signal<readonly ChannelLine[] | null>(null);
  readonly open = signal<string | null>(null);
  readonly posts = signal<readonly Post[]>([]);
  /** Names of who is typing in the open channel. */
  readonly typing = signal<readonly string[]>([]);
  /** Whether the user may add people to the open channel. */
  readonly manages = signal(false);
  readonly fault = signal<string | null>(null);
  readonly #link: Link;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #loads = 0;

  constructor(link: Link) {
    this.#link = link;
    link.socket.on("events:channel", (event: ChannelEvent) => this.#heard(event));
    link.fresh.add(() => void this.reload());
  }

  async show(id: string | null): Promise<void> {
    if (id === this.open.peek()) return;
    this.open.value = id;
    this.posts.value = [];
    this.typing.value = [];
    this.manages.value = false;
    await this.reload();
  }

  async reload(): Promise<void> {
    this.fault.value = await Promise.all([this.#page(), this.#list()]).then(() => null, saying);
  }

  /** Raises ApiFault. */
  async create(name: string): Promise<string> {
    const { id } = await this.#link.api.post<ChannelLine>("/api/v1/channels/create", { name });
    await this.#list();
    return id;
  }

  /** Raises ApiFault. */
  async add(userId: string): Promise<void> {
    await this.#link.api.post(`${this.#path()}/update/members/add`, { user_ids: [userId] });
  }

  /** Raises ApiFault. */
  async post(content: string): Promise<void> {
    await this.#link.api.post(`${this.#path()}/messages/post`, { content });
  }

  /** Tells the others. */
  sayTyping(typing: boolean): void {
    const data = { type: "typing", data: { typing } };
    this.#link.socket.volatile.emit("events:channel", { channel_id: this.open.peek(), data });
  }

  #path(): string {
    return `/api/v1/channels/${encodeURIComponent(this.open.peek() ?? "")}`;
  }

  #heard({ channel_id, data, user }: ChannelEvent): void {
    if (data.type === "channel:created") void this.#refresh();
    if (channel_id !== this.open.peek()) return;
    if (data.type === "typing") this.#types(user.name, (data.data as { typing: boolean }).typing);
    else if (data.type === "message") {
      this.#types(user.name, false);
      this.#merge([data.data as Post]);
    }
  }

  #types(name: string, typing: boolean): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    if (typing) this.#timers.set(name, setTimeout(() => this.#types(name, false), TYPING_MS));
    this.typing.value = [...this.#timers.keys()];
  }

  async #page(): Promise<void> {
    const load = ++this.#loads;
    if (this.open.peek() === null) return;
    const { api } = this.#link;
    const [channel, page] = await Promise.all([
      api.get<{ is_manager: boolean }>(this.#path()),
      api.get<Post[]>(`${this.#path()}/messages?limit=${PAGE}`),
    ]);
    if (load !== this.#loads) return;
    this.manages.value = channel.is_manager;
    this.#merge(page);
  }

  /** A message that came both ways is there once. */
  #merge(posts: Post[]): void {
    const byId = new Map([...this.posts.peek(), ...posts].map((post) => [post.id, post]));
    this.posts.value = [...byId.values()].sort((one, other) => one.created_at - other.created_at);
  }

  async #refresh(): Promise<void> {
    await this.#list().catch((fault: unknown) => (this.fault.value = saying(fault)));
  }

  async #list(): Promise<void> {
    this.list.value = await this.#link.api.get<ChannelLine[]>("/api/v1/channels/");
  }
}
