-- Somebody who may create objects puts impostors in the way: of the functions that run with their
-- owner's rights, of those that run with the caller's, and of the installation itself.
\set SHOW_CONTEXT never
CREATE ROLE regress_attacker;
DELETE FROM pganalytics.forget_jobs;
GRANT pganalytics_ingest, pganalytics_maintenance, pganalytics_viewer TO regress_attacker;
CREATE SCHEMA trap AUTHORIZATION regress_attacker;
SELECT to_char(now() AT TIME ZONE 'UTC' - interval '20 days', 'YYYY-MM-DD') AS day \gset

SET ROLE regress_attacker;
CREATE TABLE trap.caught (what text, who name);
GRANT INSERT ON trap.caught TO PUBLIC;
CREATE FUNCTION trap.note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN INSERT INTO trap.caught VALUES (what, current_user); END $$;
-- Functions, operators and types with better matches than those of pg_catalog.
CREATE FUNCTION trap.format(text, name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('format'); RETURN pg_catalog.format($1, $2); END $$;
CREATE FUNCTION trap.format(text, regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('format'); RETURN pg_catalog.format($1, $2); END $$;
CREATE FUNCTION trap.format(text, text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('format'); RETURN pg_catalog.format($1, $2); END $$;
CREATE FUNCTION trap.to_char(date, text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('to_char'); RETURN 'x'; END $$;
CREATE FUNCTION trap.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('to_regclass'); RETURN NULL; END $$;
CREATE FUNCTION trap.quote_ident(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('quote_ident'); RETURN $1; END $$;
CREATE FUNCTION trap.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('='); RETURN true; END $$;
CREATE OPERATOR trap.= (FUNCTION = trap.same, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION trap.plus(date, integer) RETURNS date LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('+'); RETURN $1; END $$;
CREATE OPERATOR trap.+ (FUNCTION = trap.plus, LEFTARG = date, RIGHTARG = integer);
CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('now'); RETURN '2000-01-01'; END $$;
CREATE FUNCTION trap.pg_read_file(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('pg_read_file'); RETURN 'x'; END $$;
CREATE FUNCTION trap.regexp_matches(text, text, text) RETURNS SETOF text[] LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('regexp_matches'); END $$;
CREATE TEMP TABLE pg_class (LIKE pg_catalog.pg_class);
CREATE TEMP TABLE pg_inherits (LIKE pg_catalog.pg_inherits);
CREATE TEMP TABLE query_samples (x int);
CREATE TEMP TABLE servers (collector_id uuid, server_id int, name text);
CREATE FUNCTION pg_temp.partitioned_relations()
    RETURNS TABLE (relation text, time_column text, index_columns text[]) LANGUAGE sql AS $$
    SELECT 'pg_authid'::text, 'x'::text, ARRAY['x) ; DROP TABLE pganalytics.servers; --'] $$;
SET search_path = trap, pg_temp, pg_catalog, public;

SELECT 'pganalytics.log_lines_p' || pg_catalog.to_char(:'day'::date, 'YYYYMMDD') AS log_leaf \gset

-- The traps do work for a caller that is not on guard.
SELECT format('%s', 'text'::text) IS NOT NULL AS sprung;
SELECT what, who FROM trap.caught;
DELETE FROM trap.caught;

SELECT pganalytics.make_partition('query_samples', :'day') IS NOT NULL AS made;
SELECT pganalytics.make_partition('log_lines', :'day') IS NOT NULL AS made;
SELECT pganalytics.make_partition('pg_authid', :'day');
SELECT pganalytics.make_partitions(0) >= 0 AS made;
SELECT count(*) > 0 AS listed FROM pganalytics.partitions;
SELECT count(*) FROM pganalytics.top_queries('1 hour', 20, 'calls');
SELECT count(*) FROM pganalytics.query_activity(pg_catalog.now() - '1 hour'::interval, pg_catalog.now());
SELECT count(*) FROM pganalytics.query_stats;
RESET ROLE;
GRANT pganalytics_admin TO regress_attacker;
SET ROLE regress_attacker;
SELECT pganalytics.drop_partitions('query_samples', :'day');
SELECT count(*) FROM pganalytics.create_collector('trapped');
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'trapped.example' FROM pganalytics.collectors;
SELECT count(*) FROM pganalytics.rotate_token('trapped');
SELECT pganalytics.set_collector_enabled('trapped', false);
SELECT pganalytics.set_query_limit('trapped', 10);
SELECT pganalytics.revoke_tokens('trapped');
SELECT pganalytics.allow_registration('trapped') IS NOT NULL AS open;
SELECT pganalytics.set_collector_enabled('trapped', true);
SELECT token AS enrollment_token FROM pganalytics.create_enrollment_token('trapped') \gset
SELECT secret AS registration_secret FROM pganalytics.create_registration_secret('trapped') \gset
SELECT e.status AS enrolled, n.status AS renewed
FROM pganalytics.enroll_collector(pg_catalog.sha256(:'enrollment_token'), 'csr', 'x') e
CROSS JOIN LATERAL pganalytics.renew_certificate(e.collector_id, 'csr 2', 'x') n;
SELECT r.status AS registered, pganalytics.reopen_registration(r.collector_id, pg_catalog.sha256(:'registration_secret'))
FROM pganalytics.register_collector(pg_catalog.sha256(:'registration_secret'), 'trapped', 'csr', 'x') r;
SELECT state FROM pganalytics.enrollments;
SELECT state, uses_left FROM pganalytics.registrations;
SELECT certificates FROM pganalytics.collector_credentials;
SELECT pganalytics.revoke_registration_secret('trapped');
SELECT count(*) >= 0 AS listed FROM pganalytics.expired_partitions();
SELECT pganalytics.drop_expired_partition(:'log_leaf') AS dropped;
SELECT * FROM pganalytics.forget_query_text('%trapped%');
SELECT * FROM pganalytics.forget_query_text(1, 'trapped');
SELECT pganalytics.forget_server('trapped', 'main') > 0 AS job;
SELECT pganalytics.forget_collector('trapped') > 0 AS job;
SELECT pg_catalog.sum(pganalytics.forget_step()::integer) AS steps FROM pg_catalog.generate_series(1, 20);
SELECT server, state, requested_by FROM pganalytics.forget_progress ORDER BY 1;
SELECT count(*) FROM pganalytics.server_status;
SELECT count(*) FROM pganalytics.collector_status;
SELECT count(*) FROM pganalytics.schema_objects;
SELECT count(*) FROM pganalytics.long_transactions;
SELECT pganalytics.ca_certificate() LIKE '-----BEGIN CERTIFICATE-----%' AS certificate;
SELECT count(*) >= 0 AS listed FROM pganalytics.workers;
SELECT what, who FROM trap.caught;
-- Neither in a partition's owner nor in its index did the caller leave a trace.
RESET search_path;
DROP TABLE pg_temp.pg_class, pg_temp.pg_inherits;
RESET ROLE;
SELECT c.relowner = parent.relowner AS same_owner
FROM pg_class c, pg_class parent, pganalytics.partitions p
WHERE c.oid = p.partition AND p.day = :'day' AND parent.oid = 'pganalytics.query_samples'::regclass;
SELECT pganalytics.drop_partitions('query_samples', :'day'::date + 1);
DELETE FROM pganalytics.collectors;

-- Installing: a schema that is there already stops it, whoever made it.
CREATE DATABASE regress_hijack;
GRANT CREATE ON DATABASE regress_hijack TO regress_attacker;
\c regress_hijack
SET ROLE regress_attacker;
CREATE SCHEMA pganalytics;
RESET ROLE;
CREATE EXTENSION pganalytics;
\echo :LAST_ERROR_SQLSTATE
DROP SCHEMA pganalytics;
-- Impostors in public, at the front of the installer's search_path, are not met.
GRANT CREATE ON SCHEMA public TO regress_attacker;
SET ROLE regress_attacker;
CREATE TABLE public.caught (who name);
CREATE FUNCTION public.lower(anyrange) RETURNS anyelement LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.caught VALUES (current_user); RETURN pg_catalog.lower($1); END $$;
CREATE FUNCTION public.same(name, name) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END $$;
CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = name, RIGHTARG = name);
RESET ROLE;
SET search_path = public, pg_catalog;
SET client_min_messages = error;
CREATE EXTENSION pganalytics;
RESET client_min_messages;
SELECT pganalytics.make_partitions(0);
SELECT count(*) FROM pganalytics.partitions;
SELECT count(*) FROM public.caught;
\c regression
DROP DATABASE regress_hijack;
SET client_min_messages = warning;
DROP SCHEMA trap CASCADE;
RESET client_min_messages;
DROP ROLE regress_attacker;
