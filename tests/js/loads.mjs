// What yjs makes of an update: reads its base64 from stdin, says {vector, text, xml} of the document.
import { readFileSync } from "node:fs";
import * as Y from "yjs";

const doc = new Y.Doc();
Y.applyUpdate(doc, Buffer.from(readFileSync(0, "utf8"), "base64"));
process.stdout.write(
  JSON.stringify({
    vector: Buffer.from(Y.encodeStateVector(doc)).toString("base64"),
    text: doc.getText("t").toString(),
    xml: doc.getXmlFragment("prosemirror").toString(),
  }),
);
