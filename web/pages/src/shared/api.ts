/** An answer that is not a success: `message` is for people, `code` for programs. status 0: there was no answer. */
export class ApiFault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

interface Refusal {
  detail?: string;
  code?: string;
  retryable?: boolean;
}

/** HTTP calls to the node that served the page. Each raises ApiFault, and nothing else. */
export class Api {
  readonly #token: string | null;
  readonly #barred: () => string | null;

  /** barred: why nothing may go out just now; null when it may. */
  constructor(token: string | null, barred: () => string | null = () => null) {
    this.#token = token;
    this.#barred = barred;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#ask<T>("GET", path, undefined, signal);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#ask<T>("POST", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#ask<T>("DELETE", path);
  }

  async #ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const bar = this.#barred();
    if (bar !== null) throw new ApiFault(0, "unreachable", bar, true);
    const headers: Record<string, string> = this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` };
    const request: RequestInit = { method, headers, cache: "no-store" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      request.body = JSON.stringify(body);
    }
    if (signal) request.signal = signal;
    const answer = await fetch(path, request).catch((fault: unknown) => {
      throw new ApiFault(0, "unreachable", `the node does not answer (${String(fault)})`, true);
    });
    const said: unknown = await answer.json().catch(() => null);
    if (answer.ok) return said as T;
    const { detail, code, retryable } = (said ?? {}) as Refusal;
    throw new ApiFault(answer.status, code ?? "http", detail ?? `HTTP ${answer.status}`, retryable ?? false);
  }
}

/** What went wrong, for people. */
export function saying(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
