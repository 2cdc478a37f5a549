-- The state of the background workers, and the metric catalog of the library.

CREATE FUNCTION pganalytics.preloaded() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_preloaded';
COMMENT ON FUNCTION pganalytics.preloaded() IS 'whether shared_preload_libraries has loaded pganalytics; without it nothing listens';
GRANT EXECUTE ON FUNCTION pganalytics.preloaded()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.worker_states(
    OUT kind text, OUT number integer, OUT pid integer, OUT gateway_pid integer, OUT state text,
    OUT started_at timestamptz, OUT reloaded_at timestamptz, OUT restarts bigint, OUT gateway_restarts bigint,
    OUT connections bigint, OUT commits bigint, OUT pushes bigint, OUT duplicates bigint,
    OUT rejected bigint, OUT rows bigint, OUT observed bigint, OUT unchanged bigint,
    OUT merged bigint, OUT discarded_too_old bigint, OUT discarded_in_future bigint,
    OUT discarded_too_large bigint, OUT discarded_over_quota bigint, OUT accepted bigint, OUT requests bigint,
    OUT refused bigint, OUT handshakes_failed bigint, OUT deadlines bigint, OUT evictions bigint,
    OUT times_full bigint, OUT rate_limited bigint, OUT last_error text, OUT last_error_at timestamptz)
    RETURNS SETOF record
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_worker_states';
COMMENT ON FUNCTION pganalytics.worker_states() IS 'the rows of pganalytics.workers';
GRANT EXECUTE ON FUNCTION pganalytics.worker_states()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_api,
       pganalytics_alerts;

CREATE FUNCTION pganalytics.worker_counters(OUT name text, OUT counted_by text, OUT metric text, OUT meaning text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_worker_counters';
COMMENT ON FUNCTION pganalytics.worker_counters() IS
    'the counters among the columns of pganalytics.workers: who counts, and the Prometheus metric that shows it';
GRANT EXECUTE ON FUNCTION pganalytics.worker_counters()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_api;

CREATE VIEW pganalytics.workers AS SELECT * FROM pganalytics.worker_states();
COMMENT ON VIEW pganalytics.workers IS 'background workers and their gateways; totals since the server started';
COMMENT ON COLUMN pganalytics.workers.restarts IS 'starts of the worker after its first';
COMMENT ON COLUMN pganalytics.workers.reloaded_at IS 'when the worker and its gateway last took over the settings; before the last reload: not yet, or last_error says why not';
COMMENT ON COLUMN pganalytics.workers.gateway_restarts IS 'starts of a gateway after the first, when no other served; one that replaces another after a reload does not count';
COMMENT ON COLUMN pganalytics.workers.connections IS 'open now, as the gateway has said within the last second';
COMMENT ON COLUMN pganalytics.workers.last_error IS 'what is wrong with the worker or its gateway now, or what it waits for; NULL: nothing';
COMMENT ON COLUMN pganalytics.workers.last_error_at IS 'when something was wrong last; the log of the server says what';
DO $comments$
DECLARE
    counter record;
BEGIN
    FOR counter IN SELECT * FROM pganalytics.worker_counters() LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN pganalytics.workers.%I IS %L', counter.name, counter.meaning);
    END LOOP;
END
$comments$;
GRANT SELECT ON pganalytics.workers
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

CREATE FUNCTION pganalytics.wait_until_running(timeout interval DEFAULT '30 s') RETURNS boolean
    LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_wait_until_running';
COMMENT ON FUNCTION pganalytics.wait_until_running(interval) IS 'waits until every worker serves; when the time is over first, an error says why they do not';
GRANT EXECUTE ON FUNCTION pganalytics.wait_until_running(interval)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.disk_space(
    OUT place text, OUT tablespace oid, OUT total_bytes bigint, OUT free_bytes bigint, OUT refused_below bigint)
    RETURNS SETOF record
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_disk_space';
COMMENT ON FUNCTION pganalytics.disk_space() IS
    'free space of the directories that pushes write to (WAL that the server will use again counts as free), and below what pushes are refused; NULL: never';
GRANT EXECUTE ON FUNCTION pganalytics.disk_space()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.metrics(
    OUT relation text, OUT type text, OUT rows_path text, OUT keep text, OUT family text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_metrics';
COMMENT ON FUNCTION pganalytics.metrics() IS 'the metrics that a push may hold: where they stand in it, where they are stored, which rows, and whose retention counts';
GRANT EXECUTE ON FUNCTION pganalytics.metrics()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE FUNCTION pganalytics.metric_columns(
    OUT relation text, OUT ordinal integer, OUT name text, OUT json_key text, OUT type text,
    OUT role text, OUT scope text, OUT content text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_metric_columns';
COMMENT ON FUNCTION pganalytics.metric_columns() IS
    'the metric catalog of the library: what a push may hold and where it is stored; content: what a text may hold, which pganalytics.query_texts is about';
GRANT EXECUTE ON FUNCTION pganalytics.metric_columns()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

DO $preload$
BEGIN
    IF NOT pganalytics.preloaded() THEN
        RAISE WARNING 'pganalytics is not loaded by shared_preload_libraries: no port is opened'
            USING HINT = 'Add pganalytics to shared_preload_libraries in postgresql.conf and restart the server.';
    ELSIF pg_catalog.current_database() <> pg_catalog.current_setting('pganalytics.database') THEN
        RAISE WARNING 'pganalytics.database is "%", so the workers will not serve this database, "%"',
                pg_catalog.current_setting('pganalytics.database'), pg_catalog.current_database()
            USING HINT = 'Set pganalytics.database in postgresql.conf and restart the server.';
    END IF;
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE WARNING 'this database has the encoding %, and pganalytics needs UTF8: no port is opened',
                pg_catalog.getdatabaseencoding()
            USING HINT = 'Create the database anew: createdb -E UTF8 -T template0.';
    END IF;
END
$preload$;
