import { effect } from "@preact/signals";
import { Channels } from "./channels";
import { Chats } from "./chats";
import { Link } from "./link";
import { Notes } from "./notes";
import { place } from "./place";

/** Who is signed in. */
export interface Guest {
  id: string;
  name: string;
}

/** Everything behind the page while somebody is signed in. */
export class Demo {
  readonly link: Link;
  readonly chats: Chats;
  readonly channels: Channels;
  readonly notes: Notes;
  readonly #stop: () => void;

  constructor(
    readonly guest: Guest,
    readonly token: string,
  ) {
    this.link = new Link(token);
    this.chats = new Chats(this.link);
    this.channels = new Channels(this.link);
    this.notes = new Notes(this.link);
    this.#stop = effect(() => this.#open());
  }

  close(): void {
    this.#stop();
    this.link.close();
  }

  /** What the address names is open, and nothing else. */
  #open(): void {
    const { kind, id } = place.value;
    void this.chats.show(kind === "chat" ? id : null);
    void this.channels.show(kind === "channel" ? id : null);
    void this.notes.show(kind === "note" ? id : null);
  }
}
