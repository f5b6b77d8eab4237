import type { ComponentChildren, JSX } from "preact";
import { render } from "preact";
import "./styles.css";
import { ThemeSwitch } from "./theme";

/** Puts a page's root component into the document. */
export function mount(root: JSX.Element): void {
  const place = document.getElementById("root");
  if (place === null) throw new Error("the page has no #root");
  render(root, place);
}

/** To the content, and not to another address: that says what is open. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** The frame of every page: skip link, header, main part. tools: what stands at the right of the header. */
export function Page({ title, tools, children }: { title: string; tools?: ComponentChildren; children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header class="bar">
        <span class="brand">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <strong>Roomlog</strong> <span class="dim">{title}</span>
        </span>
        <span class="bar-tools">
          {tools}
          <ThemeSwitch />
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
