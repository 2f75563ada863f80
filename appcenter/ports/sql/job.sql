-- Statements over job and event.

-- name: job_by_key
SELECT id FROM job WHERE uid = :uid AND idempotency_key = :idempotency_key;

-- name: job_add
INSERT INTO job (action, request_json, state, result_json, idempotency_key, uid, created_at, started_at, finished_at)
VALUES (:action, :request_json, :state, :result_json, :idempotency_key, :uid, :created_at, :started_at, :finished_at);

-- An hourly refresh makes 8,760 jobs a year; the newest 2,000 are record enough.
-- name: job_trim
DELETE FROM job WHERE id <= :id - 2000 AND state IN ('done', 'failed', 'cancelled');

-- name: job_set
UPDATE job SET state = :state, result_json = coalesce(:result_json, result_json),
    started_at = CASE WHEN :state = 'running' THEN :at ELSE started_at END,
    finished_at = CASE WHEN :state IN ('done', 'failed', 'cancelled') THEN :at ELSE finished_at END
WHERE id = :id;

-- name: job_get
SELECT id, action, request_json, state, result_json, idempotency_key, uid, created_at, started_at, finished_at
FROM job WHERE id = :id;

-- name: job_list
SELECT id, action, request_json, state, result_json, idempotency_key, uid, created_at, started_at, finished_at
FROM job WHERE :state IS NULL OR state = :state ORDER BY id DESC LIMIT :max;

-- Jobs whose end no event tells, though the events of that time are still there.
-- name: job_untold
SELECT id, action, request_json, state, result_json, idempotency_key, uid, created_at, started_at, finished_at
FROM job
WHERE state IN ('done', 'failed', 'cancelled') AND finished_at > (SELECT min(at) FROM event)
    AND id NOT IN (SELECT json_extract(json_text, '$.job') FROM event
                   WHERE json_extract(json_text, '$.event') = 'result'
                       AND json_extract(json_text, '$.job') IS NOT NULL)
ORDER BY id;

-- name: event_add
INSERT INTO event (at, json_text) VALUES (:at, :json_text);

-- name: event_trim
DELETE FROM event WHERE id <= :id - 10000;

-- name: event_after
SELECT id, at, json_text FROM event WHERE id > :id ORDER BY id LIMIT :max;
