import * as Y from "yjs";

/** Far below what a server takes as one update. */
const MOST_BYTES = 256 * 1024;
const MOST_STRUCTS = 4_000;
const MOST_DELETES = 4_000;

type Struct = Y.Item | Y.GC | Y.Skip;
interface Range {
  client: number;
  clock: number;
  len: number;
}

/**
 * What the server lacks of a document, as updates that can be taken one after the other; none when it lacks nothing.
 * vector: the state vector of what the server has. theirs: the update that the server sent us, which names all that is
 * deleted there; null when it sent none.
 *
 * State vectors do not tell of deletions, and Yjs sends all of them with every update: here they are compared, else
 * every reconnect would send them all up.
 */
export function missing(doc: Y.Doc, vector: Uint8Array, theirs: Uint8Array | null): Uint8Array[] {
  const { structs, ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc, vector));
  const known = theirs === null ? new Map() : deletesOf(Y.decodeUpdate(theirs).ds);
  return [
    ...cut(ordered(structs), MOST_STRUCTS, (part) => encoded(part, [])),
    ...cut(without(deletesOf(ds), known), MOST_DELETES, (part) => encoded([], part)),
  ];
}

type Deletes = Map<number, { clock: number; len: number }[]>;

const deletesOf = (ds: { clients: Deletes }): Deletes => Y.mergeDeleteSets([ds as never]).clients as Deletes;

/** The ranges, or parts of ranges, that are not in the other set. Both are sorted and without overlaps. */
function without(deletes: Deletes, known: Deletes): Range[] {
  const left: Range[] = [];
  for (const [client, ranges] of deletes) {
    const others = known.get(client) ?? [];
    let next = 0;
    for (const { clock, len } of ranges) {
      let at = clock;
      while (next < others.length && others[next]!.clock + others[next]!.len <= at) next += 1;
      for (let other = next; other < others.length && others[other]!.clock < clock + len; other += 1) {
        const { clock: from, len: length } = others[other]!;
        if (from > at) left.push({ client, clock: at, len: from - at });
        at = Math.max(at, from + length);
      }
      if (at < clock + len) left.push({ client, clock: at, len: clock + len - at });
    }
  }
  return left;
}

/** The same structs, each after all that it refers to. */
function ordered(structs: Struct[]): Struct[] {
  const queues = grouped(structs, (struct) => struct.id.client);
  const next = new Map([...queues].map(([client, queue]) => [client, queue[0]!.id.clock]));
  const there = (id: Y.ID | null): boolean => id === null || id.clock < (next.get(id.client) ?? Infinity);
  const done: Struct[] = [];
  for (let before = -1; before < done.length; ) {
    before = done.length;
    for (const [client, queue] of queues) {
      let count = 0;
      for (; count < queue.length && needs(queue[count]!).every(there); count += 1) {
        next.set(client, queue[count]!.id.clock + queue[count]!.length);
      }
      done.push(...queue.splice(0, count));
    }
  }
  return done;
}

function needs(struct: Struct): (Y.ID | null)[] {
  if (!(struct instanceof Y.Item)) return [];
  const parent: unknown = struct.parent;
  return [struct.origin, struct.rightOrigin, parent instanceof Y.ID ? parent : null];
}

/** Updates of so many items each, or fewer where they are large. */
function cut<Item>(items: Item[], most: number, encode: (part: Item[]) => Uint8Array): Uint8Array[] {
  if (items.length === 0) return [];
  const update = items.length <= most ? encode(items) : null;
  if (update !== null && (update.length <= MOST_BYTES || items.length === 1)) return [update];
  const half = Math.ceil(items.length / 2);
  return [...cut(items.slice(0, half), most, encode), ...cut(items.slice(half), most, encode)];
}

/** A Yjs update, version 1 of the format (yjs, src/utils/encoding.js and DeleteSet.js). */
function encoded(structs: Struct[], deletes: Range[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  const sections = grouped(structs, (struct) => struct.id.client);
  encoder.writeLen(sections.size);
  for (const [client, section] of sections) {
    encoder.writeLen(section.length);
    encoder.writeClient(client);
    encoder.writeLen(section[0]!.id.clock);
    for (const struct of section) struct.write(encoder, 0);
  }
  const clients = grouped(deletes, (range) => range.client);
  encoder.writeLen(clients.size);
  for (const [client, ranges] of clients) {
    encoder.resetDsCurVal();
    encoder.writeLen(client);
    encoder.writeLen(ranges.length);
    for (const { clock, len } of ranges) {
      encoder.writeDsClock(clock);
      encoder.writeDsLen(len);
    }
  }
  return encoder.toUint8Array();
}

function grouped<Item>(items: Item[], client: (item: Item) => number): Map<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(client(item));
    if (group === undefined) groups.set(client(item), [item]);
    else group.push(item);
  }
  return groups;
}
