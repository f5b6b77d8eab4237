// A real Chromium, driven over stdin and stdout by one JSON value a line.
//
// In:  {id, do, name, …}, see `orders`; name is a tab's. Out: {id, result} or {id, fault} for each, and {name, on, …} as
// things happen: error {message} for what a page's console calls an error (what its policy forbids is among them), and
// for what its scripts throw. The program ends when stdin does.
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const WAIT_MS = 60_000; // as tests/support/browser.py has it
const LOOK_MS = 50;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const INSTALLED = "/usr/bin/chromium";

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** The machine's own, else one from npm, so that a bare machine has one too. */
async function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  if (existsSync(INSTALLED)) return INSTALLED;
  const { default: packaged } = await import("@sparticuz/chromium");
  return packaged.executablePath();
}

const browser = await chromium.launch({ executablePath: await executable(), args: FLAGS });
const tabs = new Map();

/** What a person would point at: by its role, and by its name as a screen reader says it. */
const at = ({ name, role, label, exact = false }) => tabs.get(name).getByRole(role, { name: label, exact }).first();

/** A page that is being loaded has nothing to say yet. */
function whileItLoads(fault) {
  if (!/context was destroyed|navigation/.test(String(fault))) throw fault;
  return false;
}

const orders = {
  // options: as browser.newContext() takes them: viewport, colorScheme. Each tab has storage of its own.
  async open({ name, url, options }) {
    const tab = await (await browser.newContext(options)).newPage();
    tabs.set(name, tab);
    tab.setDefaultTimeout(WAIT_MS);
    tab.on("console", (message) => message.type() === "error" && say({ name, on: "error", message: message.text() }));
    tab.on("pageerror", (fault) => say({ name, on: "error", message: String(fault) }));
    await tab.goto(url);
  },
  click: (order) => at(order).click(),
  // Also a switch that is drawn by something that lies over it.
  check: (order) => at(order).setChecked(order.value, { force: true }),
  fill: (order) => at(order).fill(order.value),
  press: ({ name, value }) => tabs.get(name).keyboard.press(value),
  type: ({ name, value }) => tabs.get(name).keyboard.type(value),
  focus: (order) => at(order).focus(),
  text: (order) => at(order).innerText(),
  // state: visible, or hidden where it must not be there.
  see: (order) => at(order).waitFor({ state: order.state ?? "visible" }),
  address: ({ name }) => tabs.get(name).url(),
  go: ({ name, url }) => tabs.get(name).goto(url).then(() => null),
  reload: ({ name }) => tabs.get(name).reload().then(() => null),
  // A JavaScript expression's value; `until`: as soon as it is true.
  value: ({ name, code, argument }) => tabs.get(name).evaluate(code, argument),
  // It is asked from outside: in the page its policy forbids to evaluate a text.
  async until({ name, code }) {
    const end = Date.now() + WAIT_MS;
    while (!(await tabs.get(name).evaluate(code).catch(whileItLoads))) {
      if (Date.now() > end) throw new Error(`never true: ${code}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  },
  shot: ({ name, path }) => tabs.get(name).screenshot({ path }).then(() => null),
  scheme: ({ name, value }) => tabs.get(name).emulateMedia({ colorScheme: value }),
  // What axe calls serious or worse, one line each.
  async faults({ name }) {
    const tab = tabs.get(name);
    await tab.evaluate(axe);
    const { violations } = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })");
    const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return grave.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  },
  close: ({ name }) => tabs.get(name).context().close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  Promise.resolve()
    .then(() => orders[order.do](order))
    .then((result = null) => say({ id: order.id, result }))
    .catch((fault) => say({ id: order.id, fault: String(fault) }));
}
await browser.close();
process.exit();
