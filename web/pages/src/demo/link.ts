import { computed, signal } from "@preact/signals";
import { io, type Socket } from "socket.io-client";
import { Api } from "../shared/api";
import { Counters } from "./counters";
import { isPosition } from "./position";

/** What a node says of the demo. node: the one that has this socket; nodes: addresses; position: up to where the log was read. */
export interface Config {
  node: string;
  position: string;
  nodes: string[];
  model: string;
  provider: "embedded" | "upstream";
}

export type Status = "connecting" | "connected" | "tunnel" | "lost" | "refused";

const HEARTBEAT_MS = 30_000;
const IN_TUNNEL = "You are in the tunnel: nothing goes out or comes in until you leave it.";

/** This tab's connection: the stock client, a switch that cuts it, and what came over it. */
export class Link {
  readonly socket: Socket;
  readonly api: Api;
  readonly counters = new Counters();
  readonly tunnel = signal(false);
  readonly config = signal<Config | null>(null);
  /** Why the server does not let us in. */
  readonly refusal = signal<string | null>(null);
  /** Whether the last connect got everything that was missed; null before the second one. */
  readonly recovered = signal<boolean | null>(null);
  readonly status = computed<Status>(() => this.#status());

  /** What reads snapshots. Called when what was sent until now is not the whole: at the first connect, and after each gap. */
  readonly fresh = new Set<() => void>();

  readonly #token: string;
  readonly #connected = signal(false);
  readonly #before = signal(false);
  readonly #heartbeat: ReturnType<typeof setInterval>;

  constructor(token: string) {
    this.#token = token;
    this.api = new Api(token, () => (this.tunnel.value ? IN_TUNNEL : null));
    this.socket = io({ path: "/ws/socket.io", auth: { token }, transports: ["websocket", "polling"], tryAllTransports: true });
    this.socket.on("connect", () => this.#up());
    this.socket.on("disconnect", (reason) => this.#down(reason));
    this.socket.on("room:reset", () => this.#readAnew());
    this.socket.on("connect_error", (fault) => this.#refused(fault));
    this.socket.onAny((event: string, ...values: unknown[]) => {
      const last = values.at(-1);
      if (isPosition(last)) this.counters.take(event, last);
    });
    this.#heartbeat = setInterval(() => this.socket.volatile.emit("heartbeat", {}), HEARTBEAT_MS);
  }

  /** Into the tunnel: the connection ends as if the network did it, and the client may not make another one. */
  enter(): void {
    this.tunnel.value = true;
    this.socket.io.reconnection(false);
    this.socket.io.engine?.close();
  }

  /** Out of the tunnel: the client comes back by itself, and says up to where it has everything. */
  leave(): void {
    this.tunnel.value = false;
    this.socket.io.reconnection(true);
    this.socket.connect();
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.socket.disconnect();
  }

  #up(): void {
    this.refusal.value = null;
    if (!this.socket.recovered) {
      this.socket.emit("user-join", { auth: { token: this.#token } });
      this.#readAnew(); // a snapshot that was read before the connect may lack what came between the two
    }
    if (this.#before.value) this.recovered.value = this.socket.recovered;
    this.#before.value = true;
    this.#connected.value = true;
    const config = this.api.get<Config>(`/demo/config?sid=${this.socket.id}`).then((found) => (this.config.value = found));
    void this.counters.linked(config.then((found) => found.position));
  }

  #readAnew(): void {
    for (const read of this.fresh) read();
  }

  /** Whom the server disconnects may ask again: then it says why, if it does not want us any more. */
  #down(reason: string): void {
    this.#connected.value = false;
    if (reason === "io server disconnect") this.socket.connect();
  }

  #refused(fault: Error): void {
    this.#connected.value = false;
    if (!this.socket.active) this.refusal.value = fault.message; // the server has said no: the client does not try again
  }

  #status(): Status {
    if (this.tunnel.value) return "tunnel";
    if (this.refusal.value !== null) return "refused";
    if (this.#connected.value) return "connected";
    return this.#before.value ? "lost" : "connecting";
  }
}
