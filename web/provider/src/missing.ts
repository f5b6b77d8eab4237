import * as Y from "yjs";

/**
 * What the server lacks of a document: null when nothing. vector: the state vector of what the server has.
 * theirs: the update that the server sent us, which names all that is deleted there.
 *
 * State vectors do not tell of deletions, and an update always carries all of them: so they are compared, else every
 * reconnect would send them up.
 */
export function missing(doc: Y.Doc, vector: Uint8Array, theirs: Uint8Array): Uint8Array | null {
  const update = Y.encodeStateAsUpdate(doc, vector);
  const mine = Y.decodeUpdate(update);
  if (mine.structs.length > 0) return update;
  const known = Y.mergeDeleteSets([Y.decodeUpdate(theirs).ds]);
  return Y.equalDeleteSets(Y.mergeDeleteSets([mine.ds]), known) ? null : update;
}
