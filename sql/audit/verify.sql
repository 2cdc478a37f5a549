-- Verifies the audit log: the chain of hashes, its two ends, and the triggers that refuse changes.
-- A superuser can replace these functions. To be independent of them, write a program of your own:
-- docs/operate/audit.md describes the canonical form of a row. Keep anchors on another machine.

CREATE FUNCTION pganalytics.audit_head(OUT id bigint, OUT hash bytea)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_head';
COMMENT ON FUNCTION pganalytics.audit_head() IS
    'the last row that the audit worker of this server has committed to this log; NULL if it has committed none';
GRANT EXECUTE ON FUNCTION pganalytics.audit_head() TO pganalytics_admin, pganalytics_alerts;

-- verify_audit_log() reports the first row that is wrong. It reads the head before the scan, so the
-- scan must find every row up to the head. enable_sort is off, because each partition has an index
-- in the order of the scan; a sort would write the rows to temporary files.
CREATE FUNCTION pganalytics.verify_audit_log(
        anchor text DEFAULT NULL, OUT status text, OUT first_id bigint, OUT last_id bigint,
        OUT first_at timestamptz, OUT last_at timestamptz, OUT rows bigint, OUT gaps bigint,
        OUT broken_id bigint, OUT reason text, OUT summary text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_sort = off
    SET jit = off
AS $$
DECLARE
    anchored CONSTANT text[] := regexp_match(anchor, '^([0-9]{1,18}):([0-9a-f]{64})$');
    anchor_id CONSTANT bigint := anchored[1]::bigint;
    -- Compare the head only in READ COMMITTED: at other isolation levels the snapshot may be older
    -- than the head.
    fresh CONSTANT boolean := current_setting('transaction_isolation') = 'read committed';
    start_id bigint;
    start_hash bytea;
    head record;
    known_hash bytea;
    last_hash bytea;
    unguarded text;
BEGIN
    IF anchor IS NOT NULL AND anchored IS NULL THEN
        RAISE EXCEPTION 'an anchor is the number of a row, a colon and 64 hexadecimal digits'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The server log has one each minute, behind "audit log head:".';
    END IF;
    SELECT h.id, h.hash INTO head FROM pganalytics.audit_head() h;

    -- The log begins at row 1, or after the months that were dropped because they had expired.
    SELECT l.id - 1 INTO start_id FROM pganalytics.audit_log l ORDER BY l.id LIMIT 1;
    SELECT decode(l.details->>'last_hash', 'hex') INTO start_hash FROM pganalytics.audit_log l
    WHERE l.event = 'audit.expired' AND l.details @> jsonb_build_object('last_id', start_id)
      AND l.details->>'last_hash' ~ '^[0-9a-f]{64}$'
    LIMIT 1;
    IF start_hash IS NULL THEN
        start_id := 0;
        start_hash := decode(repeat('00', 32), 'hex');
    END IF;

    WITH walked AS (
        SELECT l AS entry, l.id, l.hash, l.recorded_at, l.event, l.details,
               lag(l.id, 1, start_id) OVER w AS after_id,
               lag(l.hash, 1, start_hash) OVER w AS after_hash
        FROM pganalytics.audit_log l WINDOW w AS (ORDER BY l.id)
    ), judged AS (
        SELECT j.id, j.recorded_at, j.event,
               CASE WHEN j.id = j.after_id THEN format('there are several rows %s', j.id)
                    WHEN j.id <> j.after_id + 1 AND NOT coalesce(
                        j.event = 'audit.gap'
                        AND j.details @> jsonb_build_object('missing_from', j.after_id + 1,
                                                            'missing_to', j.id - 1)
                        AND j.details->>'after_hash' ~ '^[0-9a-f]{64}$', false)
                        THEN format(CASE j.id - j.after_id WHEN 2 THEN 'row %s is missing'
                                         ELSE 'rows %s to %s are missing' END,
                                    j.after_id + 1, j.id - 1)
                    WHEN j.hash IS DISTINCT FROM sha256(
                        CASE WHEN j.id = j.after_id + 1 THEN j.after_hash
                             ELSE decode(j.details->>'after_hash', 'hex') END
                        || convert_to(pganalytics.audit_row_text(j.entry), 'UTF8'))
                        THEN format('row %s or the hash before it is not what was written', j.id)
                    WHEN j.event = 'audit.gap' AND j.details ? 'changed_row'
                        THEN format('row %s had been changed when row %s was written',
                                    j.details->>'changed_row', j.id)
                    WHEN j.event = 'audit.gap' AND j.details ? 'added_from'
                        THEN format('rows %s to %s were not written by the audit worker',
                                    j.details->>'added_from', j.details->>'added_to')
               END AS problem
        FROM walked j
    )
    SELECT min(j.id), max(j.id), min(j.recorded_at), max(j.recorded_at), count(*),
           count(*) FILTER (WHERE j.event = 'audit.gap'),
           min(j.id) FILTER (WHERE j.problem IS NOT NULL),
           (array_agg(j.problem ORDER BY j.id) FILTER (WHERE j.problem IS NOT NULL))[1]
    INTO first_id, last_id, first_at, last_at, rows, gaps, broken_id, reason
    FROM judged j;

    IF reason IS NULL AND fresh AND head.id IS NOT NULL THEN
        SELECT l.hash INTO known_hash FROM pganalytics.audit_log l WHERE l.id = head.id;
        IF coalesce(last_id, 0) < head.id THEN
            broken_id := coalesce(last_id, 0) + 1;
            reason := format('rows %s to %s are missing at the end', broken_id, head.id);
        ELSIF known_hash IS DISTINCT FROM head.hash THEN
            broken_id := head.id;
            reason := format('row %s is not the one that the audit worker has written', head.id);
        ELSE
            -- The worker commits a row a moment before it moves the head to that row: wait for up
            -- to 250 ms.
            FOR i IN 1 .. 25 LOOP
                SELECT h.id, h.hash INTO head FROM pganalytics.audit_head() h;
                EXIT WHEN head.id >= last_id;
                PERFORM pg_sleep(0.01);
            END LOOP;
            SELECT l.hash INTO last_hash FROM pganalytics.audit_log l WHERE l.id = last_id;
            IF head.id < last_id THEN
                broken_id := head.id + 1;
                reason := format('rows %s to %s were not written by the audit worker', broken_id, last_id);
            ELSIF head.id = last_id AND last_hash IS DISTINCT FROM head.hash THEN
                broken_id := last_id;
                reason := format('row %s is not the one that the audit worker has written', last_id);
            END IF;
        END IF;
    END IF;

    IF reason IS NULL AND anchor_id IS NOT NULL THEN
        SELECT l.hash INTO known_hash FROM pganalytics.audit_log l WHERE l.id = anchor_id;
        IF anchor_id < first_id AND EXISTS (
            SELECT FROM pganalytics.audit_log l
            WHERE l.event = 'audit.expired'
              AND l.details @> jsonb_build_object('last_id', anchor_id, 'last_hash', anchored[2])) THEN
            NULL;
        ELSIF anchor_id < first_id THEN
            broken_id := anchor_id;
            reason := format('row %s of the anchor was dropped: give a later one', anchor_id);
        ELSIF anchor_id > coalesce(last_id, 0) THEN
            broken_id := coalesce(last_id, 0) + 1;
            reason := format('rows %s to %s are missing at the end', broken_id, anchor_id);
        ELSIF known_hash IS DISTINCT FROM decode(anchored[2], 'hex') THEN
            broken_id := anchor_id;
            reason := format('row %s is not the one that was anchored', anchor_id);
        END IF;
    END IF;

    IF reason IS NULL THEN
        SELECT string_agg(t.relation::text, ', ' ORDER BY t.relation::text) INTO unguarded
        FROM (SELECT 'pganalytics.audit_log'::regclass AS relation
              UNION ALL
              SELECT i.inhrelid FROM pg_inherits i
              WHERE i.inhparent = 'pganalytics.audit_log'::regclass) t
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger g
            WHERE g.tgrelid = t.relation AND g.tgenabled = 'A' AND g.tgqual IS NULL
              AND g.tgfoid = 'pganalytics.refuse_audit_change()'::regprocedure
              -- The bits mean BEFORE, DELETE, UPDATE and TRUNCATE. Without bit 1 the trigger is FOR
              -- EACH STATEMENT (catalog/pg_trigger.h).
              AND g.tgtype = 2 | 8 | 16 | 32);
        IF unguarded IS NOT NULL THEN
            reason := format('the trigger against changes is not in force on %s', unguarded);
        END IF;
    END IF;

    status := CASE WHEN reason IS NULL THEN 'unbroken' ELSE 'broken' END;
    summary := CASE
        WHEN broken_id IS NOT NULL THEN format('broken at row %s: %s', broken_id, reason)
        WHEN reason IS NOT NULL THEN format('broken: %s', reason)
        WHEN rows = 0 THEN 'the log is empty'
        ELSE format('unbroken from row %s of %s to row %s of %s, %s', first_id,
                    to_char(first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), last_id,
                    to_char(last_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
                    CASE gaps WHEN 0 THEN 'no gap' WHEN 1 THEN '1 gap'
                              ELSE format('%s gaps', gaps) END)
        END;
END
$$;
COMMENT ON FUNCTION pganalytics.verify_audit_log(text) IS
    'whether the audit log is as it was written: unbroken, or broken with the first wrong row; anchor: number and hash of a row, from the server log';
GRANT EXECUTE ON FUNCTION pganalytics.verify_audit_log(text) TO pganalytics_admin;
