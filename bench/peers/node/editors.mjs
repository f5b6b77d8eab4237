// Editors of a Yjs document, through the providers that come with the peers. One JSON object a line: a request on
// stdin, its answer on stdout. What their WebSockets carry is counted: messages as the application has them.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

const QUIET_MS = 100;
const DOCUMENT = 'note';
// Hocuspocus merges all updates of one turn of its event loop into one, in time that grows with the square of their
// number: sent all at once, 100,000 take it minutes, which no typing ever does to it.
const AT_ONCE = 50;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Counts of one editor, over all its links. */
class Traffic {
  received = 0;
  sent = 0;
  at = 0;

  /** A WebSocket that counts here. */
  counting() {
    const traffic = this;
    const size = (message) => message.byteLength ?? message.length;
    return class extends WebSocket {
      constructor(...parts) {
        super(...parts);
        this.addEventListener('message', ({ data }) => {
          traffic.received += size(data);
          traffic.at = performance.now();
        });
      }
      send(message) {
        traffic.sent += size(message);
        traffic.at = performance.now();
        super.send(message);
      }
    };
  }

  /** Until nothing was carried for a moment. */
  async quiet() {
    while (performance.now() - this.at < QUIET_MS) await pause(10);
  }
}

const KINDS = {
  hocuspocus(url, doc, WebSocketPolyfill) {
    const link = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill });
    const provider = new HocuspocusProvider({ websocketProvider: link, name: DOCUMENT, document: doc });
    provider.attach();
    return {
      synced: () => provider.synced && !provider.hasUnsyncedChanges,
      leave: () => link.disconnect(),
      back: () => link.connect(),
      there: () => link.status === 'connected',
      ask: () => undefined, // every update is acknowledged
    };
  },
  'y-websocket'(url, doc, WebSocketPolyfill) {
    const provider = new WebsocketProvider(url, DOCUMENT, doc, { WebSocketPolyfill, disableBc: true });
    return {
      synced: () => provider.synced,
      leave: () => provider.disconnect(),
      back: () => provider.connect(),
      there: () => provider.wsconnected,
      // There are no acknowledgements: the answer to a state vector (message 0, step 0) comes after all that was sent.
      ask: () => {
        const vector = Y.encodeStateVector(doc);
        provider.synced = false;
        provider.ws.send(new Uint8Array([0, 0, vector.length, ...vector]));
      },
    };
  },
};

const editors = new Map();

/** In step with the server, and nothing more on its way. */
async function settled({ provider, traffic }) {
  while (!provider.synced()) await pause(2);
  const at = performance.now();
  await traffic.quiet();
  return at;
}

/** The server has what was sent. */
async function taken(provider) {
  provider.ask();
  while (!provider.synced()) await pause(1);
}

/** What it took to come (back). */
async function counted(editor, act) {
  const { received, sent } = editor.traffic;
  const began = performance.now();
  act();
  const at = await settled(editor);
  return {
    received: editor.traffic.received - received,
    sent: editor.traffic.sent - sent,
    ms: at - began,
    text: editor.doc.getXmlFragment('prosemirror').toString().replace(/<[^>]*>/g, ''),
  };
}

/** Updates of a file: each has its length before it, 4 bytes, little-endian. */
function* updates(file, from, to) {
  const all = readFileSync(file);
  for (let at = 0, number = 0; at < all.length && number < to; number += 1) {
    const length = all.readUInt32LE(at);
    if (number >= from) yield all.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

const COMMANDS = {
  async join({ name, kind, url }) {
    const editor = { doc: new Y.Doc(), traffic: new Traffic() };
    editors.set(name, editor);
    return counted(editor, () => {
      editor.provider = KINDS[kind](url, editor.doc, editor.traffic.counting());
    });
  },
  async leave({ name }) {
    const { provider } = editors.get(name);
    provider.leave();
    while (provider.there()) await pause(2);
    return {};
  },
  async back({ name }) {
    const editor = editors.get(name);
    return counted(editor, () => editor.provider.back());
  },
  /** Says the updates as its own; the server has them all when this returns. */
  async type({ name, file, from, to }) {
    const { doc, provider } = editors.get(name);
    let number = 0;
    for (const update of updates(file, from, to)) {
      Y.applyUpdate(doc, update, 'typed');
      if ((number += 1) % AT_ONCE === 0) await taken(provider);
    }
    await taken(provider);
    await settled(editors.get(name));
    return { number };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...more } = JSON.parse(line);
  let answer;
  try {
    answer = await COMMANDS[command](more);
  } catch (fault) {
    answer = { error: String(fault) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
