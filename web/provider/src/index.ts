export { RoomlogProvider } from "./provider.js";
export type { EpochChange, ProviderEvents, Refusal, Status } from "./events.js";
export type { Options, Persistence } from "./options.js";
export type { AwarenessLike } from "./awareness.js";
