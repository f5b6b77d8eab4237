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

/** A node that is going away has done nothing of what it refuses, and the balancer has others: it is asked again. */
const TRIES = 4;
const AGAIN_MS = 400;

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

  /** An answer that goes on, as bytes, until `signal`. */
  async stream(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.#send("GET", path, { headers, signal });
    if (!answer.ok || answer.body === null) throw refused(answer.status, await answer.json().catch(() => null));
    return answer.body;
  }

  async #ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const request: RequestInit = signal ? { signal } : {};
    if (body !== undefined) {
      request.headers = { "Content-Type": "application/json" };
      request.body = JSON.stringify(body);
    }
    for (let tries = 1; ; tries++) {
      const answer = await this.#send(method, path, request);
      const said: unknown = await answer.json().catch(() => null);
      if (answer.ok) return said as T;
      const fault = refused(answer.status, said);
      if (fault.code !== "draining" || tries === TRIES) throw fault;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  #send(method: string, path: string, request: RequestInit): Promise<Response> {
    const bar = this.#barred();
    if (bar !== null) return Promise.reject(new ApiFault(0, "unreachable", bar, true));
    const bearer = this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` };
    const headers = { ...bearer, ...(request.headers as Record<string, string> | undefined) };
    return fetch(path, { ...request, method, headers, cache: "no-store" }).catch((fault: unknown) => {
      throw new ApiFault(0, "unreachable", `the node does not answer (${String(fault)})`, true);
    });
  }
}

/** What a proxy answers by itself, when no node does. */
const OF_PROXIES = new Set([502, 503, 504]);

function refused(status: number, said: unknown): ApiFault {
  const { detail, code, retryable } = (said ?? {}) as Refusal;
  if (code === undefined && OF_PROXIES.has(status)) {
    return new ApiFault(status, "unreachable", `no node answers (HTTP ${status} of a proxy before them)`, true);
  }
  return new ApiFault(status, code ?? "http", detail ?? `HTTP ${status}`, retryable ?? false);
}

/** What went wrong, for people. */
export function saying(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
