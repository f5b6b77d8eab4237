import { signal } from "@preact/signals";
import { Api } from "../shared/api";
import { mount, Page } from "../shared/page";
import { SignIn } from "../shared/signin";
import { claims, TokenPlace } from "../shared/token";
import { App } from "./app";
import { Demo } from "./demo";
import "./demo.css";

const held = new TokenPlace("demo");
const demo = signal<Demo | null>(null);

/** Begins with a token; one that says nothing of a user is dropped. */
function begin(token: string | null): void {
  const said = token === null ? null : claims(token);
  held.token = said && token;
  demo.value = said && token !== null ? new Demo({ id: said.id, name: said.name ?? said.id }, token) : null;
}

async function signIn(name: string): Promise<void> {
  const { token } = await new Api(null).post<{ token: string }>("/demo/session", { name });
  begin(token);
}

function signOut(): void {
  demo.value?.close();
  begin(null);
}

function Root() {
  if (demo.value !== null) return <App demo={demo.value} onSignOut={signOut} />;
  return (
    <Page title="demo">
      <SignIn heading="Try Roomlog" label="Your name" onSubmit={signIn}>
        <p class="dim">
          A chat with an assistant, a channel and a note with other people. Cut your own connection in the middle of an answer: nothing
          is lost. A name is enough here; whoever has the same name is the same user.
        </p>
      </SignIn>
    </Page>
  );
}

begin(held.token);
mount(<Root />);
