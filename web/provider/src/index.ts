export { RoomlogProvider } from "./provider.js";
export type { EpochChange, Options, Persistence, ProviderEvents, Refusal, Status } from "./provider.js";
export type { AwarenessLike } from "./awareness.js";
