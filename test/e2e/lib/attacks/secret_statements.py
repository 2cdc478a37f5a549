"""Statements with a secret in each place where SQL allows one.

It does not matter whether PostgreSQL accepts or refuses them.
"""
import itertools

CANARY = "c4naryS3cret"

ROLE = [
    "CREATE ROLE s1 PASSWORD '{c}'", "CREATE ROLE s2 LOGIN ENCRYPTED PASSWORD '{c}'",
    "CREATE USER s3 PASSWORD '{c}' VALID UNTIL '2040-01-01'", "CREATE GROUP s4 PASSWORD '{c}'",
    "CREATE ROLE s1 PASSWORD '{c}'", "CREATE ROLE s5 VALID UNTIL '{c}'",
    "CREATE ROLE s6 PASSWORD 'SCRAM-SHA-256$4096:{c}$x:y'", "CREATE ROLE s7 PASSWORD 'md5{c}'",
    "CREATE ROLE s8 PASSWORD '{c}' PASSWORD 'twice'", "CREATE ROLE s9 PASSWORD E'\\x41{c}'",
    "ALTER ROLE s1 PASSWORD '{c}'", "ALTER USER s1 WITH PASSWORD '{c}' LOGIN",
    "ALTER ROLE nobody PASSWORD '{c}'", "ALTER ROLE s1 VALID UNTIL '{c}'",
    "ALTER ROLE CURRENT_USER PASSWORD '{c}'", "ALTER ROLE s1 ENCRYPTED PASSWORD U&'{c}'",
    "SET ROLE s1; ALTER ROLE s2 PASSWORD '{c}'; RESET ROLE", "RESET ROLE",
    "ALTER ROLE s1 SET app.password = '{c}'", "ALTER ROLE s1 SET app.anything = '{c}'",
    "ALTER ROLE s1 IN DATABASE analytics SET app.jwt_secret = '{c}'",
    "ALTER ROLE s1 IN DATABASE nowhere SET app.jwt_secret = '{c}'",
    "ALTER ROLE ALL SET app.key TO '{c}', 'x'", "ALTER ROLE ALL RESET app.key",
    "ALTER ROLE s1 SET work_mem = '{c}'", "ALTER ROLE s1 SET search_path TO DEFAULT",
    "ALTER ROLE s1 SET TIME ZONE '{c}'", "ALTER ROLE s1 SET datestyle = '{c}'",
    "ALTER ROLE s1 SET app.password = 'again{c}'", "ALTER ROLE s1 RESET app.password",
    "ALTER DATABASE analytics SET app.secret = '{c}'", "ALTER DATABASE analytics SET app.x = '{c}'",
    "ALTER DATABASE analytics SET app.x = 'second{c}'", "ALTER DATABASE analytics RESET app.x",
    "ALTER DATABASE nowhere SET app.secret = '{c}'", "ALTER DATABASE analytics RESET ALL",
    "SET app.password = '{c}'", "SET LOCAL app.password = '{c}'",
    "SELECT set_config('app.password', '{c}', false)", "ALTER ROLE s1 SET app.password FROM CURRENT",
    "RESET app.password",
]

SYSTEM = [
    f"ALTER SYSTEM SET {name} = '{value}'" for name, value in itertools.product(
        ("primary_conninfo", "ssl_passphrase_command", "archive_command", "restore_command",
         "archive_cleanup_command", "recovery_end_command", "pganalytics.ca_passphrase_command"),
        ("{c}", "host=x password={c}", "postgres://u:{c}@h/d"))
] + [
    "ALTER SYSTEM SET cluster_name = 'host=x user=y password={c}'",
    "ALTER SYSTEM SET cluster_name = 'postgres://u:{c}@h/d'", "ALTER SYSTEM SET nothing_of_the_kind = '{c}'",
    "ALTER SYSTEM SET work_mem = '{c}'", "ALTER SYSTEM SET port = '{c}'",
    "ALTER SYSTEM SET app.password = '{c}'", "ALTER SYSTEM SET \"Primary_Conninfo\" = '{c}'",
    "ALTER SYSTEM SET log_statement = '{c}'", "ALTER SYSTEM SET ssl_ciphers TO '{c}', '{c}'",
]

