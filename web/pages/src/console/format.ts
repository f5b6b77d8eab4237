/* Numbers, sizes and times as people read them. Unknown is a dash, never 0. */

export const UNKNOWN = "–";
type Known<T> = T | null | undefined;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const rough = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

export function count(value: Known<number>): string {
  return value == null ? UNKNOWN : whole.format(value);
}

/** Three digits that matter: a rate, a mean. */
export function about(value: Known<number>): string {
  return value == null ? UNKNOWN : value >= 1000 ? whole.format(value) : rough.format(value);
}

export function size(bytes: Known<number>): string {
  if (bytes == null) return UNKNOWN;
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${rough.format(bytes / 1000 ** power)} ${units[power]}`;
}

export function span(seconds: Known<number>): string {
  if (seconds == null) return UNKNOWN;
  if (seconds < 1) return seconds <= 0 ? "0 s" : `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 90) return `${seconds < 10 && !Number.isInteger(seconds) ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** How long ago a Unix time in ms was, by this browser's clock. */
export function ago(ms: Known<number>): string {
  return ms == null ? UNKNOWN : span(Math.max(Math.floor((Date.now() - ms) / 1000), 0));
}

export function time(ms: Known<number>): string {
  return ms == null ? UNKNOWN : clock.format(ms);
}

export function moment(ms: Known<number>): string {
  return ms == null ? UNKNOWN : `${day.format(ms)} ${clock.format(ms)}`;
}

/** When an entry was appended: its position begins with the Unix time in ms. */
export function positionMs(position: string): number {
  return Number(position.split("-")[0]);
}

export function yes(value: Known<boolean>): string {
  return value == null ? UNKNOWN : value ? "yes" : "no";
}
