import { Figure } from "../shared/ui";
import type { Link, Status } from "./link";

const SAID: Record<Status, [string, string]> = {
  connecting: ["warn", "Connecting …"],
  connected: ["good", "Connected"],
  tunnel: ["bad", "In the tunnel"],
  lost: ["warn", "Connection lost, trying again …"],
  refused: ["bad", "Not let in"],
};

/** The connection: how it is, the switch that cuts it, and what came over it. */
export function Strip({ link }: { link: Link }) {
  const { newest, received, replayed, repeated } = link.counters;
  const [tone, words] = SAID[link.status.value];
  const back = link.status.value === "connected" && link.recovered.value !== null;
  return (
    <section class="strip" aria-label="Connection">
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          checked={link.tunnel.value}
          onChange={(event) => (event.currentTarget.checked ? link.enter() : link.leave())}
        />
        <span class="track" aria-hidden="true" />
        Go through a tunnel
      </label>
      <p class="status">
        <span class={`tag ${tone}`} role="status">
          {words}
          {back && (link.recovered.value ? ", nothing was lost" : ", read anew")}
        </span>
        <span class="dim node">{link.config.value?.node}</span>
      </p>
      <dl class="figures">
        <Figure name="position" value={newest.value ?? "–"} hint="Where the newest event that came here stands in the log" />
        <Figure name="received" value={received.value} hint="Events with a position that this tab was sent" />
        <Figure name="replayed" value={replayed.value} hint="Of these: missed while the connection was away, and sent afterwards; the pieces of one answer come joined" />
        <Figure name="repeated" value={repeated.value} hint="Events that came twice: always 0" />
      </dl>
    </section>
  );
}
