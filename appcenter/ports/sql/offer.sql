-- Statements over offer.

-- name: offer_clear
DELETE FROM offer;

-- name: offer_clear_repository
DELETE FROM offer WHERE repository = :repository;

-- name: offer_add
INSERT INTO offer (app, version, installed_version, class, verdict, reason, sentence, at, deadline, offered_at,
                   pulled_in_by, urgent_at, install_within_s, problem, problem_is_os, publisher_differs,
                   cohort_permyriad, repository, publisher, release)
VALUES (:app, :version, :installed_version, :class, NULL, NULL, NULL, 0, 0, 0,
        :pulled_in_by, :urgent_at, :install_within_s, :problem, :problem_is_os, :publisher_differs,
        :cohort_permyriad, :repository, :publisher, :release);

-- name: offer_list
SELECT app, installed_version, class, verdict, reason, sentence, at, deadline, offered_at, pulled_in_by, urgent_at,
       install_within_s, problem, problem_is_os, publisher_differs, cohort_permyriad, repository, publisher, release
FROM offer ORDER BY app, rowid;

-- name: offer_decide
UPDATE offer SET verdict = :verdict, reason = :reason, sentence = :sentence, at = :at, deadline = :deadline,
                 offered_at = :offered_at
WHERE app = :app AND version = :version;
