-- Metrics of type pg_schema, stored when they change and once a day: objects, their parts, since when.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup

SELECT pganalytics.make_partition('schema_samples', (now() AT TIME ZONE 'UTC')::date - 1) IS NOT NULL AS made;
CREATE TEMP TABLE sent (kind text, definition json);
INSERT INTO sent VALUES
    ('tables', '{"has_oids": false, "name": "child", "row_count": 0, "schema": "public", "table_oid": 16457, "type": "BASE TABLE"}'),
    ('columns', '{"data_type": "integer", "default": "", "is_nullable": true, "name": "id", "numeric_precision": 32, "numeric_scale": 0, "position": 1, "schema": "public", "table": "child"}'),
    ('columns', '{"data_type": "character varying", "default": "''x''::character varying", "is_nullable": false, "max_length": 20, "name": "name", "position": 2, "schema": "public", "table": "child"}'),
    ('constraints', '{"columns": "id,name", "name": "child_pkey", "schema": "public", "table": "child", "type": "PRIMARY KEY"}'),
    ('constraints', '{"columns": "", "name": "2200_16448_1_not_null", "schema": "public", "table": "child", "type": "CHECK"}'),
    ('foreign_keys', '{"column": "id", "delete_rule": "NO ACTION", "referenced_column": "pid", "referenced_schema": "other", "referenced_table": "parent", "schema": "public", "table": "child", "update_rule": "CASCADE"}'),
    ('indexes', '{"definition": "CREATE INDEX child_idx ON public.child USING btree (name)", "name": "child_idx", "schema": "public", "size": "8 kB", "table": "child"}'),
    -- One trigger for two events is two rows of one series.
    ('triggers', '{"event": "INSERT", "name": "audit", "orientation": "ROW", "schema": "public", "statement": "EXECUTE FUNCTION f()", "table": "child", "table_schema": "public", "timing": "AFTER"}'),
    ('triggers', '{"event": "DELETE", "name": "audit", "orientation": "ROW", "schema": "public", "statement": "EXECUTE FUNCTION f()", "table": "child", "table_schema": "public", "timing": "AFTER"}'),
    -- What a sender of another version may write, or a hostile one.
    ('columns', '{"name": "typed", "table": "wrong", "data_type": 5, "is_nullable": "perhaps", "position": 1.5, "max_length": 1e999999, "numeric_precision": -1, "numeric_scale": "9999999999", "default": null}'),
    ('columns', '{"name": "nul", "table": "wrong", "data_type": "a\u0000b"}'),
    ('columns', '{"name": "surrogate", "table": "wrong", "data_type": "\ud800"}'),
    ('columns', '["no object"]'),
    ('columns', '{"name": "nested", "table": "wrong", "data_type": {"a": 1}, "position": 4}'),
    ('sequences', '{"name": "child_id_seq", "schema": "public", "type": "bigint"}');
-- json keeps what PostgreSQL could not take apart, so the labels come from the worker.
CREATE TEMP TABLE objects AS
    SELECT n, kind, definition,
           pg_temp.series('schema_samples', 1, VARIADIC CASE
               WHEN definition::text ~ 'u0000|ud800|^\[' THEN ARRAY[kind, '', 'wrong', 'bad ' || n, '', '', '']
               ELSE ARRAY[kind, coalesce(definition ->> 'schema', ''),
                          coalesce(definition ->> 'table', ''), coalesce(definition ->> 'name', ''),
                          coalesce(definition ->> 'column', ''),
                          coalesce(definition ->> 'referenced_table', ''),
                          coalesce(definition ->> 'referenced_column', '')] END) AS series_id
    FROM (SELECT row_number() OVER () AS n, * FROM sent) s;
INSERT INTO pganalytics.schema_samples
SELECT 1, series_id, :'day', definition FROM objects;

SET ROLE pganalytics_viewer;
SELECT collector, server, database, kind, schemaname, relname, name, attname
FROM pganalytics.schema_objects ORDER BY kind, relname, name, trigger_event;
SELECT relname, table_type FROM pganalytics.schema_objects WHERE kind = 'tables';
SELECT relname, name, "position", data_type, max_length, numeric_precision, numeric_scale, is_nullable,
       column_default
FROM pganalytics.schema_objects WHERE kind = 'columns' ORDER BY relname, name;
SELECT name, constraint_type, constraint_columns FROM pganalytics.schema_objects
WHERE kind = 'constraints' ORDER BY name;
SELECT relname, attname, referenced_schemaname, referenced_relname, referenced_attname, update_rule,
       delete_rule
FROM pganalytics.schema_objects WHERE kind = 'foreign_keys';
SELECT name, index_definition FROM pganalytics.schema_objects WHERE kind = 'indexes';
SELECT name, trigger_event, trigger_timing, trigger_orientation, trigger_statement
FROM pganalytics.schema_objects WHERE kind = 'triggers' ORDER BY trigger_event;
-- A column of the view is empty where the object has no such thing, and all is in definition.
SELECT kind, count(*) AS objects, count(table_type) AS tables, count("position") AS columns,
       count(constraint_type) AS constraints, count(referenced_relname) AS keys,
       count(index_definition) AS indexes, count(trigger_event) AS triggers, count(definition) AS whole
FROM pganalytics.schema_objects GROUP BY kind ORDER BY kind;

-- Yesterday a column was of another type, the trigger fired for one event, and a table was there.
RESET ROLE;
SELECT pg_temp.series('schema_samples', 1, 'tables', 'public', '', 'gone', '', '', '') AS gone \gset
INSERT INTO pganalytics.schema_samples
SELECT 1, series_id, :'day'::timestamptz - interval '1 h',
       CASE WHEN definition ->> 'name' = 'id' THEN '{"name": "id", "data_type": "smallint"}'
            ELSE definition END
FROM objects WHERE definition::text ~ '"name": "(id|name|audit)"' AND definition::text !~ 'DELETE';
INSERT INTO pganalytics.schema_samples VALUES
    (1, :gone, :'day'::timestamptz - interval '1 h', '{"name": "gone", "type": "VIEW"}');
UPDATE pganalytics.metric_series SET gone_at = :'day' WHERE series_id = :gone;
SET ROLE pganalytics_viewer;
SELECT kind, name, trigger_event, data_type, since - :'day' AS since, sampled_at - :'day' AS at
FROM pganalytics.schema_objects WHERE name IN ('id', 'name', 'audit', 'gone')
ORDER BY kind, name, trigger_event;
SELECT sampled_at - :'day' AS at, kind, schemaname, relname, name, attname, referenced_relname,
       referenced_attname, definition ->> 'data_type' AS data_type, gone_at - :'day' AS gone_at
FROM pganalytics.schema_object_history WHERE name IN ('id', 'gone') ORDER BY name, sampled_at;
RESET ROLE;
SELECT pganalytics.drop_partitions('schema_samples', (now() AT TIME ZONE 'UTC')::date);

\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
