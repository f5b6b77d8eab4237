/* What the routes below /api/v1/admin answer, as docs/contract.md has it. null: it is not known, or there is none. */

export interface NodeReport {
  name: string;
  alive: boolean;
  seen_s: number;
  position: string;
  behind_ms: number | null;
  version: string | null;
  started_ms: number | null;
  connections: number | null;
  rooms: number | null;
  waiting_clients: number | null;
  slow_clients: number | null;
  send_backlog_bytes: number | null;
  tail_age_s: number | null;
  draining: boolean | null;
  rss_bytes: number | null;
}

export interface WorkerReport {
  name: string;
  alive: boolean;
  seen_s: number;
  version: string | null;
  started_ms: number | null;
  folded_entries: number | null;
  transactions: number | null;
  folded_s: number | null;
  lag_s: number | null;
  jobs_held: number | null;
  parked: number | null;
  quarantined: number | null;
  lost: number | null;
  claims: number | null;
  sql_ok: boolean | null;
  rss_bytes: number | null;
}

export interface Redis {
  ok: boolean;
  error: string | null;
  version: string | null;
  kind: string | null;
  role: string | null;
  used_bytes: number | null;
  max_bytes: number | null;
  policy: string | null;
  aof: boolean | null;
  aof_ok: boolean | null;
  last_save_ok: boolean | null;
  clients: number | null;
  ops_s: number | null;
  keys: number | null;
  ping_ms: number | null;
}

export interface Postgres {
  ok: boolean;
  error: string | null;
  version: string | null;
  bytes: number | null;
  connections: number | null;
  max_connections: number | null;
  in_recovery: boolean | null;
  migration: string | null;
  ping_ms: number | null;
}

export interface Totals {
  connections: number | null;
  rooms: number | null;
  waiting_jobs: number | null;
  oldest_job_s: number | null;
  dead_letters: number | null;
  tasks: number | null;
  users: number | null;
}

export interface Advice {
  level: "ok" | "warn" | "bad";
  about: string;
  what: string;
  cure: string;
}

export interface Overview {
  time_ms: number;
  version: string;
  position: string | null;
  nodes: NodeReport[];
  workers: WorkerReport[];
  redis: Redis;
  postgres: Postgres;
  totals: Totals;
  advice: Advice[];
}

export interface Series {
  unit: string;
  values: (number | null)[];
}

export interface History {
  step_s: number;
  from_ms: number;
  series: Record<string, Series>;
}

export interface Room {
  room: string;
  length: number;
  members: number;
  newest: string;
  newest_ms: number;
  stored: string | null;
  unfolded: number | null;
  more_unfolded: boolean;
  lag_s: number;
}

export interface RoomPage {
  rooms: Room[];
  cursor: string | null;
  known: number;
  partial: boolean;
}

export interface Member {
  sid: string | null;
  user_id: string;
  node: string | null;
  until_ms: number;
}

export interface RoomDetail extends Room {
  bytes: number;
  oldest: string | null;
  retention_s: number;
  member_list: Member[];
  document: { bytes: number; updates: number; update_bytes: number; is_folding: boolean } | null;
}

export interface RoomEvent {
  position: string;
  event: string;
  data: unknown;
  bytes: number;
  binary_bytes: number;
  quiet: boolean;
  skip: string;
  withheld: boolean;
}

export interface EventPage {
  events: RoomEvent[];
  next: string;
  complete: boolean;
  gap: boolean;
}

export interface Letter {
  id: string;
  room: string;
  position: string;
  event: string;
  error: string;
  parked_ms: number;
  bytes: number;
}

export interface LetterPage {
  letters: Letter[];
  next: string | null;
  count: number;
}

export interface UserSession {
  sid: string;
  node: string | null;
  connected: boolean;
  since_ms: number | null;
  until_ms: number;
  rooms: string[] | null;
}

export interface UserSessions {
  user_id: string;
  role: string | null;
  revoked_at_s: number | null;
  sessions: UserSession[];
}

export interface Task {
  task_id: string;
  item_id: string;
  user_id: string;
  node: string;
  since_ms: number;
  lease_until_ms: number;
}

export interface TaskPage {
  tasks: Task[];
  cursor: string | null;
}

export interface Action {
  id: string;
  time_ms: number;
  user_id: string;
  action: string;
  target: string;
  outcome: string;
}

export interface ActionPage {
  actions: Action[];
  next: string | null;
}
