-- Each partition holds one UTC day. It is made before it is needed, and dropped as a whole.
-- Partitions are not members of the extension, so that pg_dump keeps their rows. The install script
-- makes none, because they would be in the way of a restore.

-- A partition is made as a table and then attached, because CREATE TABLE ... PARTITION OF would
-- lock the parent against every insert. Each partition has its own index, and the parents have
-- none. If a parent had one, a restore would make a partition's index twice: once when it attaches
-- the partition, and once from the dump.

CREATE FUNCTION pganalytics.partitioned_relations()
    RETURNS TABLE (relation text, time_column text, index_columns text[], family text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 31
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES ('query_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'query_samples'),
           ('push_ledger', 'received_at', ARRAY['server_id', 'push_key'], 'ledger'),
           ('push_accounts', 'received_at', ARRAY['server_id', 'received_at'], 'ledger'),
           ('database_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('table_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('index_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('table_bloat_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('index_bloat_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('table_cache_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('index_cache_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('host_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('disk_io_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('filesystem_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('log_lines', 'sampled_at', ARRAY['series_id', 'content_hash'], 'logs'),
           ('replication_slot_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('replication_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('wal_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('wraparound_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('subscription_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('collection_error_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('lock_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('lock_wait_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('blocking_query_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('connection_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('connection_total_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('long_transaction_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('idle_transaction_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('extension_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('schema_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('statements_info_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics'),
           ('unknown_metric_samples', 'sampled_at', ARRAY['series_id', 'sampled_at'], 'metrics')
$$;
COMMENT ON FUNCTION pganalytics.partitioned_relations() IS
    'the tables that are kept by day, the column that decides, the index that each partition gets, and the family whose retention counts';
GRANT EXECUTE ON FUNCTION pganalytics.partitioned_relations()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules,
       pganalytics_maintenance;

-- Every function below looks a name up here first. Only names from the list become identifiers in
-- dynamic SQL.
CREATE FUNCTION pganalytics.partitioned_relation(
        INOUT relation text, OUT time_column text, OUT index_columns text[], OUT family text)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT p.time_column, p.index_columns, p.family INTO time_column, index_columns, family
    FROM pganalytics.partitioned_relations() p
    WHERE p.relation = partitioned_relation.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relation % is not kept by day', coalesce(quote_literal(relation), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Known relations are those of pganalytics.partitioned_relations().';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.partitioned_relation(text) IS
    'the entry of a table that is kept by day, or an error';

-- make_partition() is SECURITY DEFINER, because the ingest workers may not create tables.
CREATE FUNCTION pganalytics.make_partition(relation text, day date) RETURNS regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    kind record;
    today CONSTANT date := current_date;
    parent regclass;
    leaf_name text;
    leaf regclass;
BEGIN
    kind := pganalytics.partitioned_relation(relation);
    IF (day BETWEEN today - 1830 AND today + 31) IS NOT TRUE THEN
        RAISE EXCEPTION 'day % is out of range', coalesce(day::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Partitions can be made for the past five years and the next 31 days.';
    END IF;

    parent := format('pganalytics.%I', kind.relation)::regclass;
    leaf_name := format('%s_p%s', kind.relation, to_char(day, 'YYYYMMDD'));
    leaf := to_regclass(format('pganalytics.%I', leaf_name));
    IF leaf IS NULL THEN
        -- If another session is making the partition of the same day, wait for it. This lock
        -- conflicts with itself but blocks no insert, and ATTACH PARTITION needs it anyway. An
        -- advisory lock would not do: any role could take it and block this function.
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', parent);
        leaf := to_regclass(format('pganalytics.%I', leaf_name));
    END IF;
    IF leaf IS NOT NULL THEN
        IF pg_partition_root(leaf) IS DISTINCT FROM parent THEN
            RAISE EXCEPTION 'table % exists and is not a partition of %', leaf, parent
                USING ERRCODE = 'duplicate_table',
                      HINT = 'Attach it, rename it or drop it.';
        END IF;
        RETURN leaf;
    END IF;

    EXECUTE format('CREATE TABLE pganalytics.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                   leaf_name, parent);
    EXECUTE format('CREATE INDEX %I ON pganalytics.%I (%s)', leaf_name || '_idx', leaf_name,
                   (SELECT string_agg(quote_ident(c), ', ' ORDER BY n)
                    FROM unnest(kind.index_columns) WITH ORDINALITY AS u(c, n)));
    EXECUTE format('ALTER TABLE pganalytics.%I REPLICA IDENTITY FULL', leaf_name);
    -- The bulk insert writes to the partitions directly, so its role needs INSERT on them. If the
    -- role may insert only some columns, it inserts through the parent.
    IF has_table_privilege('pganalytics_ingest', parent, 'INSERT') THEN
        EXECUTE format('GRANT INSERT ON pganalytics.%I TO pganalytics_ingest', leaf_name);
    END IF;
    -- The new table is empty, so ATTACH PARTITION has no rows to check against the bounds.
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION pganalytics.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, leaf_name, day::timestamptz, (day + 1)::timestamptz);
    RETURN format('pganalytics.%I', leaf_name)::regclass;
END
$$;
COMMENT ON FUNCTION pganalytics.make_partition(text, date) IS
    'makes the partition for one UTC day if there is none, and returns its name';
GRANT EXECUTE ON FUNCTION pganalytics.make_partition(text, date) TO pganalytics_admin, pganalytics_ingest;

-- make_partitions() makes the partitions of one relation, or of all if relation is NULL. A push
-- that needs a day waits while another transaction makes that day. So the maintenance worker makes
-- one relation per transaction.
CREATE FUNCTION pganalytics.make_partitions(
        days_ahead integer DEFAULT 3, relation text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    wanted record;
    leaf_name text;
    made integer := 0;
BEGIN
    IF (days_ahead BETWEEN 0 AND 31) IS NOT TRUE THEN
        RAISE EXCEPTION 'number of days ahead is out of range'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It can be 0 (today only) to 31.';
    END IF;
    IF relation IS NOT NULL THEN
        PERFORM pganalytics.partitioned_relation(relation);
    END IF;
    FOR wanted IN
        SELECT p.relation, current_date + n AS day
        FROM pganalytics.partitioned_relations() p, generate_series(0, days_ahead) AS n
        WHERE make_partitions.relation IS NULL OR p.relation = make_partitions.relation
        ORDER BY p.relation, n
    LOOP
        leaf_name := format('pganalytics.%I', format('%s_p%s', wanted.relation,
                                                     to_char(wanted.day, 'YYYYMMDD')));
        CONTINUE WHEN to_regclass(leaf_name) IS NOT NULL;
        -- Wait for a session that is making the same partition, so that only one of the two counts
        -- it.
        EXECUTE format('LOCK TABLE ONLY pganalytics.%I IN SHARE UPDATE EXCLUSIVE MODE',
                       wanted.relation);
        CONTINUE WHEN to_regclass(leaf_name) IS NOT NULL;
        PERFORM pganalytics.make_partition(wanted.relation, wanted.day);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION pganalytics.make_partitions(integer, text) IS
    'makes the missing partitions from today (UTC) to this many days ahead, of one relation or of all, and returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.make_partitions(integer, text)
    TO pganalytics_admin, pganalytics_maintenance;
