-- Forgetting a collector or a server. A DELETE of its row takes effect with the commit: the
-- collector can no longer push, and no report shows the server. A trigger writes a job, and the
-- maintenance worker removes the rows that refer to it, a few thousand in each transaction. So a
-- plain DELETE of an administrator does the same as forget_collector() and forget_server().

-- What stays: the job, as a record of what was removed (400 days), the collector's certificates,
-- revoked (as long as all certificates stay), and the audit log.

CREATE TABLE pganalytics.forget_jobs (
    forget_job_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    collector_id uuid NOT NULL,
    server_id integer,
    collector text NOT NULL,
    server text,
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    requested_by name NOT NULL DEFAULT current_user,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'removing', 'done')),
    begun_at timestamptz,
    ended_at timestamptz,
    samples bigint NOT NULL DEFAULT 0,
    pushes bigint NOT NULL DEFAULT 0,
    series bigint NOT NULL DEFAULT 0,
    texts bigint NOT NULL DEFAULT 0,
    perhaps_unused bigint[] NOT NULL DEFAULT '{}',
    CHECK ((server_id IS NULL) = (server IS NULL)),
    CHECK ((state = 'done') = (ended_at IS NOT NULL))
);
CREATE INDEX forget_jobs_open_idx ON pganalytics.forget_jobs (forget_job_id) WHERE ended_at IS NULL;
CREATE INDEX forget_jobs_collector_id_idx ON pganalytics.forget_jobs (collector_id);
COMMENT ON TABLE pganalytics.forget_jobs IS
    'collectors and servers that were forgotten, and how far their rows are removed';
COMMENT ON COLUMN pganalytics.forget_jobs.server_id IS 'NULL: the job of a collector';
COMMENT ON COLUMN pganalytics.forget_jobs.state IS
    'waiting: for the pushes that had begun; removing: rows; done: no row is left';
COMMENT ON COLUMN pganalytics.forget_jobs.perhaps_unused IS
    'numbers of query texts whose series are removed: those that no other series uses are removed next';
GRANT SELECT ON pganalytics.forget_jobs
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT INSERT (collector_id, server_id, collector, server) ON pganalytics.forget_jobs TO pganalytics_admin;
GRANT DELETE, SELECT (ended_at) ON pganalytics.forget_jobs TO pganalytics_maintenance;

-- forget_removed() runs with the rights of whoever deletes the row. A TRUNCATE first deletes the
-- rows one by one, so that each gets its job.
CREATE FUNCTION pganalytics.forget_removed() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('DELETE FROM pganalytics.%I', TG_TABLE_NAME);
    ELSIF TG_TABLE_NAME = 'collectors' THEN
        UPDATE pganalytics.certificates AS c
        SET state = 'revoked', revoked_at = now(), revoked_by = current_user,
            revocation_reason = 'cessationOfOperation'
        WHERE c.collector_id = OLD.collector_id AND c.state = 'active';
        UPDATE pganalytics.enrollment_tokens AS t SET revoked_at = now()
        WHERE t.collector_id = OLD.collector_id AND t.used_at IS NULL AND t.revoked_at IS NULL;
        INSERT INTO pganalytics.forget_jobs (collector_id, collector)
        VALUES (OLD.collector_id, OLD.name);
        DELETE FROM pganalytics.servers AS s WHERE s.collector_id = OLD.collector_id;
    ELSE
        INSERT INTO pganalytics.forget_jobs (collector_id, server_id, collector, server)
        SELECT OLD.collector_id, OLD.server_id,
               coalesce((SELECT c.name FROM pganalytics.collectors c
                         WHERE c.collector_id = OLD.collector_id),
                        (SELECT max(j.collector) FROM pganalytics.forget_jobs j
                         WHERE j.collector_id = OLD.collector_id),
                        OLD.collector_id::text),
               OLD.name;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION pganalytics.forget_removed() IS
    'trigger: has the maintenance worker remove all that refers to a deleted collector or server';

DO $triggers$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['collectors', 'servers'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER forget_removed AFTER DELETE ON pganalytics.%I '
            'FOR EACH ROW EXECUTE FUNCTION pganalytics.forget_removed()', watched);
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER forget_truncated BEFORE TRUNCATE ON pganalytics.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.forget_removed()', watched);
        EXECUTE pg_catalog.format(
            'ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER forget_removed, '
            'ENABLE ALWAYS TRIGGER forget_truncated', watched);
    END LOOP;
