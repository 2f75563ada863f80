-- Statements over notice.

-- name: notice_get
SELECT 1 FROM notice WHERE key = :key;

-- name: notice_add
INSERT INTO notice (key, event, at, json_text, is_told) VALUES (:key, :event, :at, :json_text, :is_told)
ON CONFLICT (key) DO NOTHING;

-- name: notice_waiting
SELECT id, event, at, json_text FROM notice WHERE is_told = 0 ORDER BY id LIMIT 1;

-- name: notice_told
UPDATE notice SET is_told = 1 WHERE id = :id;

-- name: notice_trim
DELETE FROM notice WHERE is_told = 1 AND at < :before;

-- name: notice_new_transactions
SELECT id FROM txn
WHERE (result IS NOT NULL OR is_committed) AND started_at >= :since
    AND NOT EXISTS (SELECT 1 FROM notice WHERE key = 'txn:' || txn.id)
ORDER BY id LIMIT :max;

-- An automatic job that failed before it began anything: no transaction tells of it.
-- name: notice_new_jobs
SELECT id FROM job
WHERE state = 'failed' AND action = 'auto' AND finished_at >= :since
    AND NOT EXISTS (SELECT 1 FROM txn WHERE job_id = job.id)
    AND NOT EXISTS (SELECT 1 FROM notice WHERE key = 'job:' || job.id)
ORDER BY id LIMIT :max;
