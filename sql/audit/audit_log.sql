-- The audit log: who did or tried what. Only the audit worker appends rows. It numbers them without
-- gaps. Each row has a hash over itself and the hash of the row before it (docs/operate/audit.md).

-- The log has one partition for each month (UTC) of recorded_at. recorded_at never goes back, so
-- the months are in the order of the row numbers. The partitions are not members of the extension,
-- for the reason in sql/retention/partitions.sql.

CREATE TABLE pganalytics.audit_log (
    id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    event text NOT NULL,
    severity text NOT NULL,
    source text NOT NULL,
    outcome text NOT NULL,
    pid integer,
    actor text,
    role text,
    address text,
    application text,
    database text,
    correlation_id text,
    resource_type text,
    resource_id text,
    details jsonb,
    hash bytea NOT NULL
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE pganalytics.audit_log IS
    'who did or tried what: sessions of the whole server, collectors, people at the API, and the server itself';
COMMENT ON COLUMN pganalytics.audit_log.id IS 'counts rows; none is left out';
COMMENT ON COLUMN pganalytics.audit_log.recorded_at IS 'when the row was written; it never goes back';
COMMENT ON COLUMN pganalytics.audit_log.occurred_at IS 'when it happened';
COMMENT ON COLUMN pganalytics.audit_log.event IS 'what happened: a name of pganalytics.audit_events()';
COMMENT ON COLUMN pganalytics.audit_log.severity IS 'INFO: routine; WARN: a failure; ERROR: a violation';
COMMENT ON COLUMN pganalytics.audit_log.source IS
    'session: a session of PostgreSQL; api: a person at the port for people; collectors: the collectors'' port; server: the server''s own processes';
COMMENT ON COLUMN pganalytics.audit_log.outcome IS 'success, denied or failed';
COMMENT ON COLUMN pganalytics.audit_log.pid IS 'the process that recorded it';
COMMENT ON COLUMN pganalytics.audit_log.actor IS 'the role that has logged in, or the id of a collector';
COMMENT ON COLUMN pganalytics.audit_log.role IS 'the role in force, if it is another one';
COMMENT ON COLUMN pganalytics.audit_log.correlation_id IS
    'the same for all events of one session or one request: %c of log_line_prefix, or the id of the request';
COMMENT ON COLUMN pganalytics.audit_log.resource_type IS 'what kind of thing it was about';
COMMENT ON COLUMN pganalytics.audit_log.resource_id IS 'which one';
COMMENT ON COLUMN pganalytics.audit_log.hash IS
    'SHA-256 of the hash before it and of this row''s canonical form, pganalytics.audit_row_text()';
GRANT SELECT ON pganalytics.audit_log TO pganalytics_admin;
GRANT INSERT ON pganalytics.audit_log TO pganalytics_audit;

-- audit_row_text() writes every field as its length in bytes, a colon and its text. It writes NULL
-- as a minus sign. The result depends on no setting of the session. The body is one expression for
-- speed: it is computed for every row that is written or verified.
CREATE FUNCTION pganalytics.audit_row_text(entry pganalytics.audit_log) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    form CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US';
    recorded CONSTANT text := to_char(entry.recorded_at AT TIME ZONE 'UTC', form);
    occurred CONSTANT text := to_char(entry.occurred_at AT TIME ZONE 'UTC', form);
    details CONSTANT text := entry.details::text;
BEGIN
    RETURN concat(
        coalesce(octet_length(entry.id::text) || ':' || entry.id::text, '-'),
        coalesce(octet_length(recorded) || ':' || recorded, '-'),
        coalesce(octet_length(occurred) || ':' || occurred, '-'),
        coalesce(octet_length(entry.event) || ':' || entry.event, '-'),
        coalesce(octet_length(entry.severity) || ':' || entry.severity, '-'),
        coalesce(octet_length(entry.source) || ':' || entry.source, '-'),
        coalesce(octet_length(entry.outcome) || ':' || entry.outcome, '-'),
        coalesce(octet_length(entry.pid::text) || ':' || entry.pid::text, '-'),
        coalesce(octet_length(entry.actor) || ':' || entry.actor, '-'),
        coalesce(octet_length(entry.role) || ':' || entry.role, '-'),
        coalesce(octet_length(entry.address) || ':' || entry.address, '-'),
        coalesce(octet_length(entry.application) || ':' || entry.application, '-'),
        coalesce(octet_length(entry.database) || ':' || entry.database, '-'),
        coalesce(octet_length(entry.correlation_id) || ':' || entry.correlation_id, '-'),
        coalesce(octet_length(entry.resource_type) || ':' || entry.resource_type, '-'),
        coalesce(octet_length(entry.resource_id) || ':' || entry.resource_id, '-'),
        coalesce(octet_length(details) || ':' || details, '-'));
END
$$;
COMMENT ON FUNCTION pganalytics.audit_row_text(pganalytics.audit_log) IS
    'the canonical form of a row of the audit log, over which its hash is made';
GRANT EXECUTE ON FUNCTION pganalytics.audit_row_text(pganalytics.audit_log)
    TO pganalytics_admin, pganalytics_audit;

-- refuse_audit_change() is written in C, because the attempt must be recorded although the error
-- aborts the transaction.
CREATE FUNCTION pganalytics.refuse_audit_change() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_refuse_audit_change';
COMMENT ON FUNCTION pganalytics.refuse_audit_change() IS
    'trigger: refuses UPDATE, DELETE and TRUNCATE of the audit log and records audit.change_refused';

-- The trigger is ENABLE ALWAYS, so that session_replication_role does not switch it off.
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE OR DELETE OR TRUNCATE ON pganalytics.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.refuse_audit_change();
ALTER TABLE pganalytics.audit_log ENABLE ALWAYS TRIGGER audit_log_unchanged;

-- SECURITY DEFINER: the audit worker may make the partition of a month but may not create tables.
CREATE FUNCTION pganalytics.make_audit_partition(month date) RETURNS regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    begins CONSTANT timestamptz := date_trunc('month', month::timestamptz);
    leaf_name CONSTANT text := 'audit_log_p' || to_char(begins, 'YYYYMM');
    leaf regclass := to_regclass(format('pganalytics.%I', leaf_name));
BEGIN
    IF leaf IS NULL THEN
        LOCK TABLE ONLY pganalytics.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
        leaf := to_regclass(format('pganalytics.%I', leaf_name));
    END IF;
    IF leaf IS NOT NULL THEN
        IF pg_partition_root(leaf) IS DISTINCT FROM 'pganalytics.audit_log'::regclass THEN
            RAISE EXCEPTION 'table % exists and is not a partition of the audit log', leaf
                USING ERRCODE = 'duplicate_table', HINT = 'Attach it, rename it or drop it.';
        END IF;
        RETURN leaf;
    END IF;
    EXECUTE format('CREATE TABLE pganalytics.%I (LIKE pganalytics.audit_log)', leaf_name);
    EXECUTE format('CREATE UNIQUE INDEX %I ON pganalytics.%I (id)', leaf_name || '_idx', leaf_name);
    EXECUTE format('CREATE INDEX %I ON pganalytics.%I (occurred_at)', leaf_name || '_time_idx',
                   leaf_name);
    EXECUTE format('ALTER TABLE pganalytics.%I REPLICA IDENTITY FULL', leaf_name);
    -- Triggers of the parent do not fire for statements that name the partition, so the partition
    -- gets its own trigger.
    EXECUTE format('CREATE TRIGGER audit_log_unchanged BEFORE UPDATE OR DELETE OR TRUNCATE '
                   'ON pganalytics.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION pganalytics.refuse_audit_change()', leaf_name);
    EXECUTE format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_log_unchanged', leaf_name);
    EXECUTE format('ALTER TABLE pganalytics.audit_log ATTACH PARTITION pganalytics.%I '
                   'FOR VALUES FROM (%L) TO (%L)', leaf_name, begins, begins + interval '1 month');
    RETURN format('pganalytics.%I', leaf_name)::regclass;
END
$$;
COMMENT ON FUNCTION pganalytics.make_audit_partition(date) IS
    'makes the partition of the audit log for one month (UTC) if there is none, and returns its name';
GRANT EXECUTE ON FUNCTION pganalytics.make_audit_partition(date) TO pganalytics_audit;

-- append_audit_records() appends rows after the row that after_id, after_hash and after_time
-- describe. It returns id, hash and recorded_at of the last row.
CREATE FUNCTION pganalytics.append_audit_records(
        after_id bigint, after_hash bytea, after_time timestamptz, occurred_at timestamptz[],
        event text[], source text[], outcome text[], pid integer[], actor text[], role text[],
        address text[], application text[], database text[], correlation_id text[],
        resource_type text[], resource_id text[], details text[], severity text[],
        OUT id bigint, OUT hash bytea, OUT recorded_at timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    entry pganalytics.audit_log;
    entries pganalytics.audit_log[] := '{}';
    stored bigint;
BEGIN
    id := after_id;
    hash := after_hash;
    -- recorded_at must never go back, so that months are in the order of the row numbers.
    recorded_at := greatest(clock_timestamp(), after_time);
    entry.recorded_at := recorded_at;
    PERFORM pganalytics.make_audit_partition(recorded_at::date);
    FOR i IN 1 .. cardinality(occurred_at) LOOP
        id := id + 1;
        entry.id := id;
        entry.occurred_at := occurred_at[i];
        entry.event := event[i];
        entry.severity := severity[i];
        entry.source := source[i];
        entry.outcome := outcome[i];
        entry.pid := pid[i];
        entry.actor := actor[i];
        entry.role := role[i];
        entry.address := address[i];
        entry.application := application[i];
        entry.database := database[i];
        entry.correlation_id := correlation_id[i];
        entry.resource_type := resource_type[i];
        entry.resource_id := resource_id[i];
        entry.details := details[i]::jsonb;
        hash := sha256(hash || convert_to(pganalytics.audit_row_text(entry), 'UTF8'));
        entry.hash := hash;
        entries := entries || entry;
    END LOOP;
    -- Use EXECUTE so that the INSERT is planned each time. If a rule (DO INSTEAD NOTHING) replaces
    -- the INSERT, the plan depends on no table. If such a plan were cached, it would stay in use
    -- after the rule is dropped.
    EXECUTE 'INSERT INTO pganalytics.audit_log SELECT e.* FROM unnest($1) AS e' USING entries;
    GET DIAGNOSTICS stored = ROW_COUNT;
    IF stored <> cardinality(entries) THEN
        RAISE EXCEPTION 'a row of the audit log was not inserted'
            USING ERRCODE = 'triggered_action_exception',
                  HINT = 'Remove the rules and triggers of pganalytics.audit_log that the extension has not made.';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.append_audit_records(bigint, bytea, timestamptz, timestamptz[], text[],
    text[], text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], text[],
    text[]) IS
    'what the audit worker calls: appends rows to the audit log after its last one';
GRANT EXECUTE ON FUNCTION
    pganalytics.append_audit_records(bigint, bytea, timestamptz, timestamptz[], text[], text[], text[],
        integer[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[])
    TO pganalytics_audit;

-- SECURITY DEFINER, like drop_expired_audit_month(): the audit worker may append but not read.
CREATE FUNCTION pganalytics.audit_tail(
        known_id bigint, OUT log oid, OUT id bigint, OUT hash bytea, OUT recorded_at timestamptz,
        OUT event text, OUT known_hash bytea)
    LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'pganalytics.audit_log'::regclass, t.id, t.hash, t.recorded_at, t.event,
           (SELECT k.hash FROM pganalytics.audit_log k WHERE k.id = known_id LIMIT 1)
    FROM (SELECT) AS one
    LEFT JOIN (SELECT l.id, l.hash, l.recorded_at, l.event FROM pganalytics.audit_log l
               ORDER BY l.id DESC LIMIT 1) AS t ON true
$$;
COMMENT ON FUNCTION pganalytics.audit_tail(bigint) IS
    'the last row of the audit log, and the hash of a row that the audit worker knows';
GRANT EXECUTE ON FUNCTION pganalytics.audit_tail(bigint) TO pganalytics_audit;

-- audit_log_retention() is written in C, because a session could give the setting a value of its
-- own before the library is loaded.
CREATE FUNCTION pganalytics.audit_log_retention() RETURNS integer
    LANGUAGE c STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_log_retention';
COMMENT ON FUNCTION pganalytics.audit_log_retention() IS
    'for how many days the audit log is kept: the setting pganalytics.audit_log_retention';

-- drop_expired_audit_month() drops one month. The caller appends the result to the log in the same
-- transaction. Like drop_expired_partition(), the function waits at most 200 ms for the lock on the
-- parent, and not at all for the lock on the month.
CREATE FUNCTION pganalytics.drop_expired_audit_month(
        OUT month text, OUT first_id bigint, OUT last_id bigint, OUT last_hash text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '200ms'
AS $$
DECLARE
    leaf regclass;
BEGIN
    SELECT i.inhrelid, to_char(lower(r.range) AT TIME ZONE 'UTC', 'YYYY-MM') INTO leaf, month
    FROM pg_inherits i
    CROSS JOIN LATERAL (SELECT pganalytics.partition_range(i.inhrelid) AS range OFFSET 0) r
    WHERE i.inhparent = 'pganalytics.audit_log'::regclass
      AND upper(r.range) + make_interval(hours => 24 * pganalytics.audit_log_retention()) <= now()
    ORDER BY lower(r.range) LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    LOCK TABLE ONLY pganalytics.audit_log IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE NOWAIT', leaf);
    EXECUTE format('SELECT l.id FROM %s l ORDER BY l.id LIMIT 1', leaf) INTO first_id;
    EXECUTE format('SELECT l.id, encode(l.hash, ''hex'') FROM %s l ORDER BY l.id DESC LIMIT 1', leaf)
        INTO last_id, last_hash;
    EXECUTE format('DROP TABLE %s', leaf);
END
$$;
COMMENT ON FUNCTION pganalytics.drop_expired_audit_month() IS
    'drops the oldest month of the audit log if it is older than pganalytics.audit_log_retention, and returns its first and last row';
GRANT EXECUTE ON FUNCTION pganalytics.drop_expired_audit_month() TO pganalytics_audit;
