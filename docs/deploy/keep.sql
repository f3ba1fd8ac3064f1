PRAGMA foreign_keys = ON;
BEGIN;
DELETE FROM tenure_scores WHERE as_of < '2025-06-28';
DELETE FROM tenure_runs WHERE as_of < '2025-06-28';
COMMIT;
VACUUM;
