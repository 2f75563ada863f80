-- Statements over txn, change and journal.

-- name: txn_start
INSERT INTO txn (job_id, trigger, started_at, finished_at, plan_json)
VALUES (:job_id, :trigger, :started_at, 0, :plan_json);

-- name: txn_finish
UPDATE txn SET result = :result, error_code = :error_code, error = :error, finished_at = :at WHERE id = :id;

-- name: txn_mark_committed
UPDATE txn SET is_committed = 1 WHERE id = :id;

-- name: txn_is_committed
SELECT is_committed FROM txn WHERE id = :id;

-- name: txn_get
-- Done is what is committed, even while tidying up behind it still has to be done (finished_at is 0 then).
SELECT id, job_id, trigger, coalesce(result, iif(is_committed, 'done', NULL)), error_code, error, started_at, finished_at,
    plan_json
FROM txn WHERE id = :id;

-- name: txn_open_list
SELECT id, job_id, trigger, result, error_code, error, started_at, finished_at, plan_json
FROM txn WHERE result IS NULL ORDER BY id;

-- name: txn_list
SELECT id, job_id, trigger, coalesce(result, iif(is_committed, 'done', NULL)), error_code, error, started_at, finished_at,
    plan_json
FROM txn ORDER BY id DESC LIMIT :max;

-- name: change_add
INSERT INTO change (txn_id, ordinal, op, app, from_version, to_version, reason)
VALUES (:txn_id, :ordinal, :op, :app, :from_version, :to_version, :reason);

-- name: change_list
SELECT op, app, from_version, to_version, reason FROM change WHERE txn_id = :txn_id ORDER BY ordinal;

-- name: journal_put
INSERT INTO journal (txn_id, app, step, state, data) VALUES (:txn_id, :app, :step, :state, :data)
ON CONFLICT (txn_id, app, step) DO UPDATE SET state = excluded.state, data = coalesce(excluded.data, data);

-- name: journal_list
SELECT txn_id, app, step, state, data FROM journal WHERE txn_id = :txn_id ORDER BY seq;
