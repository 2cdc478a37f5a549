-- The engine of alerts: it finds the rules that are due, runs their queries, and computes the next
-- state of each alert. The functions take the time as an argument; the alerts worker passes now().

-- evaluation_time does not set search_path: that would make it ten times as slow, and queries call
-- it for every row. It looks up no name, so it needs no search_path.
CREATE FUNCTION pganalytics.evaluation_time() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pganalytics_evaluation_time';
COMMENT ON FUNCTION pganalytics.evaluation_time() IS
    'the time for which a rule''s query runs: the setting pganalytics.evaluation_time, else now()';
GRANT EXECUTE ON FUNCTION pganalytics.evaluation_time()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

-- run_rule() is PARALLEL UNSAFE, because it begins a subtransaction.
CREATE FUNCTION pganalytics.run_rule(query text, at timestamptz)
    RETURNS TABLE (labels jsonb, value double precision)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_run_rule';
COMMENT ON FUNCTION pganalytics.run_rule(text, timestamptz) IS
    'what a rule''s query finds for a time; the query runs read-only as pganalytics_rules and is rolled back';
GRANT EXECUTE ON FUNCTION pganalytics.run_rule(text, timestamptz) TO pganalytics_admin, pganalytics_alerts;

CREATE FUNCTION pganalytics.check_rule_query(query text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_check_rule_query';
COMMENT ON FUNCTION pganalytics.check_rule_query(text) IS
    'true, or an error that says why this cannot be a rule''s query; it is not run';
GRANT EXECUTE ON FUNCTION pganalytics.check_rule_query(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.setting_value(setting text) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_setting_value';
COMMENT ON FUNCTION pganalytics.setting_value(text) IS
    'the number that a setting pganalytics.* has now, in its own unit';
GRANT EXECUTE ON FUNCTION pganalytics.setting_value(text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_retention() RETURNS integer
    LANGUAGE c STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_alert_retention';
COMMENT ON FUNCTION pganalytics.alert_retention() IS
    'for how many days resolved alerts are kept: the setting pganalytics.retention_alerts';
GRANT EXECUTE ON FUNCTION pganalytics.alert_retention() TO pganalytics_alerts;

CREATE FUNCTION pganalytics.in_extension_script() RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_in_extension_script';
COMMENT ON FUNCTION pganalytics.in_extension_script() IS
    'whether CREATE or ALTER EXTENSION runs a script';
GRANT EXECUTE ON FUNCTION pganalytics.in_extension_script() TO pganalytics_admin;

CREATE FUNCTION pganalytics.expand_template(template text, labels jsonb, value double precision)
    RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_expand_template';
COMMENT ON FUNCTION pganalytics.expand_template(text, jsonb, double precision) IS
    'the text with {{ $labels.x }} and {{ $value }} replaced';
GRANT EXECUTE ON FUNCTION pganalytics.expand_template(text, jsonb, double precision)
    TO pganalytics_admin, pganalytics_alerts;

CREATE FUNCTION pganalytics.alert_fingerprint(labels jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(encode(sha256(convert_to(labels::text, 'UTF8')), 'hex'), 16)
$$;
COMMENT ON FUNCTION pganalytics.alert_fingerprint(jsonb) IS
    'of the labels of an alert: the first 16 hex digits of their SHA-256, as jsonb writes them';
GRANT EXECUTE ON FUNCTION pganalytics.alert_fingerprint(jsonb) TO pganalytics_admin, pganalytics_alerts;

CREATE FUNCTION pganalytics.rule_threshold(threshold double precision, threshold_setting text)
    RETURNS double precision
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(threshold, pganalytics.setting_value(threshold_setting));
END
$$;
COMMENT ON FUNCTION pganalytics.rule_threshold(double precision, text) IS
    'the threshold in force: the rule''s own, else that of its setting';
GRANT EXECUTE ON FUNCTION pganalytics.rule_threshold(double precision, text)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules, pganalytics_alerts;

-- PostgreSQL sorts NaN above every number, but a rule must not fire for NaN. The function takes all
-- values at once: a rule may find many thousands, of which few are beyond its threshold.
CREATE FUNCTION pganalytics.alert_conditions(
        "values" double precision[], comparison text, threshold double precision) RETURNS boolean[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(coalesce(v.value <> 'NaN' AND CASE comparison
        WHEN '>' THEN v.value > threshold
        WHEN '>=' THEN v.value >= threshold
        WHEN '<' THEN v.value < threshold
        WHEN '<=' THEN v.value <= threshold
        WHEN '=' THEN v.value = threshold
        WHEN '<>' THEN v.value <> threshold END, false) ORDER BY v.place)
    FROM unnest("values") WITH ORDINALITY AS v (value, place)
$$;
COMMENT ON FUNCTION pganalytics.alert_conditions(double precision[], text, double precision) IS
    'for each value whether it is beyond a threshold; neither NULL nor NaN is';
GRANT EXECUTE ON FUNCTION pganalytics.alert_conditions(double precision[], text, double precision)
    TO pganalytics_admin, pganalytics_alerts;

-- select_findings() says which findings become alerts. Everybody who can push decides how many
-- findings there are, so none may take the places of others: of one source (the label "actor", else
-- "collector") a hundred are kept, of a rule a thousand. The worst finding of each source comes
-- before the second worst of any, and what is an alert already stays one.
-- Labels that begin with two underscores are for annotations only and are no part of the identity.
CREATE FUNCTION pganalytics.select_findings(
        rule pganalytics.alert_rules, threshold double precision, active pganalytics.alerts[],
        found_labels jsonb[], found_values double precision[])
    RETURNS TABLE (fingerprint text, labels jsonb, texts jsonb, value double precision, source text,
                   kept boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most_of_source CONSTANT integer := 100;
    most_of_rule CONSTANT integer := 1000;
    duplicate jsonb;
BEGIN
    -- Adding the rule's own labels can make two found rows equal: if one row already has such a
    -- label with the same value, and the other row lacks it.
    SELECT m.labels INTO duplicate
    FROM unnest(found_labels) AS f (labels),
         LATERAL (SELECT rule.labels || f.labels
                         - ARRAY(SELECT k FROM jsonb_object_keys(f.labels) AS k WHERE starts_with(k, '__'))
                 ) AS m (labels)
    WHERE rule.labels <> '{}' OR f.labels::text LIKE '%"\_\_%' GROUP BY m.labels HAVING count(*) > 1 LIMIT 1;
    IF duplicate IS NOT NULL THEN
        RAISE EXCEPTION 'two rows of the rule''s query have the same labels'
            USING ERRCODE = 'cardinality_violation',
                  DETAIL = format('With those of the rule: %s', duplicate);
    END IF;
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT pganalytics.alert_fingerprint(l.labels) AS fingerprint, l.labels, m.texts, f.value,
               coalesce(l.labels ->> 'actor', l.labels ->> 'collector') AS source,
               CASE WHEN rule.comparison IN ('<', '<=') THEN -f.value ELSE f.value END AS badness
        FROM unnest(found_labels, found_values,
                    pganalytics.alert_conditions(found_values, rule.comparison, threshold))
                 AS f (labels, value, beyond),
             LATERAL (SELECT rule.labels || f.labels || jsonb_build_object(
                          'alertname', rule.name, 'severity', rule.severity)) AS m (texts),
             LATERAL (SELECT m.texts - ARRAY(SELECT k FROM jsonb_object_keys(m.texts) AS k
                                             WHERE starts_with(k, '__'))) AS l (labels)
        WHERE f.beyond),
    ranked AS MATERIALIZED (
        SELECT f.*, k.known,
               row_number() OVER (PARTITION BY f.source
                                  ORDER BY k.known DESC, f.badness DESC, f.fingerprint) AS place
        FROM found AS f
        CROSS JOIN LATERAL (
            SELECT f.fingerprint IN (SELECT a.fingerprint FROM unnest(active) AS a) AS known) AS k)
    SELECT r.fingerprint, r.labels, r.texts, r.value, r.source,
           (r.source IS NULL OR r.place <= most_of_source)
           AND row_number() OVER (ORDER BY r.source IS NOT NULL AND r.place > most_of_source,
                                  CASE WHEN r.source IS NULL THEN 1 ELSE r.place END,
                                  r.known DESC, r.badness DESC, r.fingerprint) <= most_of_rule
    FROM ranked AS r;
END
$$;
COMMENT ON FUNCTION pganalytics.select_findings(pganalytics.alert_rules, double precision, pganalytics.alerts[], jsonb[], double precision[]) IS
    'the findings of a rule that are beyond its threshold, and which of them become alerts: at most 100 of a source and 1000 in all';
GRANT EXECUTE ON FUNCTION
    pganalytics.select_findings(pganalytics.alert_rules, double precision, pganalytics.alerts[], jsonb[],
        double precision[])
    TO pganalytics_admin, pganalytics_alerts;

-- alert_step() decides every change of the state of an alert. The engine passes alerts from the
-- table, a backtest passes them from a variable. If the clock was set back, an alert counts its
-- wait (pending_for, keep_firing_for) again from the new time; nothing else changes.
-- While this server was down no collector could push. So after its start (server_start) an alert
-- about a collector that was firing and is not found at all goes on, until collectors have had the
-- time to push: pganalytics.alert_collector_silent. A finding that is no longer beyond the threshold
-- ends it at once.
CREATE FUNCTION pganalytics.alert_step(
        rule pganalytics.alert_rules, threshold double precision, active pganalytics.alerts[],
        found_labels jsonb[], found_values double precision[], at timestamptz,
        server_start timestamptz, OUT stepped pganalytics.alerts[], OUT left_out integer,
        OUT left_out_of text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    WITH selected AS MATERIALIZED (
        SELECT s.* FROM pganalytics.select_findings(rule, threshold, active, found_labels, found_values) s),
    known AS MATERIALIZED (
        SELECT a.*,
               CASE WHEN a.labels ? 'collector' AND a.found_at < server_start AND at >= server_start
                         AND at < server_start + make_interval(
                             secs => pganalytics.setting_value('pganalytics.alert_collector_silent'))
                    -- Compare all findings, also those that are not beyond the threshold.
                    THEN NOT EXISTS (SELECT FROM unnest(found_labels) AS f (labels)
                                     WHERE rule.labels || f.labels @> a.labels - '{alertname,severity}'::text[])
               END AS held
        FROM unnest(active) AS a),
    stepped AS MATERIALIZED (
        SELECT k.alert_id, coalesce(k.fingerprint, f.fingerprint) AS fingerprint,
               coalesce(k.labels, f.labels) AS labels, k.annotations, f.texts,
               coalesce(f.value, k.value) AS value, f.fingerprint IS NOT NULL AS is_found, k.peak,
               k.state AS was, t.started_at, t.found_at, k.fired_at,
               k.acknowledged_at, k.acknowledged_by, k.acknowledgement,
               CASE
                   WHEN f.fingerprint IS NULL AND k.state = 'pending' THEN NULL
                   WHEN f.fingerprint IS NULL AND k.held IS NOT TRUE
                        AND at >= t.found_at + rule.keep_firing_for THEN 'resolved'
                   WHEN k.state = 'firing' OR at >= t.started_at + rule.pending_for THEN 'firing'
                   ELSE 'pending'
               END AS state
        FROM known AS k
        FULL JOIN (SELECT s.* FROM selected AS s WHERE s.kept) AS f ON f.fingerprint = k.fingerprint
        CROSS JOIN LATERAL (
            SELECT least(k.started_at, at) AS started_at,
                   CASE WHEN f.fingerprint IS NULL THEN least(k.found_at, at) ELSE at END AS found_at
        ) AS t),
    outcome AS (
        SELECT s.alert_id, rule.name, s.fingerprint, s.labels,
               CASE WHEN s.is_found THEN coalesce((
                        SELECT jsonb_object_agg(a.key, pganalytics.expand_template(a.value, s.texts, s.value))
                        FROM jsonb_each_text(rule.annotations) AS a), '{}')
                    ELSE s.annotations END,
               s.labels ->> 'severity', rule.runbook_url, s.state, s.value,
               CASE WHEN s.peak IS NULL THEN s.value
                    WHEN rule.comparison IN ('<', '<=') THEN least(s.peak, s.value)
                    ELSE greatest(s.peak, s.value) END,
               s.started_at, s.found_at,
               CASE WHEN s.state <> 'pending' THEN coalesce(s.fired_at, at) END,
               CASE WHEN s.state = 'resolved' THEN greatest(at, s.fired_at) END,
               s.acknowledged_at, s.acknowledged_by, s.acknowledgement
        FROM stepped AS s),
    excess AS (
        SELECT s.source, count(*) AS findings FROM selected AS s WHERE NOT s.kept
        GROUP BY s.source)
    SELECT ARRAY(SELECT o::pganalytics.alerts FROM outcome AS o),
           coalesce((SELECT sum(e.findings) FROM excess AS e), 0),
           (SELECT e.source FROM excess AS e ORDER BY e.findings DESC, e.source LIMIT 1)
    INTO stepped, left_out, left_out_of;
END
$$;
COMMENT ON FUNCTION pganalytics.alert_step(pganalytics.alert_rules, double precision, pganalytics.alerts[], jsonb[], double precision[], timestamptz, timestamptz) IS
    'the next state of a rule''s pending and firing alerts, and new alerts, given what its query found; state NULL: it was pending and is no longer found';
GRANT EXECUTE ON FUNCTION
    pganalytics.alert_step(pganalytics.alert_rules, double precision, pganalytics.alerts[], jsonb[],
        double precision[], timestamptz, timestamptz)
    TO pganalytics_admin, pganalytics_alerts;

-- rule_pause() returns at least ten times the duration of the last evaluation. Rules are evaluated
-- one after the other, so a slow rule is evaluated less often, to leave time for the others.
CREATE FUNCTION pganalytics.rule_pause(evaluate_every interval, duration_ms double precision)
    RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT greatest(evaluate_every, make_interval(secs => duration_ms / 100))
$$;
COMMENT ON FUNCTION pganalytics.rule_pause(interval, double precision) IS
    'the time from one evaluation of a rule to its next: evaluate_every, or ten times as long as it takes';
GRANT EXECUTE ON FUNCTION pganalytics.rule_pause(interval, double precision) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.due_rules(at timestamptz)
    RETURNS TABLE (rule text, query text, time_limit_ms double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.name, r.query, extract(epoch FROM r.time_limit)::double precision * 1000
    FROM pganalytics.alert_rules r LEFT JOIN pganalytics.alert_rule_states s ON s.rule = r.name
    -- Compute the due time again instead of reading evaluate_at: since evaluate_at was stored, the
    -- clock may have been set back or the rule changed.
    WHERE r.enabled
      AND (s.evaluated_at IS NULL OR s.evaluated_at > at
           OR s.evaluated_at + pganalytics.rule_pause(r.evaluate_every, s.duration_ms) <= at)
    ORDER BY coalesce(s.evaluate_at, '-infinity'), r.name
$$;
COMMENT ON FUNCTION pganalytics.due_rules(timestamptz) IS
    'the rules that are due, the longest waiting first';
GRANT EXECUTE ON FUNCTION pganalytics.due_rules(timestamptz) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.record_evaluation(
        rule text, at timestamptz, labels jsonb[], "values" double precision[], error text,
        duration_ms double precision) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_rule pganalytics.alert_rules;
    step record;
    stepped pganalytics.alerts[];
BEGIN
    SELECT r.* INTO of_rule FROM pganalytics.alert_rules r
    WHERE r.name = record_evaluation.rule AND r.enabled;
    IF NOT FOUND THEN RETURN; END IF;
    -- This also locks the row: a second evaluation of the rule waits, and then sees the result of
    -- this one.
    INSERT INTO pganalytics.alert_rule_states AS s
        (rule, evaluate_at, evaluated_at, duration_ms, label_sets, failures, failing_since, last_error)
    VALUES (of_rule.name,
            at + pganalytics.rule_pause(of_rule.evaluate_every, record_evaluation.duration_ms),
            at, record_evaluation.duration_ms,
            CASE WHEN error IS NULL THEN coalesce(cardinality(record_evaluation.labels), 0) END,
            CASE WHEN error IS NULL THEN 0 ELSE 1 END,
            CASE WHEN error IS NOT NULL THEN at END, left(error, 1000))
    ON CONFLICT (rule) DO UPDATE SET
        evaluate_at = excluded.evaluate_at, evaluated_at = excluded.evaluated_at,
        duration_ms = excluded.duration_ms,
        label_sets = coalesce(excluded.label_sets, s.label_sets),
        failures = CASE WHEN error IS NULL THEN 0 ELSE s.failures + 1 END,
        failing_since = CASE WHEN error IS NOT NULL THEN coalesce(s.failing_since, at) END,
        last_error = coalesce(excluded.last_error, s.last_error);
    -- If the rule failed, nobody knows what it would have found: its alerts stay as they are.
    IF error IS NOT NULL THEN RETURN; END IF;
    SELECT a.* INTO step FROM pganalytics.alert_step(
        of_rule, pganalytics.rule_threshold(of_rule.threshold, of_rule.threshold_setting),
        ARRAY(SELECT a FROM pganalytics.alerts a
              WHERE a.rule = of_rule.name AND a.state <> 'resolved'),
        record_evaluation.labels, record_evaluation."values", at, pg_postmaster_start_time()) AS a;
    stepped := step.stepped;
    UPDATE pganalytics.alert_rule_states s SET left_out = step.left_out, left_out_of = step.left_out_of
    WHERE s.rule = of_rule.name
      AND (s.left_out, s.left_out_of) IS DISTINCT FROM (step.left_out, step.left_out_of);
    IF cardinality(stepped) = 0 THEN RETURN; END IF;
    -- Delete alerts that were pending and are no longer found (state NULL), with their history:
    -- they never fired.
    WITH gone AS (
        DELETE FROM pganalytics.alerts a USING unnest(stepped) AS s
        WHERE a.alert_id = s.alert_id AND s.state IS NULL RETURNING a.alert_id)
    DELETE FROM pganalytics.alert_history h USING gone g WHERE h.alert_id = g.alert_id;
    WITH before AS MATERIALIZED (
        SELECT a.alert_id, a.state FROM pganalytics.alerts a
        WHERE a.rule = of_rule.name AND a.state <> 'resolved'),
    changed AS (
        UPDATE pganalytics.alerts a
        SET annotations = s.annotations, severity = s.severity, runbook_url = s.runbook_url,
            state = s.state, value = s.value, peak = s.peak, started_at = s.started_at,
            found_at = s.found_at, fired_at = s.fired_at, resolved_at = s.resolved_at
        FROM unnest(stepped) AS s
        WHERE a.alert_id = s.alert_id
          AND (s.annotations, s.severity, s.runbook_url, s.state, s.value, s.peak, s.started_at, s.found_at)
              IS DISTINCT FROM
              (a.annotations, a.severity, a.runbook_url, a.state, a.value, a.peak, a.started_at, a.found_at)
        RETURNING a.alert_id, a.state, a.value),
    begun AS (
        INSERT INTO pganalytics.alerts (rule, fingerprint, labels, annotations, severity, runbook_url,
            state, value, peak, started_at, found_at, fired_at)
        SELECT of_rule.name, s.fingerprint, s.labels, s.annotations, s.severity, s.runbook_url, s.state,
               s.value, s.peak, s.started_at, s.found_at, s.fired_at
        FROM unnest(stepped) AS s WHERE s.alert_id IS NULL ORDER BY s.labels
        RETURNING alert_id, state, value)
    INSERT INTO pganalytics.alert_history (alert_id, at, change, value)
    SELECT c.alert_id, record_evaluation.at, c.state, c.value
    FROM changed c JOIN before b ON b.alert_id = c.alert_id AND b.state <> c.state
    UNION ALL
    SELECT b.alert_id, record_evaluation.at, b.state, b.value FROM begun b;
    PERFORM pganalytics.queue_notifications(at);
END
$$;
COMMENT ON FUNCTION pganalytics.record_evaluation(text, timestamptz, jsonb[], double precision[], text, double precision) IS
    'records what the evaluation of a rule found, or its error, and changes its alerts';
GRANT EXECUTE ON FUNCTION
    pganalytics.record_evaluation(text, timestamptz, jsonb[], double precision[], text, double precision)
    TO pganalytics_alerts;

CREATE FUNCTION pganalytics.backtest_rule(
        rule text, "from" timestamptz, "to" timestamptz, step interval DEFAULT NULL,
        threshold double precision DEFAULT NULL)
    RETURNS TABLE (labels jsonb, started_at timestamptz, fired_at timestamptz, resolved_at timestamptz,
                   peak double precision)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most_steps CONSTANT integer := 100000;
    of_rule pganalytics.alert_rules;
    in_force double precision;
    at timestamptz := "from";
    every interval;
    active pganalytics.alerts[] := '{}';
    stepped pganalytics.alerts[];
    found_labels jsonb[];
    found_values double precision[];
BEGIN
    SELECT r.* INTO of_rule FROM pganalytics.alert_rules r WHERE r.name = backtest_rule.rule;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no rule "%"', backtest_rule.rule USING ERRCODE = 'undefined_object';
    END IF;
    IF of_rule.query !~ '\mevaluation_time\M' THEN
        RAISE EXCEPTION 'rule "%" cannot be tested as of another time', of_rule.name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Its query does not ask pganalytics.evaluation_time() for the time.',
                  HINT = 'Write pganalytics.evaluation_time() where it says now().';
    END IF;
    every := coalesce(step, of_rule.evaluate_every);
    in_force := coalesce(backtest_rule.threshold,
                         pganalytics.rule_threshold(of_rule.threshold, of_rule.threshold_setting));
    IF "from" IS NULL OR "to" IS NULL OR NOT isfinite("from") OR NOT isfinite("to") OR "from" > "to" THEN
        RAISE EXCEPTION 'a backtest needs a time to begin and a later one to end'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF every < '1 s' THEN
        RAISE EXCEPTION 'the step of a backtest is at least a second'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF extract(epoch FROM "to" - "from") / extract(epoch FROM every) >= most_steps THEN
        RAISE EXCEPTION 'the backtest has more than % steps', most_steps
            USING ERRCODE = 'program_limit_exceeded', HINT = 'Take a longer step or less time.';
    END IF;
    WHILE at <= "to" LOOP
        SELECT coalesce(array_agg(f.labels), '{}'), coalesce(array_agg(f.value), '{}')
        INTO found_labels, found_values FROM pganalytics.run_rule(of_rule.query, at) AS f;
        IF cardinality(found_labels) > 0 OR cardinality(active) > 0 THEN
            stepped := (pganalytics.alert_step(
                of_rule, in_force, active, found_labels, found_values, at, NULL)).stepped;
            RETURN QUERY SELECT s.labels, s.started_at, s.fired_at, s.resolved_at, s.peak
                         FROM unnest(stepped) AS s WHERE s.state = 'resolved' ORDER BY s.labels;
            active := ARRAY(SELECT s FROM unnest(stepped) AS s WHERE s.state IN ('pending', 'firing'));
        END IF;
        at := at + every;
    END LOOP;
    RETURN QUERY SELECT s.labels, s.started_at, s.fired_at, s.resolved_at, s.peak
                 FROM unnest(active) AS s WHERE s.state = 'firing' ORDER BY s.fired_at, s.labels;
END
$$;
COMMENT ON FUNCTION pganalytics.backtest_rule(text, timestamptz, timestamptz, interval, double precision) IS
    'the alerts that a rule would have fired between two times; resolved_at NULL: it would still fire';
GRANT EXECUTE ON FUNCTION
    pganalytics.backtest_rule(text, timestamptz, timestamptz, interval, double precision)
    TO pganalytics_admin;
