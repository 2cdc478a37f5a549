-- With and without shared_preload_libraries. There is an expected file for each; what it begins with
-- keeps one from standing for the other.
SHOW shared_preload_libraries;
SET client_min_messages = warning;
DROP EXTENSION pganalytics;
CREATE EXTENSION pganalytics;
SELECT pganalytics.preloaded();

-- The workers of this server wait for a database that does not exist.
SELECT kind, number, gateway_pid, restarts, pushes, rows FROM pganalytics.workers
ORDER BY kind COLLATE "C", number;
SELECT pganalytics.wait_until_running('0 s');
