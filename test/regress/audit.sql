-- The audit log as a table: its canonical form, the chain, what a verification finds, and who is
-- refused. Rows are appended as the audit worker does it; no worker runs here.
\set SHOW_CONTEXT never
CREATE SCHEMA regress_audit;
SET search_path = regress_audit;
-- Appends n rows and remembers where the log ends.
CREATE TABLE ends (id bigint, hash bytea, at timestamptz);
INSERT INTO ends VALUES (0, decode(repeat('00', 32), 'hex'), '-infinity');
CREATE FUNCTION append(n integer, event text DEFAULT 'auth.login', details text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql AS $$
    WITH appended AS (
        SELECT a.* FROM ends e, pganalytics.append_audit_records(e.id, e.hash, e.at,
            array_fill('2026-01-02 03:04:05.678901+00'::timestamptz, ARRAY[n]),
            array_fill(event, ARRAY[n]), array_fill('session'::text, ARRAY[n]),
            array_fill('success'::text, ARRAY[n]), array_fill(42, ARRAY[n]),
            array_fill('ann'::text, ARRAY[n]), array_fill(NULL::text, ARRAY[n]),
            array_fill('192.0.2.1'::text, ARRAY[n]), array_fill('psql'::text, ARRAY[n]),
            array_fill('shop'::text, ARRAY[n]), array_fill('6.2a'::text, ARRAY[n]),
            array_fill('table'::text, ARRAY[n]), array_fill('public.ünï'::text, ARRAY[n]),
            array_fill(details, ARRAY[n]), array_fill('INFO'::text, ARRAY[n])) a)
    UPDATE ends e SET id = a.id, hash = a.hash, at = a.recorded_at FROM appended a RETURNING e.id
$$;
CREATE FUNCTION leaf() RETURNS text LANGUAGE sql AS $$
    SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'pganalytics.audit_log'::regclass ORDER BY 1 LIMIT 1
$$;
-- What verify_audit_log() says while `statement` is done to the log by somebody who may do all; then
-- it is undone.
CREATE FUNCTION after_doing(statement text, anchor text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    BEGIN
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER audit_log_unchanged', leaf());
        EXECUTE replace(statement, 'LEAF', leaf());
        -- The last thing to be looked at, and here the tool.
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_log_unchanged', leaf());
        SELECT coalesce(reason, 'unbroken') INTO found FROM pganalytics.verify_audit_log(anchor);
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        RETURN found;
    END;
END
$$;

SELECT status, rows, gaps, summary FROM pganalytics.verify_audit_log();
SELECT append(1, 'auth.login', '{"b": 1, "a": "x"}'), append(4);

-- The canonical form, from any session's settings, and the hash over it.
SET timezone = 'Australia/Lord_Howe';
SET datestyle = 'SQL, DMY';
SET bytea_output = 'escape';
SELECT regexp_replace(pganalytics.audit_row_text(l), '26:2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}', 'RECORDED')
FROM pganalytics.audit_log l WHERE id IN (1, 2) ORDER BY id;
SELECT status, first_id, last_id, rows, gaps, broken_id, reason FROM pganalytics.verify_audit_log();
RESET timezone;
RESET datestyle;
RESET bytea_output;
SELECT id, hash = sha256(lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY id)
                         || convert_to(pganalytics.audit_row_text(l), 'UTF8')) AS chained
FROM pganalytics.audit_log l ORDER BY id;

-- Whatever is done to the rows is found.
SELECT after_doing('SELECT 1');
SELECT after_doing('UPDATE LEAF SET actor = ''bob'' WHERE id = 3');
SELECT after_doing('UPDATE LEAF SET actor = NULL WHERE id = 5');
SELECT after_doing('UPDATE LEAF SET details = ''{"a": "x"}'' WHERE id = 1');
SELECT after_doing('UPDATE LEAF SET hash = sha256(hash) WHERE id = 2');
SELECT after_doing('DELETE FROM LEAF WHERE id IN (2, 3)');
SELECT after_doing('DELETE FROM LEAF WHERE id = 1');
SELECT after_doing('UPDATE LEAF SET id = 0 WHERE id = 4; UPDATE LEAF SET id = 4 WHERE id = 5; UPDATE LEAF SET id = 5 WHERE id = 0');
SELECT after_doing('UPDATE LEAF SET id = 7 WHERE id = 5');
SELECT after_doing('UPDATE LEAF SET id = -4 WHERE id = 1');
SELECT after_doing('DROP INDEX pganalytics.' || leaf_name || '_idx; INSERT INTO LEAF SELECT * FROM LEAF WHERE id = 2')
FROM (SELECT replace(leaf(), 'pganalytics.', '') AS leaf_name) l;
-- A cut tail, and rows of which all hashes were made anew, need an anchor here: no audit worker runs.
SELECT id || ':' || encode(hash, 'hex') AS anchor FROM ends \gset
SELECT after_doing('DELETE FROM LEAF WHERE id > 3');
SELECT after_doing('DELETE FROM LEAF WHERE id > 3', :'anchor');
SELECT after_doing('DELETE FROM LEAF', :'anchor');
SELECT after_doing('DROP TABLE LEAF; SELECT pganalytics.make_audit_partition(now()::date)', :'anchor');
CREATE FUNCTION rewrite() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last bytea := decode(repeat('00', 32), 'hex');
    entry pganalytics.audit_log;
BEGIN
    UPDATE pganalytics.audit_log SET actor = 'bob' WHERE id = 3;
    FOR entry IN SELECT * FROM pganalytics.audit_log ORDER BY id LOOP
        last := sha256(last || convert_to(pganalytics.audit_row_text(entry), 'UTF8'));
        UPDATE pganalytics.audit_log SET hash = last WHERE id = entry.id;
    END LOOP;
END
$$;
SELECT after_doing('ALTER TABLE pganalytics.audit_log DISABLE TRIGGER audit_log_unchanged; SELECT regress_audit.rewrite(); ALTER TABLE pganalytics.audit_log ENABLE ALWAYS TRIGGER audit_log_unchanged');
SELECT after_doing('ALTER TABLE pganalytics.audit_log DISABLE TRIGGER audit_log_unchanged; SELECT regress_audit.rewrite(); ALTER TABLE pganalytics.audit_log ENABLE ALWAYS TRIGGER audit_log_unchanged', :'anchor');
SELECT status, reason FROM pganalytics.verify_audit_log(:'anchor');
SELECT status, reason FROM pganalytics.verify_audit_log('99:' || repeat('0', 64));
SELECT * FROM pganalytics.verify_audit_log('5:short');
SELECT * FROM pganalytics.verify_audit_log('');

-- A hole is a gap if the row behind it says so, with the hash before it, and not otherwise.
BEGIN;
SELECT append(1, 'audit.gap', '{"missing_from": 6, "missing_to": 7}');
SELECT status, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
UPDATE ends SET id = 7, hash = sha256('lost');
SELECT append(1, 'audit.gap', format('{"missing_from": 6, "missing_to": 7, "after_hash": "%s"}', encode(sha256('lost'), 'hex')));
SELECT append(1);
SELECT status, first_id, last_id, rows, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
UPDATE ends SET id = 7, hash = sha256('lost');
SELECT append(1, 'audit.gap', '{"missing_from": 6, "missing_to": 7, "after_hash": "nonsense"}');
SELECT status, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
UPDATE ends SET id = 7, hash = sha256('lost');
SELECT append(1, 'audit.gap', format('{"missing_from": 7, "missing_to": 7, "after_hash": "%s"}', encode(sha256('lost'), 'hex')));
SELECT status, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
UPDATE ends SET id = 7, hash = sha256('lost');
SELECT append(1, 'auth.login', format('{"missing_from": 6, "missing_to": 7, "after_hash": "%s"}', encode(sha256('lost'), 'hex')));
SELECT status, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
SELECT append(1, 'audit.gap', '{"changed_row": 4}');
SELECT status, gaps, reason FROM pganalytics.verify_audit_log();
ROLLBACK;

-- Nobody changes rows, whoever he is and whatever he asks for; a statement that meets none is
-- refused too.
UPDATE pganalytics.audit_log SET actor = 'bob';
\set VERBOSITY terse
DELETE FROM pganalytics.audit_log WHERE id = -1;
TRUNCATE pganalytics.audit_log;
SET session_replication_role = replica;
DELETE FROM pganalytics.audit_log;
DO $$ BEGIN EXECUTE format('UPDATE %s SET actor = NULL', regress_audit.leaf()); END $$;
DO $$ BEGIN EXECUTE format('TRUNCATE %s', regress_audit.leaf()); END $$;
RESET session_replication_role;
SELECT pganalytics.refuse_audit_change();
\set VERBOSITY default
-- A trigger that was switched off is found.
BEGIN;
DO $$ BEGIN EXECUTE format('ALTER TABLE %s DISABLE TRIGGER audit_log_unchanged', regress_audit.leaf()); END $$;
SELECT status, regexp_replace(reason, '_p\d{6}', '_pMONTH') FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
ALTER TABLE pganalytics.audit_log ENABLE TRIGGER audit_log_unchanged;
SELECT status, reason FROM pganalytics.verify_audit_log();
ROLLBACK;
BEGIN;
DROP TRIGGER audit_log_unchanged ON pganalytics.audit_log;
SELECT status, reason FROM pganalytics.verify_audit_log();
ROLLBACK;

-- What would drop rows stops the log, for a hole would not be seen until the next one.
BEGIN;
CREATE RULE nothing AS ON INSERT TO pganalytics.audit_log DO INSTEAD NOTHING;
SELECT append(1);
ROLLBACK;
-- As soon as it is gone, it goes on.
BEGIN;
SELECT append(1);
ROLLBACK;

-- A month that has passed is dropped; what is left begins behind it.
BEGIN;
SELECT * FROM pganalytics.drop_expired_audit_month();
SELECT pganalytics.make_audit_partition('2020-02-10'), pganalytics.make_audit_partition('2020-02-29');
SELECT pganalytics.make_audit_partition('2020-03-01');
SELECT month, first_id, last_id, last_hash FROM pganalytics.drop_expired_audit_month();
-- The chain begins in March 2020: the same rows in another month.
CREATE TABLE moved AS SELECT * FROM pganalytics.audit_log;
DO $$
DECLARE
    last bytea := decode(repeat('00', 32), 'hex');
    entry pganalytics.audit_log;
BEGIN
    EXECUTE format('DROP TABLE %s', (SELECT inhrelid::regclass FROM pg_inherits
                                     WHERE inhparent = 'pganalytics.audit_log'::regclass
                                     AND inhrelid <> 'pganalytics.audit_log_p202003'::regclass));
    FOR entry IN SELECT * FROM regress_audit.moved ORDER BY id LOOP
        entry.recorded_at := '2020-03-04';
        last := sha256(last || convert_to(pganalytics.audit_row_text(entry), 'UTF8'));
        entry.hash := last;
        INSERT INTO pganalytics.audit_log SELECT entry.*;
    END LOOP;
    UPDATE regress_audit.ends SET hash = last;
END
$$;
SELECT append(1);
SELECT status, first_id, last_id, rows FROM pganalytics.verify_audit_log();
SELECT * FROM pganalytics.drop_expired_audit_month() \gset cut_
SELECT :'cut_month' AS month, :cut_first_id AS first_id, :cut_last_id AS last_id;
SELECT status, broken_id, reason FROM pganalytics.verify_audit_log();
SELECT append(1, 'audit.expired', format('{"last_id": 5, "last_hash": "%s"}', :'cut_last_hash'));
SELECT status, first_id, last_id, rows, gaps, reason FROM pganalytics.verify_audit_log();
SELECT status, reason FROM pganalytics.verify_audit_log('5:' || :'cut_last_hash');
SELECT status, reason FROM pganalytics.verify_audit_log('5:' || repeat('0', 64));
SELECT status, reason FROM pganalytics.verify_audit_log('4:' || :'cut_last_hash');
SELECT * FROM pganalytics.drop_expired_audit_month();
ROLLBACK;

-- A table in a month's place stops the log with a word about it.
CREATE TABLE pganalytics.audit_log_p203001 (x int);
SELECT pganalytics.make_audit_partition('2030-01-15');
DROP TABLE pganalytics.audit_log_p203001;

DO $$ BEGIN EXECUTE format('DROP TABLE %s', regress_audit.leaf()); END $$;
SET client_min_messages = warning;
DROP SCHEMA regress_audit CASCADE;
