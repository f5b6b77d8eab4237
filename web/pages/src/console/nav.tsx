import type { Overview } from "./model";
import { address, place, type View } from "./place";

const LINKS: readonly (readonly [View, string])[] = [
  ["overview", "Overview"],
  ["rooms", "Rooms"],
  ["deadletters", "Dead letters"],
  ["sessions", "Sessions"],
  ["tasks", "Tasks"],
  ["audit", "Audit"],
];

/** The views, with what wants somebody's attention in them. */
export function Nav({ overview, isStale }: { overview: Overview | null; isStale: boolean }) {
  const { view } = place.value;
  const open = view === "room" ? "rooms" : view;
  return (
    <nav class="views" aria-label="Views" data-stale={isStale ? "yes" : undefined}>
      <ul>
        {LINKS.map(([name, title]) => (
          <li key={name}>
            <a href={address(name)} aria-current={open === name ? "page" : undefined}>
              {title}
              <Badge view={name} overview={overview} />
            </a>
          </li>
        ))}
      </ul>
      <p class="dim version">{isStale ? "No node answers" : overview && `Roomlog ${overview.version}`}</p>
    </nav>
  );
}

function Badge({ view, overview }: { view: View; overview: Overview | null }) {
  if (overview === null) return null;
  const { advice, totals } = overview;
  const wrong = advice.filter(({ level }) => level !== "ok");
  if (view === "overview" && wrong.length > 0)
    return (
      <span class={`tag ${wrong[0]?.level ?? ""}`} title="What is wrong">
        {wrong.length}
      </span>
    );
  if (view === "deadletters" && totals.dead_letters) return <span class="tag warn">{totals.dead_letters}</span>;
  if (view === "tasks" && totals.tasks) return <span class="tag">{totals.tasks}</span>;
  return null;
}
