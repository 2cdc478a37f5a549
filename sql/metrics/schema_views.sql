-- Views of extensions and of the objects of schemas: their present state and their history. Their
-- samples are stored when they change and once a day. Then views of pg_stat_statements itself, and
-- of metrics that have no table of their own.

CREATE VIEW pganalytics.extension_history AS
    SELECT n.collector, n.server, n.database, s.sampled_at, nullif(n.labels[1], '') AS extname,
           s.version, s.owner, s.schema, s.relocatable, s.description, n.gone_at
    FROM pganalytics.extension_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.extension_history IS
    'what was stored of each extension: every change, and a row a day';
COMMENT ON COLUMN pganalytics.extension_history.gone_at IS
    'time of the first sample without the extension; NULL while it is there';
GRANT SELECT ON pganalytics.extension_history
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- PostgreSQL finds the newest row of a series from the newest day backwards, through the index of
-- each day. The column since is the time of the oldest sample after which nothing has changed: this
-- sample and all later ones equal the newest one.
CREATE VIEW pganalytics.extensions AS
    SELECT n.collector, n.server, n.database, nullif(n.labels[1], '') AS extname,
           s.version, s.owner, s.schema, s.relocatable, s.description, n.first_seen,
           (SELECT pg_catalog.min(h.sampled_at)
            FROM (SELECT o.sampled_at,
                         pg_catalog.bool_and(pg_catalog.bool_or(
                             (o.version, o.owner, o.schema, o.relocatable, o.description)
                             IS NOT DISTINCT FROM
                             (s.version, s.owner, s.schema, s.relocatable, s.description)))
                         OVER (ORDER BY o.sampled_at DESC) AS same
                  FROM pganalytics.extension_samples o
                  WHERE o.server_id = n.server_id AND o.series_id = n.series_id
                  GROUP BY o.sampled_at) h
            WHERE h.same) AS since,
           s.sampled_at
    FROM pganalytics.series_names n
    CROSS JOIN LATERAL (
        SELECT e.* FROM pganalytics.extension_samples e
        WHERE e.server_id = n.server_id AND e.series_id = n.series_id
        ORDER BY e.sampled_at DESC LIMIT 1) s
    WHERE n.relation = 'extension_samples' AND n.gone_at IS NULL;
COMMENT ON VIEW pganalytics.extensions IS
    'extensions that are there now, as the newest sample of each has them';
COMMENT ON COLUMN pganalytics.extensions.since IS
    'time of the oldest sample from which on nothing has changed, as far back as samples are kept';
COMMENT ON COLUMN pganalytics.extensions.sampled_at IS
    'of the newest row stored; an extension that does not change is stored once a day';
GRANT SELECT ON pganalytics.extensions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.schema_object_history AS
    SELECT n.collector, n.server, n.database, s.sampled_at, n.labels[1] AS kind,
           nullif(n.labels[2], '') AS schemaname,
           CASE n.labels[1] WHEN 'tables' THEN nullif(n.labels[4], '')
                ELSE nullif(n.labels[3], '') END AS relname,
           nullif(n.labels[4], '') AS name, nullif(n.labels[5], '') AS attname,
           nullif(n.labels[6], '') AS referenced_relname,
           nullif(n.labels[7], '') AS referenced_attname, s.definition, n.gone_at
    FROM pganalytics.schema_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.schema_object_history IS
    'what was stored of each object: every change, and a row a day';
COMMENT ON COLUMN pganalytics.schema_object_history.kind IS
    'tables, columns, constraints, foreign_keys, indexes or triggers';
COMMENT ON COLUMN pganalytics.schema_object_history.gone_at IS
    'time of the first sample without the object; NULL while it is there';
