-- Actions of people on alerts: acknowledge, silence, plan maintenance. The functions run with the
-- rights of the caller. Triggers record which role acted, so that an UPDATE by hand is recorded
-- like a call of these functions.

CREATE FUNCTION pganalytics.stamp_acknowledgement() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'resolved' THEN
        RAISE EXCEPTION 'alert % is resolved already', OLD.alert_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    NEW.acknowledged_at := CASE WHEN NEW.acknowledged_at IS NOT NULL THEN now() END;
    NEW.acknowledged_by :=
        CASE WHEN NEW.acknowledged_at IS NOT NULL THEN pganalytics.acting_role() END;
    NEW.acknowledgement := CASE WHEN NEW.acknowledged_at IS NOT NULL THEN NEW.acknowledgement END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION pganalytics.stamp_acknowledgement() IS
    'trigger: writes who acknowledges an alert, and when';

-- SECURITY DEFINER: operators cannot write an alert's history themselves.
CREATE FUNCTION pganalytics.record_acknowledgement() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO pganalytics.alert_history (alert_id, at, change, value, actor, comment)
    VALUES (NEW.alert_id, now(),
            CASE WHEN NEW.acknowledged_at IS NULL THEN 'unacknowledged' ELSE 'acknowledged' END,
            NEW.value, pganalytics.acting_role(), NEW.acknowledgement);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION pganalytics.record_acknowledgement() IS
    'trigger: records an acknowledgement, or its end, in the history of the alert';

-- The alerts worker writes other columns, so these triggers do not fire for it.
CREATE TRIGGER stamp_acknowledgement
    BEFORE UPDATE OF acknowledged_at, acknowledged_by, acknowledgement ON pganalytics.alerts
    FOR EACH ROW EXECUTE FUNCTION pganalytics.stamp_acknowledgement();
CREATE TRIGGER record_acknowledgement
    AFTER UPDATE OF acknowledged_at, acknowledged_by, acknowledgement ON pganalytics.alerts
    FOR EACH ROW WHEN (NEW.acknowledged_at IS NOT NULL OR OLD.acknowledged_at IS NOT NULL)
    EXECUTE FUNCTION pganalytics.record_acknowledgement();

