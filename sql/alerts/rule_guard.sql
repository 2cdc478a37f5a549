-- guard_alert_rules checks what administrators write to alert_rules, and stores rows of a dump
-- unchanged. An INSERT with a changed_at comes from a dump: administrators cannot write this
-- column.
CREATE FUNCTION pganalytics.guard_alert_rules() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    in_script boolean := pganalytics.in_extension_script();
    bad text;
BEGIN
    IF tg_op = 'DELETE' THEN
        IF old.builtin AND NOT in_script THEN
            RAISE EXCEPTION 'rule "%" is a built-in one and cannot be deleted', old.name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Disable it: UPDATE pganalytics.alert_rules SET enabled = false.';
        END IF;
        RETURN old;
    END IF;
    IF NOT in_script AND tg_op = 'INSERT' AND new.changed_at IS NOT NULL THEN
        IF NOT new.builtin THEN RETURN new; END IF;
        -- A dump has those built-in rules that were changed. CREATE EXTENSION has already inserted
        -- the rule, so update it.
        UPDATE pganalytics.alert_rules r
        SET query = new.query, comparison = new.comparison, threshold = new.threshold,
            threshold_setting = new.threshold_setting, pending_for = new.pending_for,
            keep_firing_for = new.keep_firing_for, severity = new.severity,
            evaluate_every = new.evaluate_every, time_limit = new.time_limit, labels = new.labels,
            annotations = new.annotations, runbook_url = new.runbook_url, enabled = new.enabled,
            changed_at = new.changed_at, changed_by = new.changed_by
        WHERE r.name = new.name AND r.builtin;
        IF FOUND THEN RETURN NULL; END IF;
        -- This version has no built-in rule of that name: the rule becomes the user's own.
        new.builtin := false;
        RETURN new;
    END IF;
    IF NOT in_script AND tg_op = 'UPDATE' THEN
        IF new.builtin <> old.builtin OR (old.builtin AND new.name <> old.name) THEN
            RAISE EXCEPTION 'rule "%" is a built-in one and keeps its name', old.name
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        IF new.changed_at IS DISTINCT FROM old.changed_at AND new.changed_at IS NOT NULL THEN
            RETURN new;
        END IF;
    END IF;
    IF tg_op = 'INSERT' OR new.query <> old.query THEN
        PERFORM pganalytics.check_rule_query(new.query);
    END IF;
    -- What a rule says of itself is in each of its alerts, and in each notification of them.
    IF octet_length(new.labels::text) > 16384 OR octet_length(new.annotations::text) > 32768
       OR (SELECT count(*) FROM jsonb_object_keys(new.annotations)) > 32 THEN
        RAISE EXCEPTION 'labels or annotations of rule "%" are too large', new.name
            USING ERRCODE = 'program_limit_exceeded',
                  HINT = 'Labels have at most 16384 bytes; there are at most 32 annotations, of 32768 bytes.';
    END IF;
    SELECT e.key INTO bad FROM jsonb_each(new.labels) AS e
    WHERE e.key !~ '^[a-zA-Z_][a-zA-Z0-9_]{0,62}$' OR e.key IN ('alertname', 'severity', 'value')
       OR starts_with(e.key, '__')
       OR jsonb_typeof(e.value) <> 'string' OR octet_length(new.labels ->> e.key) NOT BETWEEN 1 AND 1024
    ORDER BY e.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'label "%" of rule "%" is not allowed', bad, new.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A label''s name matches [a-zA-Z_][a-zA-Z0-9_]* and is none of alertname, severity and value; its value is a text of 1 to 1024 bytes.';
    END IF;
    SELECT e.key INTO bad FROM jsonb_each(new.annotations) AS e
    WHERE e.key !~ '^[a-zA-Z_][a-zA-Z0-9_]{0,62}$' OR jsonb_typeof(e.value) <> 'string'
    ORDER BY e.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'annotation "%" of rule "%" is not allowed', bad, new.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An annotation''s name matches [a-zA-Z_][a-zA-Z0-9_]*; its value is a text.';
    END IF;
    IF new.threshold IS NULL THEN
        PERFORM pganalytics.setting_value(new.threshold_setting);
    ELSIF new.threshold = 'NaN' THEN
        RAISE EXCEPTION 'the threshold of rule "%" is no number', new.name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT in_script THEN
        new.builtin := tg_op = 'UPDATE' AND old.builtin;
        new.changed_at := clock_timestamp();
        new.changed_by := pganalytics.acting_role();
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION pganalytics.guard_alert_rules() IS
    'trigger: checks a rule and writes who changed it; refuses to delete built-in rules';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON pganalytics.alert_rules
    FOR EACH ROW EXECUTE FUNCTION pganalytics.guard_alert_rules();
