-- The data manager's memory. What is not here did not happen.

-- One row: who this data manager is, and how the tables below look.
CREATE TABLE IF NOT EXISTS identity (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  data_manager_id TEXT NOT NULL,
  version INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS assets (
  asset_id TEXT PRIMARY KEY,
  path BLOB NOT NULL,
  storage TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How many streams a primary storage may have over all its assets; 0 is without a limit.
CREATE TABLE IF NOT EXISTS storages (
  storage TEXT PRIMARY KEY,
  streams INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Assets may be forgotten while what was done for them is remembered, so there is no reference.
CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  repository TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  source BLOB NOT NULL,
  snapshot TEXT NOT NULL,
  target BLOB NOT NULL,
  include BLOB NOT NULL,
  storage TEXT NOT NULL,
  excludes BLOB NOT NULL,
  read_policy BLOB NOT NULL,
  overwrite TEXT NOT NULL,
  dry_run INTEGER NOT NULL,
  drop_privileges INTEGER NOT NULL,
  verify BLOB NOT NULL,
  maintain BLOB NOT NULL,
  streams INTEGER NOT NULL,
  slices_per_session INTEGER NOT NULL,
  slice_bytes INTEGER NOT NULL,
  slice_files INTEGER NOT NULL,
  range_bytes INTEGER NOT NULL,
  method TEXT NOT NULL,
  slice_order TEXT NOT NULL,
  weight INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  hedge INTEGER NOT NULL,
  storage_wait_seconds INTEGER NOT NULL,
  start_time_ns INTEGER NOT NULL,
  end_time_ns INTEGER NOT NULL,
  traceparent TEXT NOT NULL,
  state TEXT NOT NULL,
  over INTEGER NOT NULL,
  stopping TEXT,
  message TEXT NOT NULL,
  failure TEXT,
  counts TEXT NOT NULL,
  snapshot_id BLOB,
  result_id BLOB NOT NULL,
  crawled INTEGER NOT NULL,
  cut_to_end INTEGER NOT NULL,
  cut_path BLOB NOT NULL,
  cut_offset_bytes INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  bodies INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL,
  total_files INTEGER NOT NULL,
  unread_count INTEGER NOT NULL,
  sessions_made INTEGER NOT NULL,
  streams_peak INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS runs_by_time ON runs (kind, start_time_ns DESC, run_id);
CREATE INDEX IF NOT EXISTS runs_by_asset ON runs (asset_id, start_time_ns DESC);
CREATE INDEX IF NOT EXISTS runs_not_over ON runs (run_id) WHERE NOT over;

CREATE TABLE IF NOT EXISTS sessions (
  session_id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs,
  state TEXT NOT NULL,
  slice_ids TEXT NOT NULL,
  method TEXT NOT NULL,
  repository TEXT NOT NULL,
  host_name TEXT NOT NULL,
  hedge TEXT NOT NULL,
  hedge_attempt INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A slice names its session while it is reserved or runs; both are written in one transaction.
-- Millions are done, and those stand here and in no index.
CREATE TABLE IF NOT EXISTS slices (
  run_id TEXT NOT NULL REFERENCES runs,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  start_path BLOB,
  start_offset_bytes INTEGER,
  stop_path BLOB,
  stop_offset_bytes INTEGER,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  session_id TEXT REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
  result_id BLOB NOT NULL,
  predicted_ms INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

-- The queues, in the order in which slices get their turn.
CREATE INDEX IF NOT EXISTS slices_queued ON slices (run_id, turn, number) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS slices_by_session ON slices (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS slices_given_up ON slices (run_id, state)
  WHERE state IN ('failed', 'cancelled');

-- What a maintenance said of each snapshot.
CREATE TABLE IF NOT EXISTS verdicts (
  run_id TEXT NOT NULL REFERENCES runs,
  snapshot_id BLOB NOT NULL,
  told BLOB NOT NULL,
  PRIMARY KEY (run_id, snapshot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS unread_files (
  run_id TEXT NOT NULL REFERENCES runs,
  number INTEGER NOT NULL,
  path BLOB NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
