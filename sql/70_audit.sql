-- The audit log: who has done or tried what. Rows are appended by the audit worker alone, numbered
-- without a gap, and each holds a hash over itself and the hash before it; docs/audit.md has the
-- form. One partition per month (UTC) of recorded_at, which never goes back, so that numbers and
-- months have the same order. Partitions are no members of the extension, like those of samples.

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
    'who has done or tried what: sessions of the whole server, collectors, people at the API, and the server itself';
COMMENT ON COLUMN pganalytics.audit_log.id IS 'counts rows; none is left out';
COMMENT ON COLUMN pganalytics.audit_log.recorded_at IS 'when the row was written; it never goes back';
COMMENT ON COLUMN pganalytics.audit_log.occurred_at IS 'when it happened';
COMMENT ON COLUMN pganalytics.audit_log.event IS 'what has happened: a name of pganalytics.audit_events()';
COMMENT ON COLUMN pganalytics.audit_log.severity IS 'INFO: routine; WARN: a failure; ERROR: a violation';
COMMENT ON COLUMN pganalytics.audit_log.source IS
    'session: a session of PostgreSQL; api: a person at the port for people; collectors: the collectors'' port; server: the server''s own processes';
COMMENT ON COLUMN pganalytics.audit_log.outcome IS 'success, denied or failed';
COMMENT ON COLUMN pganalytics.audit_log.pid IS 'the process that told of it';
COMMENT ON COLUMN pganalytics.audit_log.actor IS 'the role that has logged in, or the id of a collector';
COMMENT ON COLUMN pganalytics.audit_log.role IS 'the role in force, where it is another one';
COMMENT ON COLUMN pganalytics.audit_log.correlation_id IS
    'the same for what one session or one request has done: %c of log_line_prefix, or the id of the request';
COMMENT ON COLUMN pganalytics.audit_log.resource_type IS 'what kind of thing it was about';
COMMENT ON COLUMN pganalytics.audit_log.resource_id IS 'which one';
COMMENT ON COLUMN pganalytics.audit_log.hash IS
    'SHA-256 of the hash before it and of this row''s canonical form, pganalytics.audit_row_text()';

-- Every field as its length in bytes, a colon and its text; NULL as a minus sign.
CREATE FUNCTION pganalytics.audit_row_text(entry pganalytics.audit_log) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
    SELECT string_agg(coalesce(octet_length(f.value) || ':' || f.value, '-'), '' ORDER BY f.n)
    FROM unnest(ARRAY[
        entry.id::text, to_char(entry.recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        to_char(entry.occurred_at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.event, entry.severity,
        entry.source, entry.outcome, entry.pid::text, entry.actor, entry.role, entry.address,
        entry.application, entry.database, entry.correlation_id, entry.resource_type,
        entry.resource_id, entry.details::text]) WITH ORDINALITY AS f(value, n)
$$;
COMMENT ON FUNCTION pganalytics.audit_row_text(pganalytics.audit_log) IS
    'the canonical form of a row of the audit log, over which its hash is made';

-- SECURITY DEFINER: the audit worker may make a month and may not create tables.
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
    IF leaf IS NOT NULL THEN
        RETURN leaf;
    END IF;
    EXECUTE format('CREATE TABLE pganalytics.%I (LIKE pganalytics.audit_log)', leaf_name);
    EXECUTE format('CREATE UNIQUE INDEX %I ON pganalytics.%I (id)', leaf_name || '_idx', leaf_name);
    EXECUTE format('CREATE INDEX %I ON pganalytics.%I (occurred_at)', leaf_name || '_time_idx',
                   leaf_name);
    EXECUTE format('ALTER TABLE pganalytics.audit_log ATTACH PARTITION pganalytics.%I '
                   'FOR VALUES FROM (%L) TO (%L)', leaf_name, begins, begins + interval '1 month');
    RETURN format('pganalytics.%I', leaf_name)::regclass;
END
$$;
COMMENT ON FUNCTION pganalytics.make_audit_partition(date) IS
    'makes the partition of the audit log for one month (UTC) if there is none, and gives its name';

-- Appends rows after the one that is given and says which is the last now.
CREATE FUNCTION pganalytics.append_audit_records(
        after_id bigint, after_hash bytea, occurred_at timestamptz[], event text[], source text[],
        outcome text[], pid integer[], actor text[], role text[], address text[],
        application text[], database text[], correlation_id text[], resource_type text[],
        resource_id text[], details text[], severity text[], OUT id bigint, OUT hash bytea)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    entry pganalytics.audit_log;
BEGIN
    id := after_id;
    hash := after_hash;
    entry.recorded_at := clock_timestamp();
    PERFORM pganalytics.make_audit_partition(entry.recorded_at::date);
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
        INSERT INTO pganalytics.audit_log SELECT entry.*;
    END LOOP;
END
$$;
COMMENT ON FUNCTION pganalytics.append_audit_records(bigint, bytea, timestamptz[], text[], text[], text[],
    integer[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]) IS
    'what the audit worker calls: appends rows to the audit log after its last one';