GRANT SELECT ON pganalytics.schema_object_history
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- A sender's definition must not make a reader's query fail. If PostgreSQL cannot parse the
-- definition (it is no object, or has an escaped NUL or surrogate), all columns that are read from
-- it are NULL. A single value of the wrong type is NULL, too.
CREATE VIEW pganalytics.schema_objects AS
    SELECT n.collector, n.server, n.database, n.labels[1] AS kind,
           nullif(n.labels[2], '') AS schemaname,
           CASE n.labels[1] WHEN 'tables' THEN nullif(n.labels[4], '')
                ELSE nullif(n.labels[3], '') END AS relname,
           nullif(n.labels[4], '') AS name, nullif(n.labels[5], '') AS attname,
           CASE n.labels[1] WHEN 'tables' THEN d.type END AS table_type,
           CASE WHEN d."position" ~ '^\d{1,9}$' THEN d."position"::integer END AS "position",
           d.data_type,
           CASE WHEN d.max_length ~ '^\d{1,9}$' THEN d.max_length::integer END AS max_length,
           CASE WHEN d.numeric_precision ~ '^\d{1,9}$' THEN d.numeric_precision::integer
                END AS numeric_precision,
           CASE WHEN d.numeric_scale ~ '^-?\d{1,9}$' THEN d.numeric_scale::integer
                END AS numeric_scale,
           CASE d.is_nullable WHEN 'true' THEN true WHEN 'false' THEN false END AS is_nullable,
           nullif(d."default", '') AS column_default,
           CASE n.labels[1] WHEN 'constraints' THEN d.type END AS constraint_type,
           nullif(d.columns, '') AS constraint_columns,
           d.referenced_schema AS referenced_schemaname,
           nullif(n.labels[6], '') AS referenced_relname,
           nullif(n.labels[7], '') AS referenced_attname,
           d.update_rule, d.delete_rule,
           CASE n.labels[1] WHEN 'indexes' THEN d.definition END AS index_definition,
           d.event AS trigger_event, d.timing AS trigger_timing,
           d.orientation AS trigger_orientation, d.statement AS trigger_statement,
           s.definition, n.first_seen,
           (SELECT pg_catalog.min(h.sampled_at)
            FROM (SELECT o.sampled_at,
                         pg_catalog.bool_and(pg_catalog.bool_or(
                             o.definition::text IS NOT DISTINCT FROM s.definition::text))
                         OVER (ORDER BY o.sampled_at DESC) AS same
                  FROM pganalytics.schema_samples o
                  WHERE o.server_id = n.server_id AND o.series_id = n.series_id
                  GROUP BY o.sampled_at) h
            WHERE h.same) AS since,
           s.sampled_at
    FROM pganalytics.series_names n
    CROSS JOIN LATERAL (
        SELECT e.* FROM pganalytics.schema_samples e
        WHERE e.server_id = n.server_id AND e.series_id = n.series_id
        ORDER BY e.sampled_at DESC FETCH FIRST 1 ROW WITH TIES) s
    CROSS JOIN LATERAL pg_catalog.json_to_record(
        CASE WHEN s.definition::text ~ '^\s*\{' AND s.definition::text !~ '\\u(0000|[dD][89a-fA-F])'
             THEN s.definition ELSE '{}' END) AS d (
        type text, data_type text, "position" text, max_length text, numeric_precision text,
        numeric_scale text, is_nullable text, "default" text, columns text,
        referenced_schema text, update_rule text, delete_rule text, definition text, event text,
        timing text, orientation text, statement text)
    WHERE n.relation = 'schema_samples' AND n.gone_at IS NULL;
COMMENT ON VIEW pganalytics.schema_objects IS
    'objects of schemas that are there now, as the newest sample of each has them; a column has a value for the kinds of objects that have such a thing';
COMMENT ON COLUMN pganalytics.schema_objects.kind IS
    'tables, columns, constraints, foreign_keys, indexes or triggers; a trigger has a row for each event';
COMMENT ON COLUMN pganalytics.schema_objects.attname IS
    'of a foreign key: the column that refers; the name of a column is in name';
COMMENT ON COLUMN pganalytics.schema_objects.definition IS
    'all that the collector says of the object, keys of other versions too';
COMMENT ON COLUMN pganalytics.schema_objects.since IS
    'time of the oldest sample from which on nothing has changed, as far back as samples are kept';
COMMENT ON COLUMN pganalytics.schema_objects.sampled_at IS
    'of the newest row stored; an object that does not change is stored once a day';
GRANT SELECT ON pganalytics.schema_objects
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.statements_info AS
    SELECT n.collector, n.server, s.sampled_at, s.statements, s.max_statements,
           coalesce(s.dealloc, 0) AS dealloc, s.stats_reset
    FROM pganalytics.statements_info_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.statements_info IS
    'what pg_stat_statements of each server says of itself';
COMMENT ON COLUMN pganalytics.statements_info.dealloc IS
    'times that it has dropped its least used statements for want of room: a cumulative counter';
GRANT SELECT ON pganalytics.statements_info
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.unknown_metrics AS
    SELECT n.collector, n.server, s.sampled_at, s.type, s.metric
    FROM pganalytics.unknown_metric_samples s
    JOIN pganalytics.series_names n USING (server_id, series_id);
COMMENT ON VIEW pganalytics.unknown_metrics IS
    'metrics of types that this version has no table for, whole';
GRANT SELECT ON pganalytics.unknown_metrics
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
