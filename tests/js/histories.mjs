// Histories of edits, made by yjs: for the seed and the number of edits of its arguments one JSON object, in which
// `updates` are all updates in base64, in an order in which each can be applied, `state` what `Y.encodeStateAsUpdate`
// says of the result, `vector` its state vector, `text` its text. Three editors write, and hear of each other late.
// A third argument, "halves", makes them cut surrogate pairs, after which yjs itself may show two editors two texts.
import * as Y from "yjs";

const [seed, edits] = process.argv.slice(2).map(Number);
const halves = process.argv[4] === "halves";
let x = seed * 2654435761 + 1;
const below = (n) => ((x = (Math.imul(x, 1664525) + 1013904223) >>> 0), Math.floor((x / 2 ** 32) * n));
const one = (...all) => all[below(all.length)];

const updates = [];
const docs = [1, 2, 4294967295].map((id) => {
  const doc = new Y.Doc({ gc: id !== 2 });
  doc.clientID = id;
  doc.on("update", (update, origin) => origin === "other" || updates.push(update));
  return doc;
});

const values = () =>
  one(1, -0, -5, 2 ** 40, 1.5, NaN, null, true, "", "é😀", [1, [2, undefined]], { a: { b: [null, 10n] } }, new Uint8Array([1, 2]));
const words = () => one("a", "b", " ", "hello", "é", "😀", "👨‍👩‍👧", "€uro", "x".repeat(40));
const plain = () => (halves ? words() : one("a", "b", " ", "hello", "é", "€uro", "x".repeat(40)));
const pick = (doc) => doc.getXmlFragment("prosemirror");

const edit = {
  type(doc) {
    const text = doc.getText("t");
    text.insert(below(text.length + 1), plain());
  },
  remove(doc) {
    const text = doc.getText("t");
    if (text.length > 4) text.delete(below(text.length - 3), 1 + below(3));
  },
  format(doc) {
    const text = doc.getText("t");
    if (text.length) text.format(below(text.length), 1, { bold: one({}, true, null), link: one({ href: "x" }, null) });
  },
  embed: (doc) => doc.getText("t").insertEmbed(0, one({ image: "x" }, { n: [1, { a: null }] })),
  paragraph(doc) {
    const element = new Y.XmlElement(one("paragraph", "heading"));
    element.setAttribute("level", one(1, "2", null));
    element.insert(0, [new Y.XmlText(words()), ...(below(4) ? [] : [new Y.XmlElement("hardBreak")])]);
    pick(doc).insert(below(pick(doc).length + 1), [element]);
  },
  sentence(doc) {
    const element = pick(doc).get(below(pick(doc).length || 1));
    const text = element instanceof Y.XmlElement && element.get(0);
    if (text instanceof Y.XmlText) text.insert(text.length, words(), one({}, { bold: {} }, { link: { href: "/a" } }));
  },
  cut(doc) {
    if (pick(doc).length) pick(doc).delete(below(pick(doc).length), 1);
  },
  list(doc) {
    let inner = new Y.XmlText("deep");
    for (let level = 0; level < 1 + below(40); level++) {
      const outer = new Y.XmlElement(one("bulletList", "listItem"));
      outer.insert(0, [inner]);
      inner = outer;
    }
    pick(doc).push([inner instanceof Y.XmlText ? new Y.XmlElement("paragraph") : inner]);
  },
  key: (doc) => doc.getMap("m").set(one("a", "b", "😀"), below(3) ? values() : one(new Y.Map([["k", values()]]), new Y.Text("in"))),
  forget: (doc) => doc.getMap("m").delete(one("a", "b")),
  push: (doc) => doc.getArray("l").insert(0, below(3) ? [values(), values()] : [one(new Y.Array(), new Y.Map())]),
  shorten(doc) {
    if (doc.getArray("l").length) doc.getArray("l").delete(below(doc.getArray("l").length), 1);
  },
  subdoc: (doc) => doc.getMap("docs").set(one("a", "b"), new Y.Doc({ guid: String(below(9)), meta: { a: [1] }, autoLoad: !below(2) })),
};
const names = Object.keys(edit);

for (let at = 0; at < edits; at++) {
  const doc = one(...docs);
  doc.transact(() => {
    for (let n = 0; n <= below(3); n++) edit[one("type", "type", "sentence", ...names)](doc);
  });
  if (!below(4)) {
    const other = one(...docs);
    if (other !== doc) Y.applyUpdate(other, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(other)), "other");
  }
}
const all = new Y.Doc();
for (const update of updates) Y.applyUpdate(all, update);
const merged = Y.mergeUpdates(updates);
const gappy = Y.mergeUpdates(updates.filter((_, at) => at % 7 !== 3));
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
process.stdout.write(
  JSON.stringify({
    updates: updates.map(base64),
    states: [...docs.map((doc) => Y.encodeStateAsUpdate(doc)), Y.encodeStateAsUpdate(all), merged, gappy].map(base64),
    diffs: docs.map((doc) => base64(Y.encodeStateAsUpdate(all, Y.encodeStateVector(doc)))),
    vector: base64(Y.encodeStateVector(all)),
    text: all.getText("t").toString(),
    xml: pick(all).toString(),
  }),
);
