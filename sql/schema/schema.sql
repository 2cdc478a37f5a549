-- Schema and roles. CREATE SCHEMA fails if the schema exists already, so the schema cannot hold
-- objects of anybody else. The roles belong to the cluster: they stay when the extension is
-- dropped.
\echo Use "CREATE EXTENSION pganalytics" to load this file. \quit

CREATE SCHEMA pganalytics;
COMMENT ON SCHEMA pganalytics IS 'PostgreSQL monitoring server inside the database';

-- The roles of the extension. They inherit nothing (NOINHERIT), so a GRANT names every role that it
-- is for. The GRANTs on an object follow its COMMENT.
--
-- Roles of people:
--   viewer       reads. Reports run with the rights of the caller, so viewers may also read the
--                tables, except for the hashes of tokens.
--   operator     also acts on alerts: acknowledges, silences, plans maintenance.
--   admin        also manages collectors, certificates, alert rules and channels, and reads the
--                audit log.
--
-- Roles of workers. Each has privileges only on the columns that its statements name, and
-- test/regress/privileges.sql tries each role:
--   ingest       stores pushes and can remove nothing. It cannot write columns that have a default
--                (identities, the time and the WAL position of a push). It reads neither query
--                texts nor samples.
--   maintenance  makes and drops the partitions of days; issues and revokes certificates.
--   api          logs people in. It reads for a person with that person's privileges.
--   audit        appends to the audit log and can do nothing else.
--   alerts       evaluates rules and delivers notifications.
--   rules        runs the queries of rules and reads what viewers read. It has no members.
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