FOREIGN = [
    "CREATE EXTENSION postgres_fdw", "CREATE EXTENSION dblink",
    "CREATE SERVER f1 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{c}', dbname '{c}')",
    "CREATE SERVER f2 TYPE '{c}' VERSION '{c}' FOREIGN DATA WRAPPER postgres_fdw",
    "CREATE SERVER f1 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{c}')",
    "CREATE SERVER f3 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (password '{c}')",
    "CREATE SERVER f4 FOREIGN DATA WRAPPER missing OPTIONS (password '{c}')",
    "ALTER SERVER f1 VERSION '{c}' OPTIONS (SET host '{c}')", "ALTER SERVER f9 OPTIONS (ADD x '{c}')",
    "CREATE USER MAPPING FOR s1 SERVER f1 OPTIONS (user 'u', password '{c}')",
    "CREATE USER MAPPING FOR PUBLIC SERVER f1 OPTIONS (password '{c}')",
    "CREATE USER MAPPING FOR CURRENT_USER SERVER f1 OPTIONS (password '{c}')",
    "CREATE USER MAPPING FOR s1 SERVER f1 OPTIONS (password '{c}')",
    "CREATE USER MAPPING FOR s1 SERVER f9 OPTIONS (password '{c}')",
    "CREATE USER MAPPING FOR s1 SERVER f2 OPTIONS (nonsense '{c}')",
    "CREATE USER MAPPING IF NOT EXISTS FOR s1 SERVER f1 OPTIONS (password '{c}')",
    "ALTER USER MAPPING FOR s1 SERVER f1 OPTIONS (SET password '{c}')",
    "ALTER USER MAPPING FOR s1 SERVER f1 OPTIONS (ADD sslkey '{c}')",
    "ALTER USER MAPPING FOR s9 SERVER f1 OPTIONS (SET password '{c}')",
    "DROP USER MAPPING FOR PUBLIC SERVER f1",
    "CREATE FOREIGN TABLE ft (a int) SERVER f1 OPTIONS (table_name '{c}')",
    "ALTER FOREIGN TABLE ft OPTIONS (ADD schema_name '{c}')",
    "ALTER FOREIGN TABLE ft ALTER a OPTIONS (ADD column_name '{c}')",
    "IMPORT FOREIGN SCHEMA x FROM SERVER f1 INTO public OPTIONS (import_default '{c}')",
    "CREATE FOREIGN DATA WRAPPER w1 OPTIONS (secret '{c}')",
    "ALTER FOREIGN DATA WRAPPER w1 OPTIONS (SET secret '{c}')",
    "SELECT * FROM dblink('host=127.0.0.1 port=1 password={c}', 'SELECT 1') AS t (a int)",
    "SELECT dblink_connect('one', 'host=127.0.0.1 port=1 user=x password={c}')",
    "SELECT dblink_connect('postgres://u:{c}@127.0.0.1:1/x')",
    "CREATE SUBSCRIPTION p1 CONNECTION 'host=x password={c}' PUBLICATION p WITH (connect = false)",
    "CREATE SUBSCRIPTION p1 CONNECTION 'host=x password={c}' PUBLICATION p WITH (connect = false)",
    "CREATE SUBSCRIPTION p2 CONNECTION 'nonsense {c}' PUBLICATION p WITH (connect = false)",
    "CREATE SUBSCRIPTION p3 CONNECTION 'host=127.0.0.1 port=1 password={c}' PUBLICATION p",
    "ALTER SUBSCRIPTION p1 CONNECTION 'host=y password={c}'",
    "ALTER SUBSCRIPTION p9 CONNECTION 'host=y password={c}'",
    "ALTER SUBSCRIPTION p1 SET (slot_name = NONE)", "DROP SUBSCRIPTION p1",
]

