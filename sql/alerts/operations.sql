-- Muting: silences, maintenance windows and inhibitions mute alerts. Their matchers select the
-- alerts.

-- acting_role() is written in C, because SQL does not know this role. In a SECURITY DEFINER
-- function current_user is the owner. For requests at the port for people session_user is the role
-- of the worker.
CREATE FUNCTION pganalytics.acting_role() RETURNS name
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_acting_role';
COMMENT ON FUNCTION pganalytics.acting_role() IS
    'the role that has logged in, to PostgreSQL or at the port for people';
GRANT EXECUTE ON FUNCTION pganalytics.acting_role() TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.labels_match(labels jsonb, matchers jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    matcher jsonb;
    found text;
    holds boolean;
BEGIN
    FOR i IN 0 .. jsonb_array_length(matchers) - 1 LOOP
        matcher := matchers -> i;
        found := coalesce(labels ->> (matcher ->> 'name'), '');
        IF (matcher -> 'isRegex')::boolean THEN
            holds := found COLLATE "C" ~ ('^(?:' || (matcher ->> 'value') || ')$');
        ELSE
            holds := found = matcher ->> 'value';
        END IF;
        IF holds IS DISTINCT FROM coalesce((matcher -> 'isEqual')::boolean, true) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION pganalytics.labels_match(jsonb, jsonb) IS
    'whether all matchers match these labels, as in Alertmanager: a missing label is the empty text, a regular expression matches the whole value';
GRANT EXECUTE ON FUNCTION pganalytics.labels_match(jsonb, jsonb)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

-- check_matchers() is for CHECK constraints: it returns true, or raises an error that names the
-- matcher. PostgreSQL understands all regular expressions that Alertmanager (RE2) understands. It
-- also understands back references; these are refused, because they can run for ever.
CREATE FUNCTION pganalytics.check_matchers(matchers jsonb, may_match_all boolean DEFAULT true)
    RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
    place text;
    matcher jsonb;
BEGIN
    IF matchers IS NULL OR jsonb_typeof(matchers) <> 'array' THEN
        RAISE EXCEPTION 'matchers are an array of objects' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Such as [{"name": "alertname", "value": "disk_full"}].';
    END IF;
    IF jsonb_array_length(matchers) > 256 THEN
        RAISE EXCEPTION 'there are more than 256 matchers' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR i IN 0 .. jsonb_array_length(matchers) - 1 LOOP
        matcher := matchers -> i;
        place := 'matcher ' || i + 1;
        problem := CASE
            WHEN jsonb_typeof(matcher) <> 'object' THEN 'is no object'
            WHEN matcher - ARRAY['name', 'value', 'isRegex', 'isEqual'] <> '{}' THEN
                'has a member other than name, value, isRegex and isEqual'
            WHEN jsonb_typeof(matcher -> 'name') IS DISTINCT FROM 'string'
                 OR matcher ->> 'name' !~ '^[a-zA-Z_][a-zA-Z0-9_]{0,254}$' THEN
                'has no name that is a label''s'
            WHEN jsonb_typeof(matcher -> 'value') IS DISTINCT FROM 'string'
                 OR octet_length(matcher ->> 'value') > 2048 THEN
                'has no value that is a text of at most 2048 bytes'
            WHEN jsonb_typeof(matcher -> 'isRegex') <> 'boolean'
                 OR jsonb_typeof(matcher -> 'isEqual') <> 'boolean' THEN
                'has an isRegex or isEqual that is not true or false'
            WHEN (matcher -> 'isRegex')::boolean AND matcher ->> 'value' ~ '^\*\*\*|\\[1-9]' THEN
                'has a regular expression with a back reference or a director'
        END;
        IF problem IS NULL AND (matcher -> 'isRegex')::boolean THEN
            BEGIN
                -- Compile the value by itself, too: 'a)|(?:b' is valid only inside the added
                -- parentheses.
                PERFORM '' COLLATE "C" ~ (matcher ->> 'value'),
                        '' COLLATE "C" ~ ('^(?:' || (matcher ->> 'value') || ')$');
            EXCEPTION WHEN invalid_regular_expression THEN
                problem := 'has a value that is no regular expression: ' || SQLERRM;
            END;
        END IF;
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION '% %', place, problem USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    -- As in Alertmanager, refuse matchers that match an alert without labels: they would match
    -- nearly every alert.
    IF NOT may_match_all AND pganalytics.labels_match('{}', matchers) THEN
        RAISE EXCEPTION 'the matchers match an alert without labels'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'At least one matcher must not match the empty text.';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION pganalytics.check_matchers(jsonb, boolean) IS
    'true, or an error that says what is wrong with the matchers; may_match_all allows [] and the like';
GRANT EXECUTE ON FUNCTION pganalytics.check_matchers(jsonb, boolean)
    TO pganalytics_operator, pganalytics_admin;

ALTER TABLE pganalytics.alert_silences
    ALTER created_by SET DEFAULT pganalytics.acting_role(),
    ADD CONSTRAINT alert_silences_matchers CHECK (pganalytics.check_matchers(matchers, false));
ALTER TABLE pganalytics.maintenance_windows
    ALTER created_by SET DEFAULT pganalytics.acting_role(),
    ADD CONSTRAINT maintenance_windows_matchers CHECK (pganalytics.check_matchers(matchers));
ALTER TABLE pganalytics.alert_inhibitions
    ADD CONSTRAINT alert_inhibitions_matchers CHECK (
        pganalytics.check_matchers(source_matchers, false)
        AND pganalytics.check_matchers(target_matchers, false));
ALTER TABLE pganalytics.alert_channels
    ADD CONSTRAINT alert_channels_matchers CHECK (pganalytics.check_matchers(matchers));

-- maintenance_covers() computes in the window's own time zone: 02:00 stays 02:00 when the clocks
-- change. If the change would make a window shorter than its duration, or leave a gap of an hour
-- between two windows, the window ends later.
CREATE FUNCTION pganalytics.maintenance_covers(
        at timestamptz, starts_at timestamptz, duration interval, repeat_every interval,
        time_zone text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_or(at >= (first + n * repeated) AT TIME ZONE time_zone
                            AND at < greatest(
                                (first + n * repeated + duration) AT TIME ZONE time_zone,
                                (first + n * repeated) AT TIME ZONE time_zone
                                + make_interval(secs => extract(epoch FROM duration)::float8))), false)
    FROM (SELECT starts_at AT TIME ZONE time_zone AS first,
                 coalesce(repeat_every, '1 day') AS repeated) AS of_window
    CROSS JOIN LATERAL (
        SELECT CASE WHEN repeat_every IS NULL THEN 0
                    ELSE floor(extract(epoch FROM at AT TIME ZONE time_zone - first)
                               / extract(epoch FROM repeated))::integer END AS turn) AS of_time
    -- Also try the repetitions turn - 1 and turn + 1: when clocks go back, one local hour comes
    -- twice, so turn can be wrong by one.
    CROSS JOIN LATERAL generate_series(greatest(turn - 1, 0),
                                       CASE WHEN repeat_every IS NULL THEN 0 ELSE turn + 1 END) AS n
$$;
COMMENT ON FUNCTION pganalytics.maintenance_covers(timestamptz, timestamptz, interval, interval, text) IS
    'whether a maintenance window, or one of its repetitions, is active at this time';
GRANT EXECUTE ON FUNCTION pganalytics.maintenance_covers(timestamptz, timestamptz, interval, interval, text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

-- alert_mutes() returns the muted alerts. Inhibition works as in Alertmanager:
--   A firing alert inhibits others even if it is silenced or inhibited itself. So two alerts that
--   inhibit each other are both muted.
--   If an alert matches both source and target of an inhibition, neither it nor another such alert
--   inhibits it.
--   An empty label equals a missing one.
-- Nothing mutes the heartbeat: its absence is an alarm elsewhere.
CREATE FUNCTION pganalytics.alert_mutes(at timestamptz)
    RETURNS TABLE (alert_id bigint, muted_by text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH active AS MATERIALIZED (
        SELECT a.alert_id, a.labels, a.state = 'firing' AS fires
        FROM pganalytics.alerts a WHERE a.state <> 'resolved' AND a.rule <> 'heartbeat'),
    muting AS MATERIALIZED (
        SELECT 1 AS place, 'silence ' || s.silence_id AS name, s.matchers
        FROM pganalytics.alert_silences s
        WHERE s.starts_at <= alert_mutes.at AND s.ends_at > alert_mutes.at
        UNION ALL
        SELECT 2, 'maintenance ' || w.name, w.matchers
        FROM pganalytics.maintenance_windows w
        WHERE w.enabled AND pganalytics.maintenance_covers(
            alert_mutes.at, w.starts_at, w.duration, w.repeat_every, w.time_zone)),
    sides AS MATERIALIZED (
        SELECT i.name, a.alert_id, a.fires,
               pganalytics.labels_match(a.labels, i.source_matchers) AS is_source,
               pganalytics.labels_match(a.labels, i.target_matchers) AS is_target,
               ARRAY(SELECT coalesce(a.labels ->> l, '')
                     FROM unnest(i.equal_labels) WITH ORDINALITY AS e(l, n) ORDER BY n) AS key
        FROM pganalytics.alert_inhibitions i CROSS JOIN active a WHERE i.enabled),
    muted AS (
        SELECT a.alert_id, m.place, m.name
        FROM active a JOIN muting m ON pganalytics.labels_match(a.labels, m.matchers)
        UNION ALL
        SELECT t.alert_id, 3, 'inhibition ' || t.name
        FROM sides t
        WHERE t.is_target AND EXISTS (
            SELECT FROM sides s
            WHERE s.is_source AND s.fires AND s.name = t.name AND s.key = t.key
              AND NOT (t.is_source AND s.is_target)))
    SELECT m.alert_id, array_agg(m.name ORDER BY m.place, m.name) FROM muted m GROUP BY m.alert_id;
END
$$;
COMMENT ON FUNCTION pganalytics.alert_mutes(timestamptz) IS
    'pending and firing alerts that are muted at this time, and what mutes them: silences, maintenance, inhibitions';
GRANT EXECUTE ON FUNCTION pganalytics.alert_mutes(timestamptz)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

CREATE VIEW pganalytics.active_alerts AS
    SELECT a.alert_id, a.rule, a.severity, a.state, a.labels, a.annotations, a.runbook_url, a.value,
           a.started_at, a.fired_at, a.found_at, a.acknowledged_at, a.acknowledged_by,
           a.acknowledgement, coalesce(m.muted_by, '{}') AS muted_by, a.fingerprint
    FROM pganalytics.alerts a
    LEFT JOIN pganalytics.alert_mutes(pg_catalog.now()) m ON m.alert_id = a.alert_id
    WHERE a.state <> 'resolved' AND a.rule <> 'heartbeat';
COMMENT ON VIEW pganalytics.active_alerts IS
    'alerts that are pending or firing, and what mutes them; without the heartbeat, which always fires';
GRANT SELECT ON pganalytics.active_alerts
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
