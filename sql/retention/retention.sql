-- Retention: lists the partitions of days, and drops the expired ones. No single rows are deleted
-- from these tables: a day is dropped as a whole when all of it is older than its family's
-- retention.

-- PostgreSQL prints bounds in the session's time zone and date style. The function fixes both, so
-- that the bounds can be read back in any session.
CREATE FUNCTION pganalytics.partition_range(partition regclass) RETURNS tstzrange
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
    SELECT tstzrange(bound[1]::timestamptz, bound[2]::timestamptz)
    FROM pg_class c,
         regexp_match(pg_get_expr(c.relpartbound, c.oid),
                      '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') AS bound
    WHERE c.oid = partition AND bound IS NOT NULL
$$;
COMMENT ON FUNCTION pganalytics.partition_range(regclass) IS
    'what a partition by time holds; NULL for anything else';
GRANT EXECUTE ON FUNCTION pganalytics.partition_range(regclass)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- retention_settings() is written in C, because a session could give settings values of its own
-- before the library is loaded.
CREATE FUNCTION pganalytics.retention_settings(OUT family text, OUT days integer)
    RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_retention_settings';
COMMENT ON FUNCTION pganalytics.retention_settings() IS
    'how many days each family of tables is kept: the settings pganalytics.retention_*';
GRANT EXECUTE ON FUNCTION pganalytics.retention_settings()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- A day is added as 24 hours, because a day of the session's time zone may have 23.
CREATE VIEW pganalytics.partitions AS
    WITH leaves (relation, partition, attached) AS (
        SELECT parent.relname::text, i.inhrelid, true
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent
        WHERE parent.relnamespace = 'pganalytics'::pg_catalog.regnamespace
        UNION ALL
        SELECT pg_catalog.substring(c.relname::text, '^(.+)_p\d{8}$'), c.oid, false
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND c.relkind = 'r' AND NOT c.relispartition
    )
    SELECT p.relation,
           c.oid::pg_catalog.regclass AS partition,
           (pg_catalog.lower(r.range) AT TIME ZONE 'UTC')::date AS day,
           pg_catalog.lower(r.range) AS starts_at,
           pg_catalog.upper(r.range) AS ends_at,
           pg_catalog.pg_total_relation_size(c.oid) AS bytes,
           CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS estimated_rows,
           p.family,
           l.attached,
           pg_catalog.upper(r.range) + pg_catalog.make_interval(hours => 24 * t.days) AS drops_at
    FROM leaves l
    JOIN pganalytics.partitioned_relations() p ON p.relation = l.relation
    JOIN pganalytics.retention_settings() t ON t.family = p.family
    JOIN pg_catalog.pg_class c ON c.oid = l.partition
    CROSS JOIN LATERAL (SELECT pganalytics.partition_range(c.oid) AS range OFFSET 0) r;
COMMENT ON VIEW pganalytics.partitions IS
    'the days that exist: the range, size and expiry of each; days are those of UTC';
COMMENT ON COLUMN pganalytics.partitions.family IS
    'the setting pganalytics.retention_<family> says how long it stays';
COMMENT ON COLUMN pganalytics.partitions.attached IS
    'false: a table named like a day that is not attached; it is left alone';
COMMENT ON COLUMN pganalytics.partitions.drops_at IS
    'when all of it is older than the retention: the maintenance worker drops it within an hour; NULL: never';
GRANT SELECT ON pganalytics.partitions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.retention AS
    SELECT t.family,
           'pganalytics.retention_' || t.family AS setting,
           t.days,
           (SELECT pg_catalog.count(*) FROM pganalytics.partitioned_relations() r
            WHERE r.family = t.family) AS relations,
           pg_catalog.count(p.partition) FILTER (WHERE p.attached) AS partitions,
           coalesce(pg_catalog.sum(p.bytes) FILTER (WHERE p.attached), 0)::bigint AS bytes,
           pg_catalog.min(p.day) AS oldest_day,
           pg_catalog.min(p.drops_at) AS next_drop_at,
           pg_catalog.count(*) FILTER (WHERE p.drops_at <= pg_catalog.now()) AS overdue,
           pg_catalog.count(*) FILTER (WHERE NOT p.attached) AS strays
    FROM pganalytics.retention_settings() t
    LEFT JOIN pganalytics.partitions p ON p.family = t.family
    GROUP BY t.family, t.days;
COMMENT ON VIEW pganalytics.retention IS
    'how long each family of tables is kept and what exists of it';
