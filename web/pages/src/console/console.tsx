import type { Api } from "../shared/api";
import { Empty } from "../shared/ui";

/** What operators see and do. */
export function Console({ api: _api }: { api: Api }) {
  return <Empty>There is nothing here yet.</Empty>;
}
