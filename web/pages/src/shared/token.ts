/** A page's token: of this tab alone, and gone with it. A link brings one as `#token=…`, which is taken out of the address. */
export class TokenPlace {
  readonly #key: string;

  /** page: tokens of two pages do not mix. */
  constructor(page: "demo" | "console") {
    this.#key = `roomlog.${page}.token`;
  }

  get token(): string | null {
    return this.#fromAddress() ?? sessionStorage.getItem(this.#key);
  }

  set token(token: string | null) {
    if (token === null) sessionStorage.removeItem(this.#key);
    else sessionStorage.setItem(this.#key, token);
  }

  #fromAddress(): string | null {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const token = fragment.get("token");
    if (token === null) return null;
    this.token = token;
    fragment.delete("token");
    const rest = fragment.toString();
    history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
    return token;
  }
}

/** What a token says of its user. Nothing is checked here: the server does that with every request. */
export interface Claims {
  id: string;
  name?: string;
  role?: string;
  exp?: number;
}

/** The claims of a token; null for what is no token. */
export function claims(token: string): Claims | null {
  try {
    const body = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
    const said = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
    return typeof said.id === "string" ? said : null;
  } catch {
    return null;
  }
}
