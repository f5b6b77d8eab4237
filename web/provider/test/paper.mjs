// A note's Yjs document as an editor of rich text keeps it: paragraphs in the fragment `prosemirror`.
import * as Y from "yjs";

export class Paper {
  constructor(doc = new Y.Doc()) {
    this.doc = doc;
    this.fragment = doc.getXmlFragment("prosemirror");
  }

  texts() {
    return this.fragment.toArray().flatMap((paragraph) => paragraph.toArray());
  }

  /** The text of all paragraphs, with nothing between them. */
  get text() {
    return this.texts().map(String).join("");
  }

  get empty() {
    return this.fragment.length === 0;
  }

  /** Write into the text; at: where, as a share of what is there. The first text makes a paragraph. */
  insert(at, text) {
    if (!this.empty) {
      const [place, index] = this.place(at);
      return place.insert(index, text);
    }
    this.doc.transact(() => {
      const paragraph = new Y.XmlElement("paragraph");
      paragraph.insert(0, [new Y.XmlText(text)]);
      this.fragment.push([paragraph]);
    });
  }

  /** Delete a character; returns it, "" when there is none. */
  delete(at) {
    if (this.text === "") return "";
    const [place, index] = this.place(at);
    const deleted = String(place)[index];
    place.delete(index, 1);
    return deleted;
  }

  place(at) {
    let left = Math.floor(at * this.text.length);
    for (const place of this.texts()) {
      if (left < place.length) return [place, left];
      left -= place.length;
    }
    const last = this.texts().at(-1);
    return [last, last.length];
  }
}
