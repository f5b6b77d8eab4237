/** The id of a guest by the name that they sign in with (app/demo.py has the same rule). */
export function guestId(name: string): string {
  return `demo-${name.normalize("NFKC").trim().split(/\s+/).join(" ").toLowerCase().replaceAll(/[ /]/g, "-")}`;
}

const COLOURS = ["#c2410c", "#0f766e", "#6d28d9", "#be185d", "#1d4ed8", "#4d7c0f", "#a16207", "#0e7490"];

/** A colour for a person: the same on every page. All of them are dark enough for white text. */
export function colourOf(id: string): string {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  return COLOURS[sum % COLOURS.length] ?? "#1d4ed8";
}