CREATE FUNCTION pganalytics.acknowledge_alert(alert_id bigint, comment text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.alerts AS a
    SET acknowledged_at = now(), acknowledgement = acknowledge_alert.comment
    WHERE a.alert_id = acknowledge_alert.alert_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no alert %', coalesce(alert_id::text, 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.acknowledge_alert(bigint, text) IS
    'acknowledges an alert: it is not sent again and does not escalate; a second call changes person and comment';
GRANT EXECUTE ON FUNCTION pganalytics.acknowledge_alert(bigint, text)
    TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.unacknowledge_alert(alert_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.alerts AS a SET acknowledged_at = NULL
    WHERE a.alert_id = unacknowledge_alert.alert_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no alert %', coalesce(alert_id::text, 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.unacknowledge_alert(bigint) IS 'takes an acknowledgement back';
GRANT EXECUTE ON FUNCTION pganalytics.unacknowledge_alert(bigint) TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.stamp_silence() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.ended_by := CASE WHEN NEW.ends_at < OLD.ends_at THEN pganalytics.acting_role()
                         WHEN NEW.ends_at = OLD.ends_at THEN OLD.ended_by END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION pganalytics.stamp_silence() IS
    'trigger: writes who made a silence shorter';
CREATE TRIGGER stamp_silence BEFORE UPDATE ON pganalytics.alert_silences
    FOR EACH ROW EXECUTE FUNCTION pganalytics.stamp_silence();

CREATE FUNCTION pganalytics.silence_alerts(
        matchers jsonb, duration interval, reason text, starts_at timestamptz DEFAULT pg_catalog.now())
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made bigint;
BEGIN
    PERFORM pganalytics.check_matchers(matchers, false);
    IF duration IS NULL OR starts_at IS NULL OR NOT isfinite(starts_at)
       OR starts_at + duration <= greatest(starts_at, now()) THEN
        RAISE EXCEPTION 'the silence would be over before it begins'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a silence needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason)
    VALUES (matchers, silence_alerts.starts_at, silence_alerts.starts_at + duration,
            silence_alerts.reason)
    RETURNING silence_id INTO made;
    RETURN made;
END
$$;
COMMENT ON FUNCTION pganalytics.silence_alerts(jsonb, interval, text, timestamptz) IS
    'notifies nobody of alerts with these labels for a while; returns the number of the silence';
GRANT EXECUTE ON FUNCTION pganalytics.silence_alerts(jsonb, interval, text, timestamptz)
    TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.silence_alert(alert_id bigint, duration interval, reason text)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    alert pganalytics.alerts;
BEGIN
    SELECT a.* INTO alert FROM pganalytics.alerts a WHERE a.alert_id = silence_alert.alert_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no alert %', coalesce(alert_id::text, 'NULL')
            USING ERRCODE = 'no_data_found';
    ELSIF alert.state = 'resolved' THEN
        RAISE EXCEPTION 'alert % is resolved already', alert_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN pganalytics.silence_alerts(
        (SELECT jsonb_agg(jsonb_build_object('name', l.key, 'value', l.value, 'isRegex', false,
                                             'isEqual', true) ORDER BY l.key)
         FROM jsonb_each_text(alert.labels) l), duration, reason);
END
$$;
COMMENT ON FUNCTION pganalytics.silence_alert(bigint, interval, text) IS
    'notifies nobody of this alert for a while: a silence of exactly its labels';
GRANT EXECUTE ON FUNCTION pganalytics.silence_alert(bigint, interval, text)
    TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.end_silence(silence_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz;
BEGIN
    SELECT s.ends_at INTO until FROM pganalytics.alert_silences s
    WHERE s.silence_id = end_silence.silence_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no silence %', coalesce(silence_id::text, 'NULL')
            USING ERRCODE = 'no_data_found';
    ELSIF until <= now() THEN
        RAISE EXCEPTION 'silence % has ended already', silence_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    -- If the silence has not begun yet, let it begin and end now: then it mutes nothing.
    UPDATE pganalytics.alert_silences AS s
    SET starts_at = least(s.starts_at, now()), ends_at = now()
    WHERE s.silence_id = end_silence.silence_id;
END
$$;
COMMENT ON FUNCTION pganalytics.end_silence(bigint) IS 'ends a silence now, also one that has not begun';
GRANT EXECUTE ON FUNCTION pganalytics.end_silence(bigint) TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.create_maintenance_window(
        name text, matchers jsonb, starts_at timestamptz, duration interval, reason text,
        repeat_every interval DEFAULT NULL, time_zone text DEFAULT 'UTC') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem CONSTANT text := CASE
        WHEN coalesce(btrim(name), '') = '' THEN 'a maintenance window needs a name'
        WHEN coalesce(btrim(reason), '') = '' THEN 'a maintenance window needs a reason'
        WHEN starts_at IS NULL OR NOT isfinite(starts_at) THEN 'a maintenance window needs a beginning'
        WHEN duration IS NULL OR duration NOT BETWEEN '1 min' AND '7 days' THEN
            'a maintenance window lasts from a minute to 7 days'
        WHEN repeat_every < duration THEN 'a maintenance window ends before it comes again'
        WHEN date_trunc('month', repeat_every) <> '0' THEN
            'a maintenance window comes again after days or hours'
        WHEN repeat_every IS NULL AND starts_at + duration <= now() THEN
            'the maintenance window would be over already'
    END;
BEGIN
    PERFORM pganalytics.check_matchers(matchers);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO pganalytics.maintenance_windows
        (name, matchers, starts_at, duration, repeat_every, time_zone, reason)
    VALUES (name, matchers, starts_at, duration, repeat_every, time_zone, reason)
    ON CONFLICT ON CONSTRAINT maintenance_windows_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is a maintenance window "%" already', name
            USING ERRCODE = 'duplicate_object';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.create_maintenance_window(
    text, jsonb, timestamptz, interval, text, interval, text) IS
    'plans a silence; [] matches all alerts; repeat_every repeats it at the same hour of time_zone';
GRANT EXECUTE ON FUNCTION
    pganalytics.create_maintenance_window(text, jsonb, timestamptz, interval, text, interval, text)
    TO pganalytics_operator, pganalytics_admin;

CREATE FUNCTION pganalytics.drop_maintenance_window(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pganalytics.maintenance_windows AS w
    WHERE w.name = drop_maintenance_window.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no maintenance window "%"', coalesce(name, 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.drop_maintenance_window(text) IS 'ends and removes a maintenance window';
GRANT EXECUTE ON FUNCTION pganalytics.drop_maintenance_window(text)
    TO pganalytics_operator, pganalytics_admin;

-- guard_alert_inhibitions() does for inhibitions what guard_alert_rules() does for rules: it
-- refuses to delete built-in rows, records who changed a row, and stores rows of a dump unchanged.
CREATE FUNCTION pganalytics.guard_alert_inhibitions() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pganalytics.in_extension_script() THEN
        RETURN coalesce(new, old);
    ELSIF tg_op = 'DELETE' THEN
        IF old.builtin THEN
            RAISE EXCEPTION 'inhibition "%" is a built-in one and cannot be deleted', old.name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Disable it: UPDATE pganalytics.alert_inhibitions SET enabled = false.';
        END IF;
        RETURN old;
    ELSIF tg_op = 'INSERT' AND new.changed_at IS NOT NULL THEN
        IF NOT new.builtin THEN RETURN new; END IF;
        UPDATE pganalytics.alert_inhibitions i
        SET source_matchers = new.source_matchers, target_matchers = new.target_matchers,
            equal_labels = new.equal_labels, enabled = new.enabled, changed_at = new.changed_at,
            changed_by = new.changed_by
        WHERE i.name = new.name AND i.builtin;
        IF FOUND THEN RETURN NULL; END IF;
        new.builtin := false;
        RETURN new;
    ELSIF tg_op = 'UPDATE' THEN
        IF new.builtin <> old.builtin OR (old.builtin AND new.name <> old.name) THEN
            RAISE EXCEPTION 'inhibition "%" is a built-in one and keeps its name', old.name
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        IF new.changed_at IS DISTINCT FROM old.changed_at AND new.changed_at IS NOT NULL THEN
            RETURN new;
        END IF;
    END IF;
    new.builtin := tg_op = 'UPDATE' AND old.builtin;
    new.changed_at := clock_timestamp();
    new.changed_by := pganalytics.acting_role();
    RETURN new;
END
$$;
COMMENT ON FUNCTION pganalytics.guard_alert_inhibitions() IS
    'trigger: writes who changed an inhibition; refuses to delete built-in ones';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON pganalytics.alert_inhibitions
    FOR EACH ROW EXECUTE FUNCTION pganalytics.guard_alert_inhibitions();

CREATE VIEW pganalytics.silences AS
    SELECT s.silence_id,
           CASE WHEN s.ends_at <= pg_catalog.now() THEN 'expired'
                WHEN s.starts_at > pg_catalog.now() THEN 'pending' ELSE 'active' END AS state,
           s.matchers, s.starts_at, s.ends_at, s.reason, s.created_at, s.created_by, s.ended_by
    FROM pganalytics.alert_silences s;
COMMENT ON VIEW pganalytics.silences IS
    'silences: pending, active or expired; ended_by: who made it shorter';
GRANT SELECT ON pganalytics.silences
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.alert_groups AS
    SELECT rule, severity, pg_catalog.count(*) AS alerts,
           pg_catalog.count(*) FILTER (WHERE state = 'firing') AS firing,
           pg_catalog.count(*) FILTER (WHERE state = 'pending') AS pending,
           pg_catalog.count(*) FILTER (WHERE acknowledged_at IS NOT NULL) AS acknowledged,
           pg_catalog.count(*) FILTER (WHERE muted_by <> '{}') AS muted,
           pg_catalog.min(fired_at) AS firing_since,
           pg_catalog.array_agg(alert_id ORDER BY alert_id) AS alert_ids
    FROM pganalytics.active_alerts GROUP BY rule, severity;
COMMENT ON VIEW pganalytics.alert_groups IS 'pending and firing alerts by rule and severity';
GRANT SELECT ON pganalytics.alert_groups
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.alert_overview AS
    SELECT r.name AS rule, r.severity, r.enabled, coalesce(g.firing, 0) AS firing,
           coalesce(g.pending, 0) AS pending, coalesce(g.acknowledged, 0) AS acknowledged,
           coalesce(g.muted, 0) AS muted, g.firing_since, s.evaluated_at, s.duration_ms, s.failures,
           s.last_error
    FROM pganalytics.alert_rules r
    LEFT JOIN pganalytics.alert_rule_states s ON s.rule = r.name
    LEFT JOIN (
        SELECT rule, pg_catalog.sum(firing)::bigint AS firing, pg_catalog.sum(pending)::bigint AS pending,
               pg_catalog.sum(acknowledged)::bigint AS acknowledged,
               pg_catalog.sum(muted)::bigint AS muted, pg_catalog.min(firing_since) AS firing_since
        FROM pganalytics.alert_groups GROUP BY rule) AS g ON g.rule = r.name;
COMMENT ON VIEW pganalytics.alert_overview IS
    'each rule: its pending and firing alerts now, and how its last evaluation went';
GRANT SELECT ON pganalytics.alert_overview
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- The audit log records changes of these tables, as it does for the tables in
-- sql/audit/changes.sql. The triggers are created after the built-in rows were inserted, so that
-- these rows are not recorded: no person wrote them.
DO $triggers$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['alert_rules', 'alert_silences', 'maintenance_windows',
                                   'alert_inhibitions', 'alert_channels', 'alert_channel_secrets',
                                   'alerts'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_change AFTER %s ON pganalytics.%I '
            'FOR EACH ROW EXECUTE FUNCTION pganalytics.audit_change()',
            CASE watched WHEN 'alerts' THEN 'UPDATE OF acknowledged_at, acknowledged_by, acknowledgement'
                         ELSE 'INSERT OR UPDATE OR DELETE' END, watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_change',
                                  watched);
        CONTINUE WHEN watched = 'alerts';
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_truncate AFTER TRUNCATE ON pganalytics.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.audit_change()', watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_truncate',
                                  watched);
    END LOOP;
END
$triggers$;
