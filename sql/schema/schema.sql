-- Schema and roles. CREATE SCHEMA fails if somebody has made it before, so nothing of theirs can be
-- in it. The roles belong to the cluster: they stay when the extension is dropped.
\echo Use "CREATE EXTENSION pganalytics" to load this file. \quit

CREATE SCHEMA pganalytics;
COMMENT ON SCHEMA pganalytics IS 'PostgreSQL monitoring server inside the database';

DO $roles$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pganalytics_admin', 'pganalytics_operator', 'pganalytics_viewer',
                                  'pganalytics_ingest', 'pganalytics_maintenance', 'pganalytics_api',
                                  'pganalytics_audit', 'pganalytics_alerts', 'pganalytics_rules'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
        END IF;
    END LOOP;
END
$roles$;

REVOKE ALL ON SCHEMA pganalytics FROM PUBLIC;
GRANT USAGE ON SCHEMA pganalytics TO pganalytics_admin, pganalytics_operator, pganalytics_viewer,
    pganalytics_ingest, pganalytics_maintenance, pganalytics_api, pganalytics_audit,
    pganalytics_alerts, pganalytics_rules;
