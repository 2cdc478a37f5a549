-- Housekeeping of the alerts worker: it resolves alerts of rules that were deleted or disabled,
-- deletes expired rows, and samples the counters of all workers. Each function takes the time as an
-- argument. Only prune_alerts() deletes rows for their age. The worker does not call it if the
-- clock was set within the last hour, because the rows' ages may then be wrong.

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
GRANT EXECUTE ON FUNCTION pganalytics.end_orphaned_alerts(timestamptz) TO pganalytics_alerts;

CREATE FUNCTION pganalytics.prune_alerts(at timestamptz, most integer DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Count a day as 24 hours: in the session's time zone a day may have 23.
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
          -- Keep all notifications of an alert as long as the alert: queue_notifications() compares
          -- the alert with its last notification.
          AND NOT EXISTS (SELECT FROM pganalytics.alerts a WHERE a.alert_id = s.alert_id)
        LIMIT most);
    GET DIAGNOSTICS sent = ROW_COUNT;
    DELETE FROM pganalytics.alert_silences s WHERE s.ends_at < before;
    DELETE FROM pganalytics.self_samples s WHERE s.sampled_at < at - interval '192 hours';
    RETURN pruned + sent;
END
$$;
COMMENT ON FUNCTION pganalytics.prune_alerts(timestamptz, integer) IS
    'deletes resolved alerts, settled notifications and ended silences older than pganalytics.retention_alerts, and samples of workers older than eight days; returns how many alerts and notifications';
GRANT EXECUTE ON FUNCTION pganalytics.prune_alerts(timestamptz, integer) TO pganalytics_alerts;

-- move_due_times() shifts due times by as much as the clock was set. The worker calls it when the
-- clock was set while the worker ran. So a retry, a resend, the end of the retries, and a rule's
-- next evaluation still come after the same wait.
-- If the clock was set while no worker ran, nothing shifts these times. The functions that read
-- them ignore a time that is farther ahead than it can be.
-- The times at which alerts were found and notified are never shifted: pending_for and
-- escalate_after are measured from them, across restarts.
CREATE FUNCTION pganalytics.move_due_times(at timestamptz, shift interval) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.alert_outbox o
    SET due_at = o.due_at + shift, waiting_since = o.waiting_since + shift
    WHERE o.state = 'waiting';
    UPDATE pganalytics.alert_channel_states s
    SET resend_at = s.resend_at + shift, anchored_at = s.anchored_at + shift;
    UPDATE pganalytics.alert_rule_states s
    SET evaluate_at = s.evaluate_at + shift, evaluated_at = least(s.evaluated_at + shift, move_due_times.at);
    UPDATE pganalytics.alert_outbox_state s SET compared_at = '-infinity';
END
$$;
COMMENT ON FUNCTION pganalytics.move_due_times(timestamptz, interval) IS
    'moves what waits with a clock that was set; for the worker of alerts';
GRANT EXECUTE ON FUNCTION pganalytics.move_due_times(timestamptz, interval) TO pganalytics_alerts;

-- self_samples has the workers' counters once a minute, so that rules can compare the counters at
-- two times. sql/install_script.awk writes the columns of the counters.
CREATE TABLE pganalytics.self_samples (
    sampled_at timestamptz NOT NULL,
    kind text NOT NULL,
    number integer NOT NULL,
    restarts bigint,
    gateway_restarts bigint,
    {worker_counters} {name} bigint,
    PRIMARY KEY (sampled_at, kind, number)
);
COMMENT ON TABLE pganalytics.self_samples IS
    'the counters of pganalytics.workers once a minute, for eight days; totals begin at zero when the server starts';
GRANT SELECT ON pganalytics.self_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;
GRANT SELECT, INSERT, DELETE ON pganalytics.self_samples TO pganalytics_alerts;

CREATE FUNCTION pganalytics.sample_workers(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO pganalytics.self_samples (
        sampled_at, kind, number, restarts, gateway_restarts,
        {worker_counters} {name}
    )
    SELECT
        at, w.kind, w.number, w.restarts, w.gateway_restarts,
        {worker_counters} w.{name}
    FROM pganalytics.workers w
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION pganalytics.sample_workers(timestamptz) IS
    'adds a row for each worker to self_samples';
GRANT EXECUTE ON FUNCTION pganalytics.sample_workers(timestamptz) TO pganalytics_alerts;
