import { baseKeymap, setBlockType, toggleMark } from "prosemirror-commands";
import { keymap } from "prosemirror-keymap";
import type { MarkType, NodeType } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { EditorState, Plugin, type Command } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import { redo, undo, yCursorPlugin, ySyncPlugin, yUndoPlugin } from "y-prosemirror";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import { schema } from "./schema";

/** Under which name Open WebUI's editor keeps a note's text. */
const FRAGMENT = "prosemirror";

const heading = type("heading");
const listItem = type("listItem");

/** What the toolbar offers: its name, its key if it has one, what it does, and whether it is on where the cursor is. */
export interface Action {
  name: string;
  face: string;
  key?: string;
  run: Command;
  on?: (state: EditorState) => boolean;
}

export const ACTIONS: readonly Action[] = [
  { name: "Bold", face: "B", key: "Mod-b", run: toggleMark(markType("bold")), on: (state) => marked(state, markType("bold")) },
  { name: "Italic", face: "I", key: "Mod-i", run: toggleMark(markType("italic")), on: (state) => marked(state, markType("italic")) },
  { name: "Heading", face: "H", run: (...given) => toggleHeading(...given), on: (state) => state.selection.$from.parent.type === heading },
  { name: "List", face: "•", run: (...given) => toggleList(...given), on: inList },
  { name: "Undo", face: "↶", key: "Mod-z", run: undo },
  { name: "Redo", face: "↷", key: "Mod-y", run: redo },
];

const toggleHeading: Command = (state, dispatch) => {
  const to = state.selection.$from.parent.type === heading ? type("paragraph") : heading;
  return setBlockType(to)(state, dispatch);
};

const toggleList: Command = (state, dispatch) =>
  (inList(state) ? liftListItem(listItem) : wrapInList(type("bulletList")))(state, dispatch);

/** An editor of a document's text in an element. changed: called after each change of the text or the selection. */
export function open(place: HTMLElement, doc: Y.Doc, awareness: Awareness, changed: (state: EditorState) => void): EditorView {
  const keys = Object.fromEntries(ACTIONS.flatMap(({ key, run }) => (key ? [[key, run]] : [])));
  const plugins = [
    ySyncPlugin(doc.getXmlFragment(FRAGMENT)),
    yCursorPlugin(awareness, { cursorBuilder: cursor, selectionBuilder: selection }),
    yUndoPlugin(),
    keymap({ ...keys, "Mod-Shift-z": redo, Enter: splitListItem(listItem), "Mod-]": sinkListItem(listItem), "Mod-[": liftListItem(listItem) }),
    keymap(baseKeymap),
    new Plugin({ view: () => ({ update: (view) => changed(view.state) }) }),
  ];
  const attributes = { role: "textbox", "aria-multiline": "true", "aria-label": "Text of the note" };
  return new EditorView(place, {
    state: EditorState.create({ schema, plugins }),
    attributes,
    dispatchTransaction(this: EditorView, transaction) {
      if (!this.isDestroyed) this.updateState(this.state.apply(transaction)); // y-prosemirror's may come behind the end
    },
  });
}

interface Person {
  name?: string;
  color?: string;
}

/** Where somebody else is. Built without a style attribute: the page's policy allows none. */
function cursor({ name = "Somebody", color = "#555555" }: Person): HTMLElement {
  const place = document.createElement("span");
  place.className = "other-cursor";
  place.style.setProperty("--person", shade(color));
  const label = document.createElement("span");
  label.textContent = name;
  place.append("\u2060", label, "\u2060");
  return place;
}

function selection({ color = "#555555" }: Person): { class: string; style: string } {
  return { class: "other-selection", style: `--person: ${shade(color)}` };
}

/** A colour that somebody else's page said; nothing else gets into a style. */
function shade(color: string): string {
  return /^#[0-9a-f]{6}$/i.test(color) ? color : "#555555";
}

function marked({ selection: { from, to, empty, $from }, storedMarks, doc }: EditorState, wanted: MarkType): boolean {
  return empty ? Boolean(wanted.isInSet(storedMarks ?? $from.marks())) : doc.rangeHasMark(from, to, wanted);
}

function inList({ selection: { $from } }: EditorState): boolean {
  return Array.from({ length: $from.depth }, (_, depth) => $from.node(depth)).some((node) => node.type === listItem);
}

function type(name: string): NodeType {
  const found = schema.nodes[name];
  if (!found) throw new Error(`the schema has no ${name}`);
  return found;
}

function markType(name: string): MarkType {
  const found = schema.marks[name];
  if (!found) throw new Error(`the schema has no ${name}`);
  return found;
}