COMMENT ON COLUMN pganalytics.retention.overdue IS
    'partitions that have expired and still exist; the server log says why';
COMMENT ON COLUMN pganalytics.retention.strays IS
    'tables named like a partition that are not attached';
GRANT SELECT ON pganalytics.retention
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- SECURITY DEFINER, like drop_expired_partition(), because the role of the maintenance worker may
-- not drop tables. The worker asks for the list and drops one partition per transaction, so that
-- inserts never wait for more than one drop.
CREATE FUNCTION pganalytics.expired_partitions() RETURNS SETOF regclass
    LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.partition FROM pganalytics.partitions p
    WHERE p.attached AND p.drops_at <= now() ORDER BY p.ends_at, p.relation
$$;
COMMENT ON FUNCTION pganalytics.expired_partitions() IS
    'the partitions whose retention has passed, oldest first';
GRANT EXECUTE ON FUNCTION pganalytics.expired_partitions() TO pganalytics_admin, pganalytics_maintenance;

-- drop_expired_partition() must lock the parent against inserts, which wait as soon as the lock is
-- requested. An ingest worker gives up after 400 ms. So this function waits for the lock only
-- 200 ms, and no push is refused.
CREATE FUNCTION pganalytics.drop_expired_partition(partition regclass) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '200ms'
AS $$
DECLARE
    leaf record;
BEGIN
    SELECT p.relation, p.drops_at INTO leaf FROM pganalytics.partitions p
    WHERE p.partition = drop_expired_partition.partition AND p.attached;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF (leaf.drops_at <= now()) IS NOT TRUE THEN
        RAISE EXCEPTION 'retention of % has not passed', partition
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use pganalytics.drop_partitions() to drop days before their time.';
    END IF;
    EXECUTE format('LOCK TABLE ONLY pganalytics.%I IN ACCESS EXCLUSIVE MODE', leaf.relation);
    -- Another session may have dropped the partition meanwhile.
    IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = partition
                   AND i.inhparent = format('pganalytics.%I', leaf.relation)::regclass) THEN
        RETURN false;
    END IF;
    -- The parent is locked now, so wait for no other lock. If a session reads or vacuums the old
    -- day, this fails, and the day stays until the next attempt.
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
    EXECUTE format('DROP TABLE %s', partition);
    RETURN true;
END
$$;
COMMENT ON FUNCTION pganalytics.drop_expired_partition(regclass) IS
    'drops a partition whose retention has passed; false if it is gone already';
GRANT EXECUTE ON FUNCTION pganalytics.drop_expired_partition(regclass)
    TO pganalytics_admin, pganalytics_maintenance;

-- drop_partitions() locks the parent against inserts until the end of the transaction. Inserts wait
-- as soon as the lock is requested. So this function waits for a lock no longer than the caller's
-- lock_timeout, or 3 s if there is none. Then it fails and has dropped nothing.
CREATE FUNCTION pganalytics.drop_partitions(relation text, before date) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    waits CONSTANT text := current_setting('lock_timeout');
    leaf regclass;
    dropped integer := 0;
BEGIN
    PERFORM pganalytics.partitioned_relation(relation);
    IF (before <= current_date) IS NOT TRUE THEN
        RAISE EXCEPTION 'cannot drop partitions from today on'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Give a day that is not after %s (UTC).', current_date);
    END IF;
    IF waits = '0' THEN
        -- Autovacuum gives its lock up only after deadlock_timeout, so wait longer than that.
        PERFORM set_config('lock_timeout', '3s', true);
    END IF;
    IF EXISTS (SELECT FROM pganalytics.partitions p
               WHERE p.relation = drop_partitions.relation AND p.ends_at <= before::timestamptz)
    THEN
        -- Lock first, then list: no other session can have dropped what is in the list.
        EXECUTE format('LOCK TABLE ONLY pganalytics.%I IN ACCESS EXCLUSIVE MODE', relation);
        FOREACH leaf IN ARRAY ARRAY(
            SELECT p.partition FROM pganalytics.partitions p
            WHERE p.relation = drop_partitions.relation AND p.ends_at <= before::timestamptz
            ORDER BY p.ends_at)
        LOOP
            EXECUTE format('DROP TABLE %s', leaf);
            dropped := dropped + 1;
        END LOOP;
    END IF;
    PERFORM set_config('lock_timeout', waits, true);
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION pganalytics.drop_partitions(text, date) IS
    'drops the partitions that end before a UTC day begins, and returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.drop_partitions(text, date) TO pganalytics_admin;
