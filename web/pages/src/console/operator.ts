import { signal } from "@preact/signals";
import { type Api, ApiFault } from "../shared/api";

const SAID_MS = 10_000;

const REFUSALS: Record<number, string> = {
  401: "The token is not good any more: it expired, or it was revoked.",
  403: "The token is good, but not an admin's.",
};

/** What the console asks the node and makes it do. Calls raise ApiFault. */
export class Operator {
  /** Why nothing can be asked with this token; null while it is good. */
  readonly refusal = signal<string | null>(null);
  /** What was done last, for a little while. */
  readonly said = signal<string | null>(null);
  readonly #api: Api;
  #silence = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  /** path: below /api/v1/admin/. */
  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#judged(this.#api.get<T>(`/api/v1/admin/${path}`, signal));
  }

  post<T>(path: string): Promise<T> {
    return this.#judged(this.#api.post<T>(`/api/v1/admin/${path}`));
  }

  /** Raises also when it still runs. */
  async stopTask(id: string): Promise<void> {
    const path = `/api/tasks/stop/${encodeURIComponent(id)}`;
    const { status, outcome, message } = await this.#judged(this.#api.post<Stopped>(path));
    if (!status && outcome !== "over") throw new ApiFault(200, outcome, message, true);
  }

  /** Server-Sent Events as bytes, until `signal`. after: the position behind which they begin. */
  stream(path: string, after: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    return this.#judged(this.#api.stream(`/api/v1/admin/${path}`, { "Last-Event-ID": after }, signal));
  }

  /** Tells what was done, also those who do not see it. */
  say(text: string): void {
    clearTimeout(this.#silence);
    this.said.value = text;
    this.#silence = window.setTimeout(() => (this.said.value = null), SAID_MS);
  }

  async #judged<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (fault) {
      const refusal = fault instanceof ApiFault ? REFUSALS[fault.status] : undefined;
      if (refusal !== undefined) this.refusal.value = refusal;
      throw fault;
    }
  }
}

interface Stopped {
  status: boolean;
  outcome: string;
  message: string;
}
