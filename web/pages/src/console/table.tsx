import type { ComponentChildren } from "preact";

/** A column: its name, and whether numbers stand in it. wide: it takes what room is left. hint: what it means. */
export interface Column {
  name: string;
  number?: boolean;
  wide?: boolean;
  hint?: string;
}

interface Props {
  caption: string;
  columns: readonly Column[];
  /** Rows: `tr` with one cell for each column. */
  children: ComponentChildren;
  /** What is said when there are no rows. */
  none?: string;
  /** On a phone each row is a block of lines; each cell then says with data-label what it is. */
  stacks?: boolean;
}

/** A table with a caption; where it is too wide it scrolls by itself, by keyboard too. */
export function Table({ caption, columns, children, none, stacks = false }: Props) {
  return (
    <div class="table-box card" role="region" aria-label={caption} tabIndex={0}>
      <table class={stacks ? "stacks" : ""}>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, number, wide, hint }) => (
              <th key={name} scope="col" class={`${number ? "n" : ""} ${wide ? "wide" : ""}`} title={hint}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {children}
          {none !== undefined && (
            <tr>
              <td colSpan={columns.length} class="none">
                {none}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** A cell with a number, or with what is as short. tone: how bad it is. */
export function N({ children, tone = "", label }: { children: ComponentChildren; tone?: "warn" | "bad" | ""; label?: string }) {
  return (
    <td class={`n ${tone}`} data-label={label}>
      {children}
    </td>
  );
}

/** Names and what they stand for, in two columns. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
