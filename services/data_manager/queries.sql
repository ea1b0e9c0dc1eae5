-- Each statement is known by the name above it.

-- name: set_identity
INSERT OR IGNORE INTO identity VALUES (1, :data_manager_id, :version);

-- name: identity
SELECT data_manager_id, version FROM identity;

-- name: add_asset
INSERT OR IGNORE INTO assets VALUES (:asset_id, :path, :storage);

-- name: asset
SELECT * FROM assets WHERE asset_id = :asset_id;

-- name: assets
SELECT * FROM assets WHERE asset_id > :after ORDER BY asset_id LIMIT :most;

-- name: delete_asset
DELETE FROM assets WHERE asset_id = :asset_id;

-- name: save_run
-- What was asked for never changes; how it stands does.
INSERT INTO runs VALUES (
  :run_id, :kind, :repository, :asset_id, :source, :snapshot, :target, :include, :storage,
  :excludes, :read_policy, :overwrite, :dry_run, :drop_privileges, :verify,
  :maintain,
  :streams, :slices_per_session, :slice_bytes, :slice_files, :range_bytes,
  :method, :slice_order, :weight, :priority, :hedge, :storage_wait_seconds,
  :start_time_ns, :end_time_ns, :traceparent, :state, :over, :stopping, :message, :failure,
  :counts, :snapshot_id, :result_id, :crawled, :cut_to_end, :cut_path, :cut_offset_bytes,
  :batches, :bodies, :total_bytes, :total_files, :unread_count, :sessions_made, :streams_peak
) ON CONFLICT DO UPDATE SET
  end_time_ns = excluded.end_time_ns, state = excluded.state, over = excluded.over,
  stopping = excluded.stopping, message = excluded.message, failure = excluded.failure,
  counts = excluded.counts, snapshot_id = excluded.snapshot_id, result_id = excluded.result_id,
  crawled = excluded.crawled, cut_to_end = excluded.cut_to_end, cut_path = excluded.cut_path,
  cut_offset_bytes = excluded.cut_offset_bytes, batches = excluded.batches,
  bodies = excluded.bodies, total_bytes = excluded.total_bytes,
  total_files = excluded.total_files, unread_count = excluded.unread_count,
  sessions_made = excluded.sessions_made, streams_peak = excluded.streams_peak
WHERE NOT over;

-- name: save_slice
-- A slice that is terminal stays as it is, whatever a fault of this program may ask.
INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  state = excluded.state, attempt = excluded.attempt, failures = excluded.failures,
  turn = excluded.turn, session_id = excluded.session_id, result_id = excluded.result_id,
  took_ms = excluded.took_ms
WHERE state NOT IN ('done', 'failed', 'cancelled');

-- name: save_session
INSERT INTO sessions VALUES (
  :session_id, :run_id, :state, :slice_ids, :method, :repository, :host_name, :hedge, :hedge_attempt
) ON CONFLICT DO UPDATE SET
  state = excluded.state, slice_ids = excluded.slice_ids, host_name = excluded.host_name,
  hedge = excluded.hedge;

-- name: drop_session
DELETE FROM sessions WHERE session_id = :session_id;

-- name: queue_again
-- The one way out of a terminal state: what a seal found to be gone is not done.
UPDATE slices SET state = 'queued', turn = :turn
WHERE run_id = :run_id AND number = :number AND number > 0 AND state = 'done';

-- name: cancel_slices
UPDATE slices SET state = 'cancelled', session_id = NULL
WHERE run_id = :run_id AND state IN ('queued', 'reserved', 'running');

-- name: save_storage
INSERT OR REPLACE INTO storages VALUES (:storage, :streams);

-- name: storages
SELECT * FROM storages ORDER BY storage;

-- name: save_unread
INSERT OR REPLACE INTO unread_files VALUES (:run_id, :number, :path, :reason, :detail);

-- name: save_verdict
INSERT OR REPLACE INTO verdicts VALUES (:run_id, :snapshot_id, :told);

-- name: verdicts_after
SELECT told FROM verdicts WHERE run_id = :run_id AND snapshot_id > :after
ORDER BY snapshot_id LIMIT :most;

-- name: run
SELECT * FROM runs WHERE run_id = :run_id;

-- name: runs_before
SELECT * FROM runs
WHERE kind = :kind AND (start_time_ns < :time_ns OR (start_time_ns = :time_ns AND run_id > :run_id))
ORDER BY start_time_ns DESC, run_id LIMIT :most;

-- name: slice_counts
-- Those that are done are all that there are less the others, which are few, or have an index.
WITH counted AS (
  SELECT state, count(*) AS slices FROM slices WHERE run_id = :run_id AND state = 'queued'
  UNION ALL
  SELECT state, count(*) FROM slices
  WHERE run_id = :run_id AND state IN ('failed', 'cancelled') GROUP BY state
  UNION ALL
  SELECT state, count(*) FROM slices
  WHERE session_id IN (SELECT session_id FROM sessions) AND run_id = :run_id GROUP BY state
), known AS (
  SELECT bodies + (SELECT count(*) FROM slices WHERE run_id = :run_id AND number <= 0) AS slices
  FROM runs WHERE run_id = :run_id
)
SELECT state, slices FROM counted WHERE slices
UNION ALL
SELECT 'done', known.slices - (SELECT total(slices) FROM counted) FROM known;

-- name: unread_files
SELECT * FROM unread_files WHERE run_id = :run_id ORDER BY number;

-- name: live_runs
SELECT * FROM runs WHERE NOT over ORDER BY start_time_ns, run_id;

-- name: live_slices
-- What is in flight, and what runs open and close with.
SELECT slices.* FROM slices JOIN runs USING (run_id) WHERE session_id IS NOT NULL AND NOT over
UNION
SELECT slices.* FROM runs JOIN slices USING (run_id) WHERE number <= 0 AND NOT over;

-- name: live_turns
-- What is put back comes after all that wait.
SELECT run_id, turn FROM (
  SELECT run_id, (
    SELECT turn FROM slices WHERE slices.run_id = runs.run_id AND state = 'queued'
    ORDER BY turn DESC, number DESC LIMIT 1
  ) AS turn
  FROM runs WHERE NOT over
) WHERE turn IS NOT NULL;

-- name: live_sessions
SELECT * FROM sessions ORDER BY session_id;

-- name: queued
SELECT * FROM slices
WHERE run_id = :run_id AND state = 'queued' AND (turn, number) > (:turn, :number)
ORDER BY turn, number LIMIT :most;

-- name: queued_before
SELECT count(*) AS slices FROM slices
WHERE run_id = :run_id AND state = 'queued' AND (turn, number) < (:turn, :number);

-- name: slice
SELECT * FROM slices WHERE run_id = :run_id AND number = :number;

-- name: records
SELECT * FROM slices WHERE run_id = :run_id AND number > 0 ORDER BY number;

-- name: slices_after
SELECT * FROM slices WHERE run_id = :run_id AND number > :number ORDER BY number LIMIT :most;

-- name: past
-- The slices of an asset's last backup that came to its end.
SELECT * FROM slices WHERE number > 0 AND took_ms > 0 AND run_id = (
  SELECT run_id FROM runs
  WHERE asset_id = :asset_id AND kind = 'backup' AND state IN ('succeeded', 'partial')
  ORDER BY start_time_ns DESC LIMIT 1
);

-- name: live_unread_files
SELECT unread_files.* FROM runs JOIN unread_files USING (run_id) WHERE NOT over
ORDER BY run_id, number;
