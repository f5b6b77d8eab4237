import { Schema, type DOMOutputSpec, type MarkSpec, type NodeSpec } from "prosemirror-model";

/** A note's rich text, by the names that Tiptap has for it: so the pages of Open WebUI read and write the same. */
const nodes: Record<string, NodeSpec> = {
  doc: { content: "block+" },
  paragraph: { group: "block", content: "inline*", parseDOM: [{ tag: "p" }], toDOM: () => ["p", 0] },
  heading: {
    group: "block",
    content: "inline*",
    defining: true,
    attrs: { level: { default: 1 } },
    parseDOM: [1, 2, 3].map((level) => ({ tag: `h${level}`, attrs: { level } })),
    // the page's own heading is the first level
    toDOM: (node): DOMOutputSpec => [`h${Math.min(Number(node.attrs["level"]) + 1, 6)}`, 0],
  },
  bulletList: { group: "block", content: "listItem+", parseDOM: [{ tag: "ul" }], toDOM: () => ["ul", 0] },
  orderedList: {
    group: "block",
    content: "listItem+",
    attrs: { start: { default: 1 } },
    parseDOM: [{ tag: "ol" }],
    toDOM: (node): DOMOutputSpec => ["ol", { start: String(node.attrs["start"]) }, 0],
  },
  listItem: { content: "paragraph block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0] },
  blockquote: { group: "block", content: "block+", parseDOM: [{ tag: "blockquote" }], toDOM: () => ["blockquote", 0] },
  codeBlock: {
    group: "block",
    content: "text*",
    marks: "",
    code: true,
    attrs: { language: { default: null } },
    parseDOM: [{ tag: "pre", preserveWhitespace: "full" }],
    toDOM: () => ["pre", ["code", 0]],
  },
  horizontalRule: { group: "block", parseDOM: [{ tag: "hr" }], toDOM: () => ["hr"] },
  text: { group: "inline" },
  hardBreak: {
    group: "inline",
    inline: true,
    selectable: false,
    parseDOM: [{ tag: "br" }],
    toDOM: () => ["br"],
    leafText: () => "\n",
  },
};

function mark(tag: string, ...others: string[]): MarkSpec {
  return { parseDOM: [tag, ...others].map((name) => ({ tag: name })), toDOM: () => [tag, 0] };
}

const marks: Record<string, MarkSpec> = {
  bold: mark("strong", "b"),
  italic: mark("em", "i"),
  underline: mark("u"),
  strike: mark("s", "del"),
  highlight: { ...mark("mark"), attrs: { color: { default: null } } },
  code: mark("code"),
  link: {
    attrs: { href: { default: null } },
    inclusive: false,
    parseDOM: [{ tag: "a[href]", getAttrs: (dom) => ({ href: safe(dom.getAttribute("href")) }) }],
    toDOM: (link): DOMOutputSpec => ["a", { href: safe(String(link.attrs["href"])), rel: "noopener noreferrer nofollow" }, 0],
  },
};

/** An address that may stand in a link of somebody else's text; nothing for what would run. */
function safe(href: string | null): string {
  return href !== null && /^(https?:|mailto:)/i.test(href) ? href : "";
}

export const schema = new Schema({ nodes, marks });
