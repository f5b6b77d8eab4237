import { signal } from "@preact/signals";

type Theme = "system" | "light" | "dark";

const KEY = "roomlog.theme";
const NAMES: Record<Theme, string> = { system: "Auto", light: "Light", dark: "Dark" };

function chosen(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

const theme = signal<Theme>(chosen());

function choose(next: Theme): void {
  theme.value = next;
  if (next === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem(KEY, next);
    document.documentElement.dataset["theme"] = next;
  }
}

/** Light, dark, or as the system has it; kept in this browser. `public/theme.js` applies it before the first paint. */
export function ThemeSwitch() {
  return (
    <label class="theme">
      <span class="for-readers">Theme</span>
      <span aria-hidden="true">◐ </span>
      <select value={theme.value} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        {Object.entries(NAMES).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
