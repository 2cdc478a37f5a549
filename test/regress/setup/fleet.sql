-- Included by the tests of metrics: days, two servers, and the series that the worker would make.
SELECT (now() AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC' AS day \gset
SELECT pganalytics.make_partitions(0) AS made \gset
INSERT INTO pganalytics.collectors (name, token_sha256)
SELECT name, sha256(name::bytea) FROM unnest(ARRAY['east', 'west']) AS name;
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE
SELECT row_number() OVER (ORDER BY name), collector_id, 'default', name || '.example'
FROM pganalytics.collectors;
INSERT INTO pganalytics.databases (database_id, server_id, name) OVERRIDING SYSTEM VALUE
VALUES (1, 1, 'shop'), (2, 2, 'bank');

-- The series of a relation, in server 1 and its database shop, or in server 2 and bank; without a
-- database if it has none.
CREATE FUNCTION pg_temp.series(relation text, server integer, VARIADIC labels text[] DEFAULT '{}')
    RETURNS integer LANGUAGE sql AS $$
    INSERT INTO pganalytics.metric_series AS m (server_id, relation, database_id, labels, label_hash,
        first_seen)
    SELECT $2, $1,
           CASE WHEN 'database' IN (SELECT c.role FROM pganalytics.metric_columns() c
                                    WHERE c.relation = $1) THEN $2 ELSE 0 END,
           $3,
           encode(substr(sha256(coalesce((SELECT string_agg(convert_to(l, 'UTF8') || '\x00', ''::bytea
                                                            ORDER BY n)
                                          FROM unnest($3) WITH ORDINALITY AS u(l, n)), '')),
                         1, 16), 'hex')::uuid,
           (now() AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC'
    ON CONFLICT (server_id, relation, database_id, label_hash) DO UPDATE SET gone_at = NULL
    RETURNING m.series_id
$$;