PROGRAMS = [
    "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; : {c}'", "COPY (SELECT '{c}') TO PROGRAM 'cat >/dev/null'",
    "COPY plain FROM PROGRAM 'true {c}'", "COPY plain TO PROGRAM 'false {c}'",
    "COPY missing FROM PROGRAM 'curl -u {c}'", "COPY plain FROM PROGRAM 'echo {c}'",
    "COPY (SELECT '{c}') TO '/nonexistent/x'", "COPY plain TO '/dev/null' WITH (DELIMITER '{c}')",
    "COPY plain TO '/dev/null' WITH (FORMAT csv, NULL '{c}')",
    "SET ROLE s1; COPY (SELECT 1) TO PROGRAM 'cat {c}'; RESET ROLE", "RESET ROLE",
    "SELECT pg_read_file('/nonexistent/{c}')", "SELECT lo_import('/nonexistent/{c}')",
    "LOAD 'nothing'", "SELECT pg_ls_dir('{c}')",
]

BODIES = [
    "DO $$ BEGIN PERFORM '{c}'; END $$", "DO $$ BEGIN RAISE '{c}'; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '42501'; END $$",
    "DO $$ BEGIN RAISE 'x' USING ERRCODE = '42501', DETAIL = '{c}', HINT = '{c}'; END $$",
    "DO $$ BEGIN RAISE 'x' USING ERRCODE = '42501', TABLE = '{c}', COLUMN = '{c}', SCHEMA = '{c}'; END $$",
    "DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = '{c}'; END $$",
    "DO $$ BEGIN RAISE 'permission denied for table {c}' USING ERRCODE = '42501'; END $$",
    "DO $$ BEGIN RAISE WARNING '{c}' USING ERRCODE = '42501'; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '42501'; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '28P01'; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '28000'; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '3D000'; END $$",
    "DO $$ BEGIN RAISE '{c}' USING ERRCODE = '53300'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE s1 PASSWORD ''{c}'''; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE nobody PASSWORD ''{c}'''; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "DO $$ BEGIN EXECUTE format('CREATE ROLE s10 PASSWORD %L', '{c}'); END $$",
    "DO LANGUAGE plpgsql '{c}'", "DO $$ DECLARE x text := '{c}'; BEGIN x := x / 0; END $$",
    "CREATE FUNCTION fn1() RETURNS text LANGUAGE sql AS $$ SELECT '{c}' $$",
    "CREATE FUNCTION fn2(a text DEFAULT '{c}') RETURNS text LANGUAGE sql AS 'SELECT $1'",
    "CREATE FUNCTION fn3() RETURNS text LANGUAGE sql SET app.password = '{c}' AS 'SELECT 1'",
    "CREATE FUNCTION fn4() RETURNS text LANGUAGE plpgsql AS $$ BEGIN nonsense {c}; END $$",
    "CREATE FUNCTION fn5() RETURNS text LANGUAGE c AS '{c}', '{c}'",
    "CREATE PROCEDURE pr1() LANGUAGE plpgsql AS $$ BEGIN PERFORM '{c}'; END $$", "CALL pr1()",
    "ALTER FUNCTION fn1() SET app.password = '{c}'", "CREATE OR REPLACE FUNCTION fn1() RETURNS int "
    "LANGUAGE sql AS $$ SELECT '{c}' $$",
    "CREATE TABLE t1 (a text DEFAULT '{c}')", "CREATE TABLE t2 (a text CHECK (a <> '{c}'))",
    "CREATE TABLE t3 AS SELECT '{c}'::text AS a", "CREATE VIEW v1 AS SELECT '{c}'::text AS a",
    "CREATE MATERIALIZED VIEW m1 AS SELECT '{c}'::text AS a", "SELECT '{c}'::text AS a INTO t4",
    "CREATE TABLE t5 PARTITION OF t9 FOR VALUES IN ('{c}')",
    "CREATE TABLE t6 (a text) PARTITION BY LIST (a)",
    "CREATE TABLE t7 PARTITION OF t6 FOR VALUES IN ('{c}')",
    "CREATE TABLE t8 (a text GENERATED ALWAYS AS ('{c}') STORED)",
    "ALTER TABLE t1 ALTER a SET DEFAULT '{c}'", "ALTER TABLE t1 ADD CHECK (a <> '{c}')",
    "ALTER TABLE t1 ADD b text DEFAULT '{c}'", "ALTER TABLE t1 ALTER a TYPE text USING '{c}'",
    "ALTER TABLE t1 SET (autovacuum_enabled = '{c}')", "ALTER TABLE nowhere ADD b text DEFAULT '{c}'",
    "CREATE INDEX i1 ON t1 (a) WHERE a = '{c}'", "CREATE INDEX i2 ON t1 ((a || '{c}'))",
    "CREATE POLICY po1 ON t1 USING (a = '{c}') WITH CHECK (a = '{c}')",
    "ALTER POLICY po1 ON t1 USING (a = '{c}')",
    "CREATE RULE r1 AS ON INSERT TO t1 DO ALSO INSERT INTO t2 VALUES ('{c}')",
    "CREATE TRIGGER tr1 BEFORE INSERT ON t1 FOR EACH ROW WHEN (NEW.a = '{c}') "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger('{c}')",
    "CREATE EVENT TRIGGER e1 ON ddl_command_end WHEN TAG IN ('{c}') EXECUTE FUNCTION fn1()",
    "CREATE DOMAIN d1 AS text CHECK (VALUE <> '{c}')", "ALTER DOMAIN d1 SET DEFAULT '{c}'",
    "ALTER DOMAIN d1 ADD CHECK (VALUE <> '{c}')", "CREATE TYPE y1 AS ENUM ('{c}')",
    "ALTER TYPE y1 ADD VALUE 'x{c}'", "ALTER TYPE y1 RENAME VALUE '{c}' TO 'y{c}'",
    "CREATE AGGREGATE a1 (text) (sfunc = textcat, stype = text, initcond = '{c}')",
    "CREATE STATISTICS st1 ON (a || '{c}'), a FROM t1", "CREATE TEXT SEARCH DICTIONARY dict1 "
    "(template = simple, stopwords = '{c}')", "CREATE COLLATION co1 (locale = '{c}')",
    "CREATE PUBLICATION pu1 FOR TABLE t1 WHERE (a = '{c}')",
    "CREATE PUBLICATION pu2 WITH (publish = '{c}')", "CREATE TABLESPACE ts1 LOCATION '/{c}'",
    "CREATE DATABASE db1 LOCALE '{c}'", "CREATE EXTENSION pg_trgm VERSION '{c}'",
    "CREATE OPERATOR === (leftarg = int, rightarg = int, procedure = int4eq, nonsense = '{c}')",
    "COMMENT ON TABLE t1 IS '{c}'", "COMMENT ON ROLE s1 IS '{c}'", "COMMENT ON DATABASE analytics IS '{c}'",
    "COMMENT ON TABLE nowhere IS '{c}'", "COMMENT ON COLUMN t1.a IS '{c}'",
    "SECURITY LABEL FOR x ON TABLE t1 IS '{c}'", "SECURITY LABEL ON ROLE s1 IS '{c}'",
    "NOTIFY ch, '{c}'", "PREPARE pr AS SELECT '{c}'", "EXECUTE pr", "EXPLAIN SELECT '{c}'",
    "DECLARE cu CURSOR FOR SELECT '{c}'", "PREPARE TRANSACTION '{c}'", "BEGIN; SAVEPOINT a; ROLLBACK",
    "GRANT SELECT ON t1 TO s1 /* {c} */", "REVOKE SELECT ON t1 FROM s1 -- {c}",
    "DROP TABLE t1 /* {c} */, nowhere", "INSERT INTO t1 VALUES ('{c}')", "SELECT 1 /* {c} */ / 0",
    "SET ROLE s1; SELECT * FROM plain WHERE a = '{c}'; RESET ROLE", "RESET ROLE",
    "SET ROLE s1; INSERT INTO plain VALUES ('{c}'); RESET ROLE", "RESET ROLE",
    "SET ROLE s1; CREATE TABLE pganalytics.x AS SELECT '{c}' AS a; RESET ROLE", "RESET ROLE",
    "SET ROLE s1; SET log_statement = '{c}'; RESET ROLE", "RESET ROLE",
    "SET ROLE s1; ALTER SYSTEM SET work_mem = '{c}'; RESET ROLE", "RESET ROLE",
    "SET ROLE s1; ALTER SYSTEM SET primary_conninfo = '{c}'; RESET ROLE", "RESET ROLE",
    "SET SESSION AUTHORIZATION s1; ALTER ROLE postgres PASSWORD '{c}'; RESET SESSION AUTHORIZATION",
    "RESET SESSION AUTHORIZATION",
]