END
$triggers$;

CREATE FUNCTION pganalytics.forget_collector(name text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten CONSTANT uuid := pganalytics.collector_named(name);
BEGIN
    DELETE FROM pganalytics.collectors AS c WHERE c.collector_id = forgotten;
    RETURN (SELECT j.forget_job_id FROM pganalytics.forget_jobs j
            WHERE j.collector_id = forgotten AND j.server_id IS NULL);
END
$$;
COMMENT ON FUNCTION pganalytics.forget_collector(text) IS
    'removes a collector, which can no longer push from the commit on, and in the background all rows of its servers; returns the job in pganalytics.forget_progress';
GRANT EXECUTE ON FUNCTION pganalytics.forget_collector(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.forget_server(collector text, server text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder CONSTANT uuid := pganalytics.collector_named(collector);
    forgotten integer;
BEGIN
    DELETE FROM pganalytics.servers AS s
    WHERE s.collector_id = holder AND s.name = forget_server.server
    RETURNING s.server_id INTO forgotten;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'collector "%" has no server %', collector,
                        coalesce('"' || server || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Its servers are in pganalytics.server_status.';
    END IF;
    IF EXISTS (SELECT FROM pganalytics.push_accounts a
               WHERE a.server_id = forgotten AND a.received_at > now() - interval '1 hour') THEN
        RAISE NOTICE 'collector "%" has sent this server within the last hour', collector
            USING HINT = 'If the server is still in its configuration, its next push adds the server again, without its past.';
    END IF;
    RETURN (SELECT max(j.forget_job_id) FROM pganalytics.forget_jobs j
            WHERE j.collector_id = holder AND j.server_id = forgotten);
END
$$;
COMMENT ON FUNCTION pganalytics.forget_server(text, text) IS
    'removes a server of a collector, and in the background all its rows; returns the job in pganalytics.forget_progress';
GRANT EXECUTE ON FUNCTION pganalytics.forget_server(text, text) TO pganalytics_admin;

CREATE VIEW pganalytics.forget_progress AS
    SELECT j.forget_job_id, j.collector, j.server, j.state, j.requested_at, j.requested_by,
           j.begun_at, j.ended_at, j.samples, j.pushes, j.series, j.texts,
           CASE WHEN j.ended_at IS NULL AND j.server_id IS NOT NULL
                THEN (SELECT pg_catalog.count(*) FROM pganalytics.query_series q
                      WHERE q.server_id = j.server_id)
                     + (SELECT pg_catalog.count(*) FROM pganalytics.metric_series m
                        WHERE m.server_id = j.server_id)
           END AS series_left
    FROM pganalytics.forget_jobs j;
COMMENT ON VIEW pganalytics.forget_progress IS
    'collectors and servers that were forgotten: what of their rows is removed, and what is left';
COMMENT ON COLUMN pganalytics.forget_progress.server IS
    'NULL: the collector itself; done when all its servers are, with their sums';
COMMENT ON COLUMN pganalytics.forget_progress.samples IS 'rows of samples that are removed';
COMMENT ON COLUMN pganalytics.forget_progress.pushes IS 'rows of the accounts of pushes that are removed';
COMMENT ON COLUMN pganalytics.forget_progress.texts IS 'removed query texts, which no other server uses';
COMMENT ON COLUMN pganalytics.forget_progress.series_left IS 'series that are not removed yet; NULL when done';
GRANT SELECT ON pganalytics.forget_progress
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- forget_rows() removes at most `most` rows of a relation that is kept by day, and returns how many.
-- It looks them up through the index of each day: by the numbers of their series, or by server_id
-- if `series` is NULL.
CREATE FUNCTION pganalytics.forget_rows(
        relation text, server_id integer, series integer[], most integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    leaf regclass;
    removed integer := 0;
    of_day integer;
BEGIN
    FOR leaf IN SELECT i.inhrelid FROM pg_inherits i
                WHERE i.inhparent = format('pganalytics.%I', relation)::regclass ORDER BY 1
    LOOP
        EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM %s r '
                       'WHERE r.server_id = $1 %s LIMIT $3))', leaf, leaf,
                       CASE WHEN series IS NOT NULL THEN 'AND r.series_id = ANY ($2)' ELSE '' END)
        USING server_id, series, most - removed;
        GET DIAGNOSTICS of_day = ROW_COUNT;
        removed := removed + of_day;
        EXIT WHEN removed >= most;
    END LOOP;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION pganalytics.forget_rows(text, integer, integer[], integer) IS
    'removes some rows of a forgotten server from the days of a relation, and returns how many';

-- Every push holds ROW EXCLUSIVE on pganalytics.servers and looks up its collector and server under
-- this lock. So the EXCLUSIVE lock below means that no push is under way, and that later ones know
-- what was deleted before. New pushes wait behind the request for the lock, but only 200 ms: they
-- would be refused after 400 ms.
CREATE FUNCTION pganalytics.wait_for_pushes() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '200ms'
AS $$ LOCK TABLE pganalytics.servers IN EXCLUSIVE MODE $$;
COMMENT ON FUNCTION pganalytics.wait_for_pushes() IS
    'waits until no push is under way and holds up others until the transaction ends';

-- forget_in_tables() removes the rows with this server_id or collector_id from the ordinary tables
-- of the extension, whichever they are. The row is gone from servers or collectors already.
CREATE FUNCTION pganalytics.forget_in_tables(key name, value text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place record;
BEGIN
    FOR place IN
        SELECT c.oid::regclass AS relation, a.atttypid::regtype AS type
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = key AND NOT a.attisdropped
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind = 'r'
          AND c.relname NOT IN ('servers', 'collectors', 'certificates', 'forget_jobs')
    LOOP
        EXECUTE format('DELETE FROM %s WHERE %I = $1::%s', place.relation, key, place.type)
        USING value;
    END LOOP;
END
$$;
COMMENT ON FUNCTION pganalytics.forget_in_tables(name, text) IS
    'removes the rows of a forgotten server or collector from the tables that are not kept by day';

-- forget_step() is SECURITY DEFINER, because no role may delete samples. It does a part of one job
-- in a bounded time and returns whether there is more to do. A job has no other state than its row
-- and the rows that are left, so after a crash the next call goes on.
CREATE FUNCTION pganalytics.forget_step(most integer DEFAULT 5000) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job pganalytics.forget_jobs;
    place record;
    gone_series integer[];
    removed integer := 0;
    texts_gone integer := 0;
    unused bigint[];
BEGIN
    IF EXISTS (SELECT FROM pganalytics.forget_jobs j WHERE j.ended_at IS NULL AND j.state = 'waiting')
    THEN
        PERFORM pganalytics.wait_for_pushes();
        -- A push that was under way has added a server after its collector was deleted.
        DELETE FROM pganalytics.servers s USING pganalytics.forget_jobs j
        WHERE j.ended_at IS NULL AND j.state = 'waiting' AND j.server_id IS NULL
          AND s.collector_id = j.collector_id
          AND NOT EXISTS (SELECT FROM pganalytics.collectors c WHERE c.collector_id = s.collector_id);
        UPDATE pganalytics.forget_jobs j SET state = 'removing', begun_at = now()
        WHERE j.ended_at IS NULL AND j.state = 'waiting';
        RETURN true;
    END IF;

    -- A server or collector that is there was put back by hand: leave it alone.
    SELECT * INTO job FROM pganalytics.forget_jobs j
    WHERE j.ended_at IS NULL AND j.server_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM pganalytics.servers s WHERE s.server_id = j.server_id)
    ORDER BY j.forget_job_id LIMIT 1;
    IF NOT FOUND THEN
        FOR job IN SELECT * FROM pganalytics.forget_jobs c
                   WHERE c.ended_at IS NULL AND c.server_id IS NULL
                     AND NOT EXISTS (SELECT FROM pganalytics.collectors l
                                     WHERE l.collector_id = c.collector_id)
                     AND NOT EXISTS (SELECT FROM pganalytics.forget_jobs s
                                     WHERE s.collector_id = c.collector_id
                                       AND s.server_id IS NOT NULL AND s.ended_at IS NULL)
        LOOP
            PERFORM pganalytics.forget_in_tables('collector_id', job.collector_id::text);
            UPDATE pganalytics.forget_jobs j
            SET state = 'done', ended_at = now(), samples = s.samples, pushes = s.pushes,
                series = s.series, texts = s.texts
            FROM (SELECT coalesce(sum(o.samples), 0) AS samples, coalesce(sum(o.pushes), 0) AS pushes,
                         coalesce(sum(o.series), 0) AS series, coalesce(sum(o.texts), 0) AS texts
                  FROM pganalytics.forget_jobs o
                  WHERE o.collector_id = job.collector_id AND o.server_id IS NOT NULL
                    AND o.ended_at >= job.requested_at) s
            WHERE j.forget_job_id = job.forget_job_id;
        END LOOP;
        RETURN false;
    END IF;

    -- Samples, through the numbers of their series; then the series.
    IF cardinality(job.perhaps_unused) < 1000 THEN
        SELECT n.relation, array_agg(n.series_id) AS series INTO place
        FROM (SELECT 'query_samples' AS relation, q.series_id FROM pganalytics.query_series q
              WHERE q.server_id = job.server_id ORDER BY q.series_id LIMIT 200) n
        GROUP BY n.relation;
        IF NOT FOUND THEN
            SELECT n.relation, array_agg(n.series_id) AS series INTO place
            FROM (SELECT m.relation, m.series_id FROM pganalytics.metric_series m
                  WHERE m.server_id = job.server_id
                    AND m.relation = (SELECT min(f.relation) FROM pganalytics.metric_series f
                                      WHERE f.server_id = job.server_id)
                  ORDER BY m.series_id LIMIT 200) n
            GROUP BY n.relation;
        END IF;
        IF FOUND THEN
            removed := pganalytics.forget_rows(place.relation, job.server_id, place.series, most);
            IF removed < most THEN
                IF place.relation = 'query_samples' THEN
                    WITH gone AS (
                        DELETE FROM pganalytics.query_series q
                        WHERE q.server_id = job.server_id AND q.series_id = ANY (place.series)
                        RETURNING q.series_id, q.text_id)
                    SELECT array_agg(g.series_id),
                           coalesce(array_agg(g.text_id) FILTER (WHERE g.text_id IS NOT NULL), '{}')
                    INTO gone_series, unused FROM gone g;
                ELSE
                    WITH gone AS (
                        DELETE FROM pganalytics.metric_series m
                        WHERE m.server_id = job.server_id AND m.series_id = ANY (place.series)
                        RETURNING m.series_id)
                    SELECT array_agg(g.series_id), '{}' INTO gone_series, unused FROM gone g;
                END IF;
            END IF;
            UPDATE pganalytics.forget_jobs j
            SET samples = j.samples + removed,
                series = j.series + coalesce(cardinality(gone_series), 0),
                perhaps_unused = j.perhaps_unused || coalesce(unused, '{}')
            WHERE j.forget_job_id = job.forget_job_id;
            RETURN true;
        END IF;
    END IF;

    -- A push that finds a text does not lock it. So remove texts only while no push is under way.
    IF cardinality(job.perhaps_unused) > 0 THEN
        PERFORM pganalytics.wait_for_pushes();
        DELETE FROM pganalytics.query_texts t
        WHERE t.text_id = ANY (job.perhaps_unused)
          AND NOT EXISTS (SELECT FROM pganalytics.query_series q WHERE q.text_id = t.text_id);
        GET DIAGNOSTICS texts_gone = ROW_COUNT;
        UPDATE pganalytics.forget_jobs j SET texts = j.texts + texts_gone, perhaps_unused = '{}'
        WHERE j.forget_job_id = job.forget_job_id;
        RETURN true;
    END IF;

    FOR place IN SELECT 'push_ledger' AS relation UNION ALL SELECT 'push_accounts' LOOP
        removed := removed + pganalytics.forget_rows(place.relation, job.server_id, NULL, most - removed);
        IF removed >= most THEN
            UPDATE pganalytics.forget_jobs j SET pushes = j.pushes + removed
            WHERE j.forget_job_id = job.forget_job_id;
            RETURN true;
        END IF;
    END LOOP;
    PERFORM pganalytics.forget_in_tables('server_id', job.server_id::text);
    UPDATE pganalytics.forget_jobs j
    SET pushes = j.pushes + removed, state = 'done', ended_at = now()
    WHERE j.forget_job_id = job.forget_job_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION pganalytics.forget_step(integer) IS
    'removes some rows of what was forgotten and returns whether there is more to do; for the maintenance worker';
GRANT EXECUTE ON FUNCTION pganalytics.forget_step(integer) TO pganalytics_maintenance;
