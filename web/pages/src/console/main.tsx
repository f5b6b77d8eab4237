import { computed, signal } from "@preact/signals";
import { Api, ApiFault } from "../shared/api";
import { mount, Page } from "../shared/page";
import { SignIn } from "../shared/signin";
import { claims, TokenPlace } from "../shared/token";
import { Console } from "./console";

const place = new TokenPlace("console");
const token = signal(place.token);
const api = computed(() => new Api(token.value));

function keep(next: string | null): void {
  place.token = next;
  token.value = next;
}

async function signIn(typed: string): Promise<void> {
  const user = await new Api(typed).get<{ role: string }>("/api/v1/auths/");
  if (user.role !== "admin") throw new ApiFault(403, "forbidden", "this token is not an admin's", false);
  keep(typed);
}

function Root() {
  const held = token.value;
  if (held === null) {
    return (
      <Page title="console">
        <SignIn heading="Operator's console" label="Admin token" secret onSubmit={signIn}>
          <p class="dim">
            <code>roomlog token --role admin</code> prints one.
          </p>
        </SignIn>
      </Page>
    );
  }
  const out = (
    <>
      <span class="dim">{claims(held)?.name}</span>
      <button type="button" onClick={() => keep(null)}>
        Sign out
      </button>
    </>
  );
  return (
    <Page title="console" tools={out}>
      <Console key={held} api={api.value} onLeave={() => keep(null)} />
    </Page>
  );
}

mount(<Root />);
