import type { Persistence } from "./options.js";

/** Where the persistence keeps which history its content belongs to. */
const EPOCH_KEY = "roomlog:epoch";

/** The epoch that is kept beside a document's content; without a persistence there is none, and none is kept. */
export class StoredEpoch {
  readonly #persistence: Persistence | undefined;

  constructor(persistence: Persistence | undefined) {
    this.#persistence = persistence;
  }

  /** Once the content is loaded; null when there is none. */
  async load(): Promise<string | null> {
    await this.#persistence?.whenSynced;
    const stored = await this.#persistence?.get(EPOCH_KEY);
    return typeof stored === "string" ? stored : null;
  }

  async keep(epoch: string): Promise<void> {
    await this.#persistence?.set(EPOCH_KEY, epoch);
  }
}