OURS = [
    "SELECT pganalytics.create_registration_secret('canary', '{c}')",
    "SELECT pganalytics.rotate_token('nobody{c}')",
    "SELECT pganalytics.revoke_tokens('nobody{c}')",
    "SELECT pganalytics.set_query_limit('nobody{c}', 5)",
    "SELECT pganalytics.verify_audit_log('{c}')",
    "SELECT * FROM pganalytics.audit_log WHERE details->>'x' = '{c}'",
    "UPDATE pganalytics.audit_log SET actor = '{c}'", "DELETE FROM pganalytics.audit_log WHERE actor = '{c}'",
    "TRUNCATE pganalytics.audit_log /* {c} */",
    "INSERT INTO pganalytics.alert_channels (name, kind, url, authentication) "
    "VALUES ('canary', 'webhook', 'https://hooks.example.org/services/{c}', 'hmac')",
    "INSERT INTO pganalytics.alert_channels (name, kind, url) "
    "VALUES ('canary2', 'slack', 'https://hooks.example.org?{c}')",
    "INSERT INTO pganalytics.alert_channels (name, kind, url) "
    "VALUES ('canary3', 'webhook', 'https://user:{c}@hooks.example.org/')",
    "INSERT INTO pganalytics.alert_channels (name, kind, url) "
    "VALUES ('canary4', 'webhook', 'http://hooks.example.org#{c}')",
    "UPDATE pganalytics.alert_channels SET url = 'https://hooks.example.org/{c}/2' WHERE name LIKE 'canary%'",
    "SELECT pganalytics.set_channel_secret('canary', '{c}{c}')",
    "SELECT pganalytics.set_channel_secret('canary', 'another{c}{c}')",
    "SELECT pganalytics.set_channel_secret('canary2', '{c}{c}')",
    "SELECT pganalytics.set_channel_secret('nowhere', '{c}{c}')",
    "SELECT pganalytics.set_channel_secret('canary', '{c}')",
    "SELECT pganalytics.set_channel_secret('canary', '{c} with spaces')",
    "SELECT pganalytics.set_channel_secret('canary', NULL) /* {c} */",
    "INSERT INTO pganalytics.alert_channel_secrets VALUES ('canary', '{c}{c}')",
    "UPDATE pganalytics.alert_channel_secrets SET secret = '{c}{c}{c}'",
    "SET ROLE s1; SELECT pganalytics.set_channel_secret('canary', '{c}{c}'); RESET ROLE", "RESET ROLE",
    "SET ROLE pganalytics_operator; UPDATE pganalytics.alert_channel_secrets SET secret = '{c}{c}'",
    "RESET ROLE",
    "DELETE FROM pganalytics.alert_channel_secrets", "DELETE FROM pganalytics.alert_channels",
]

RESET = ["ALTER SYSTEM RESET primary_conninfo", "ALTER SYSTEM RESET ALL"]


def with_canary(texts):
    return [text.replace("{c}", CANARY) for text in texts]


# The server loads the settings between the two lists of statements.
SETTINGS = with_canary(ROLE + SYSTEM)
OTHERS = with_canary(RESET + FOREIGN + PROGRAMS + BODIES + OURS)
