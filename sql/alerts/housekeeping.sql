-- What the worker of alerts does beside evaluating: alerts of rules that are gone, rows that have had
-- their time, and what the workers have counted. Time is an argument.

CREATE FUNCTION pganalytics.end_orphaned_alerts(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pganalytics.alert_rule_states s
    WHERE NOT EXISTS (SELECT FROM pganalytics.alert_rules r WHERE r.name = s.rule AND r.enabled);
    WITH gone AS (
        DELETE FROM pganalytics.alerts a
        WHERE a.state = 'pending'
          AND NOT EXISTS (SELECT FROM pganalytics.alert_rules r WHERE r.name = a.rule AND r.enabled)
        RETURNING a.alert_id)
    DELETE FROM pganalytics.alert_history h USING gone g WHERE h.alert_id = g.alert_id;
    WITH resolved AS (
        UPDATE pganalytics.alerts a
        SET state = 'resolved', resolved_at = greatest(a.fired_at, end_orphaned_alerts.at)
        WHERE a.state = 'firing'
          AND NOT EXISTS (SELECT FROM pganalytics.alert_rules r WHERE r.name = a.rule AND r.enabled)
        RETURNING a.alert_id, a.value)
    INSERT INTO pganalytics.alert_history (alert_id, at, change, value, comment)
    SELECT r.alert_id, end_orphaned_alerts.at, 'resolved', r.value, 'the rule is no longer evaluated'
    FROM resolved r;
END
$$;
COMMENT ON FUNCTION pganalytics.end_orphaned_alerts(timestamptz) IS
    'resolves the alerts of rules that were disabled, renamed or deleted';

CREATE FUNCTION pganalytics.prune_alerts(at timestamptz, most integer DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A session's time zone may have days of 23 hours.
    before timestamptz := at - make_interval(hours => 24 * pganalytics.alert_retention());
    pruned bigint;
    sent bigint;
BEGIN
    WITH gone AS (
        DELETE FROM pganalytics.alerts a
        WHERE a.alert_id IN (
            SELECT o.alert_id FROM pganalytics.alerts o
            WHERE o.state = 'resolved' AND o.resolved_at < before
              AND NOT EXISTS (SELECT FROM pganalytics.alert_outbox w
                              WHERE w.alert_id = o.alert_id AND w.state = 'waiting')
            ORDER BY o.resolved_at LIMIT most)
        RETURNING a.alert_id),
    history AS (
        DELETE FROM pganalytics.alert_history h USING gone g WHERE h.alert_id = g.alert_id)
    SELECT count(*) INTO pruned FROM gone;
    DELETE FROM pganalytics.alert_outbox o
    WHERE o.notification_id IN (
        SELECT s.notification_id FROM pganalytics.alert_outbox s
        WHERE s.state <> 'waiting' AND s.settled_at < before
          -- What was told last of an alert says what is to be told next.
          AND NOT EXISTS (SELECT FROM pganalytics.alerts a WHERE a.alert_id = s.alert_id)
        LIMIT most);
    GET DIAGNOSTICS sent = ROW_COUNT;
    DELETE FROM pganalytics.alert_silences s WHERE s.ends_at < before;
    RETURN pruned + sent;
END
$$;
COMMENT ON FUNCTION pganalytics.prune_alerts(timestamptz, integer) IS
    'removes what was over before the time that pganalytics.retention_alerts says, silences too; gives how many alerts and notifications';

-- What the workers have counted, each minute: a rule can compare now and then.
CREATE TABLE pganalytics.self_samples (
    sampled_at timestamptz NOT NULL,
    LIKE pganalytics.workers,
    PRIMARY KEY (sampled_at, kind, number)
);
COMMENT ON TABLE pganalytics.self_samples IS
    'pganalytics.workers once a minute, for eight days; totals begin anew when the server starts';

CREATE FUNCTION pganalytics.sample_workers(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM pganalytics.self_samples s WHERE s.sampled_at < at - interval '192 hours';
    INSERT INTO pganalytics.self_samples SELECT at, w.*
    FROM pganalytics.workers w
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION pganalytics.sample_workers(timestamptz) IS
    'adds a row for each worker to self_samples, and removes those older than eight days';
