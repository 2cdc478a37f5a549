-- These functions queue notifications. They compare the alerts with what each channel was sent
-- last. Then the functions in outbox.sql take the deliveries that are due and record their outcome.
-- The alerts worker calls all of them with its own rights and passes the time as an argument.

-- A delivery sends notifications of one group to one channel. Its key is "channel/group". The
-- worker keeps the keys of deliveries in progress in its memory, and passes them when it takes
-- more: a group never has two in progress. If the worker ends, the next one takes these deliveries
-- again.

-- alert_outbox_state has the time at which queue_notifications() last compared, and a hash of what
-- it compared.
CREATE TABLE pganalytics.alert_outbox_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    compared_at timestamptz NOT NULL DEFAULT '-infinity',
    compared text NOT NULL DEFAULT ''
);
COMMENT ON TABLE pganalytics.alert_outbox_state IS
    'the input of the last comparison with the outbox: while it is the same, nothing is done';
GRANT SELECT, INSERT, UPDATE (compared_at, compared) ON pganalytics.alert_outbox_state TO pganalytics_alerts;
INSERT INTO pganalytics.alert_outbox_state DEFAULT VALUES;

-- queue_anchors() queues the head of the audit log: the number and hash of its last row. The audit
-- worker keeps the head in shared memory. If there is none, the function queues nothing.
CREATE FUNCTION pganalytics.queue_anchors(at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head text;
    queued integer;
BEGIN
    IF NOT EXISTS (SELECT FROM pganalytics.alert_channels c WHERE c.anchors AND c.enabled) THEN
        RETURN 0;
    END IF;
    SELECT h.id || ':' || encode(h.hash, 'hex') INTO head FROM pganalytics.audit_head() h;
    IF head IS NULL THEN
        RETURN 0;
    END IF;
    WITH due AS (
        INSERT INTO pganalytics.alert_channel_states AS s (channel, anchor, anchored_at)
        SELECT c.name, head, queue_anchors.at FROM pganalytics.alert_channels c
        WHERE c.anchors AND c.enabled
          -- Skip a channel if a head for it still waits. A head that is queued later proves all
          -- earlier rows, too.
          AND NOT EXISTS (SELECT FROM pganalytics.alert_outbox o
                          WHERE o.channel = c.name AND o.state = 'waiting'
                            AND o.group_key = '{}:{alertname="audit_log_head"}')
        ON CONFLICT ON CONSTRAINT alert_channel_states_pkey DO UPDATE
        SET anchor = excluded.anchor, anchored_at = excluded.anchored_at
        WHERE s.anchor IS DISTINCT FROM excluded.anchor
          AND (s.anchored_at IS NULL OR s.anchored_at <= excluded.anchored_at - interval '1 min'
               -- If anchored_at is in the future, the clock has been set back since: queue the
               -- head.
               OR s.anchored_at > excluded.anchored_at + interval '1 min')
        RETURNING s.channel)
    INSERT INTO pganalytics.alert_outbox (channel, fingerprint, group_key, status, alert, latest,
        created_at, waiting_since, due_at)
    SELECT t.channel, '0000000000000001', '{}:{alertname="audit_log_head"}', 'firing',
           jsonb_build_object(
               'status', 'firing',
               'labels', jsonb_build_object('alertname', 'audit_log_head', 'severity', 'info'),
               'annotations', jsonb_build_object('summary', 'The head of the audit log is ' || head,
                                                 'anchor', head),
               'startsAt', pganalytics.alert_time(queue_anchors.at), 'endsAt', '0001-01-01T00:00:00Z',
               'generatorURL', pganalytics.external_url(), 'fingerprint', '0000000000000001'),
           false, queue_anchors.at, queue_anchors.at, queue_anchors.at
    FROM due t;
    GET DIAGNOSTICS queued = ROW_COUNT;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION pganalytics.queue_anchors(timestamptz) IS
    'queues the head of the audit log for channels with anchors, at most once a minute; for the alerts worker';
GRANT EXECUTE ON FUNCTION pganalytics.queue_anchors(timestamptz) TO pganalytics_alerts;

-- The heartbeat says that rules are evaluated. So it is not sent if its own rule was not evaluated
-- for a while, even if its alert is still there.
CREATE FUNCTION pganalytics.heartbeat_lifetime() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT interval '5 min' $$;
COMMENT ON FUNCTION pganalytics.heartbeat_lifetime() IS
    'for how long after its last evaluation the heartbeat is sent';
GRANT EXECUTE ON FUNCTION pganalytics.heartbeat_lifetime() TO pganalytics_alerts;

-- queue_notifications() compares the alerts with the notifications queued before. It handles no
-- events, so none can get lost. If neither the set of firing alerts nor a channel has changed since
-- it last compared, it compares again only after 5 s. It must do so even then, because a
-- repetition, an escalation or the end of a silence comes with time alone.
CREATE FUNCTION pganalytics.queue_notifications(at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    -- Force lookups through indexes, whatever the statistics say: a plan made while the tables are
    -- empty would otherwise compare every row with every row.
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
AS $$
DECLARE
    state pganalytics.alert_outbox_state;
    now_there text;
    link text;
    wanted jsonb[];
    muted bigint[];
    queued integer := 0;
    added integer;
BEGIN
    SELECT md5(concat(
        (SELECT string_agg(a.alert_id::text, ',' ORDER BY a.alert_id)
         FROM pganalytics.alerts a WHERE a.state = 'firing'),
        (SELECT string_agg(c::text, ',' ORDER BY c.name) FROM pganalytics.alert_channels c)))
    INTO now_there;
    SELECT s.* INTO state FROM pganalytics.alert_outbox_state s;
    IF FOUND AND state.compared = now_there AND queue_notifications.at >= state.compared_at
       AND queue_notifications.at < state.compared_at + interval '5 s' THEN
        RETURN 0;
    END IF;
    -- Lock the state: a second caller must wait, and then see what the first one has queued.
    PERFORM FROM pganalytics.alert_outbox_state s FOR UPDATE;
    link := pganalytics.external_url();

    -- Resolved alerts: notify every channel that was notified when the alert fired, even during a
    -- silence.
    WITH ended AS (
        UPDATE pganalytics.alert_outbox AS o SET latest = false
        FROM pganalytics.alerts a, pganalytics.alert_channels c
        WHERE o.latest AND o.status = 'firing' AND a.alert_id = o.alert_id AND a.state = 'resolved'
          AND c.name = o.channel AND c.enabled
        RETURNING a AS alert, o.notification_id, c.name AS channel, o.group_key,
                  -- To a service that waits for the heartbeat, its end would be one more.
                  c.send_resolved AND (a.rule <> 'heartbeat' OR c.kind = 'alertmanager') AS send_resolved)
    INSERT INTO pganalytics.alert_outbox (channel, alert_id, fingerprint, group_key, status, alert,
        latest, created_at, waiting_since, due_at)
    SELECT e.channel, (e.alert).alert_id, (e.alert).fingerprint, e.group_key, 'resolved',
           pganalytics.alert_notice(e.alert, 'resolved', link), true,
           queue_notifications.at, queue_notifications.at,
           coalesce((SELECT w.due_at FROM pganalytics.alert_outbox w
                     WHERE w.channel = e.channel AND w.group_key = e.group_key
                       AND w.state = 'waiting'
                     ORDER BY w.notification_id LIMIT 1), queue_notifications.at)
    FROM ended e WHERE e.send_resolved
    ORDER BY (e.alert).resolved_at, e.notification_id;
    GET DIAGNOSTICS added = ROW_COUNT;
    queued := queued + added;

    -- Queue firing alerts that were never sent, or were last sent more than repeat_every ago. An
    -- Alertmanager gets no repetitions here, because all firing alerts are resent to it every
    -- minute. An alert whose last notification still waits is not queued again.
    SELECT array_agg(jsonb_build_object('alert', a.alert_id, 'channel', c.name,
                                        'last', newest.notification_id)
                     ORDER BY a.fired_at, a.alert_id, c.name)
    INTO wanted
    FROM pganalytics.alerts a
    CROSS JOIN pganalytics.alert_channels c
    LEFT JOIN LATERAL (
        SELECT o.notification_id, o.created_at, o.state FROM pganalytics.alert_outbox o
        WHERE o.alert_id = a.alert_id AND o.channel = c.name AND o.latest OFFSET 0) AS newest ON true
    WHERE a.state = 'firing' AND c.enabled
      AND CASE WHEN a.rule = 'heartbeat' THEN
                   c.heartbeat_every IS NOT NULL
                   AND a.found_at > queue_notifications.at - pganalytics.heartbeat_lifetime()
                   AND (newest.notification_id IS NULL
                        OR c.kind <> 'alertmanager' AND newest.state <> 'waiting'
                           AND (newest.created_at + c.heartbeat_every <= queue_notifications.at
                                OR newest.created_at > queue_notifications.at + interval '1 hour'))
               WHEN newest.notification_id IS NULL THEN
                   c.escalate_after IS NULL
                   OR a.acknowledged_at IS NULL AND a.fired_at + c.escalate_after <= queue_notifications.at
               ELSE a.acknowledged_at IS NULL AND c.kind <> 'alertmanager' AND c.repeat_every > '0'
                   AND newest.state <> 'waiting'
                   AND (newest.created_at + c.repeat_every <= queue_notifications.at
                        -- If created_at is in the future, the clock has been set back since: repeat
                        -- now.
                        OR newest.created_at > queue_notifications.at + interval '1 hour')
          END
      AND CASE WHEN c.matchers = '[]' OR a.rule = 'heartbeat' THEN true
               ELSE pganalytics.labels_match(a.labels, c.matchers) END;

    IF wanted IS NOT NULL THEN
        SELECT coalesce(array_agg(m.alert_id), '{}') INTO muted
        FROM pganalytics.alert_mutes(queue_notifications.at) m;
        UPDATE pganalytics.alert_outbox AS o SET latest = false
        FROM unnest(wanted) AS w(pair)
        WHERE o.notification_id = (w.pair ->> 'last')::bigint
          AND o.alert_id NOT IN (SELECT unnest(muted));
        WITH inserted AS (
            INSERT INTO pganalytics.alert_outbox (channel, alert_id, fingerprint, group_key, status,
                alert, latest, created_at, waiting_since, due_at)
            SELECT c.name, a.alert_id, a.fingerprint, g.group_key, 'firing',
                   pganalytics.alert_notice(a, 'firing', link), true,
                   queue_notifications.at, queue_notifications.at,
                   coalesce(h.due_at, queue_notifications.at
                       + CASE WHEN c.kind = 'alertmanager' OR a.rule = 'heartbeat' THEN '0'::interval
                              ELSE c.group_wait END)
            FROM unnest(wanted) WITH ORDINALITY AS w(pair, place)
            JOIN pganalytics.alerts a ON a.alert_id = (w.pair ->> 'alert')::bigint
            JOIN pganalytics.alert_channels c ON c.name = w.pair ->> 'channel'
            -- If a notification with the same labels already waits, take its group, even if
            -- group_by has changed since. Alertmanager groups alerts itself, so for it there is
            -- only one group. The heartbeat waits for no other alert, so it has a group of its own.
            CROSS JOIN LATERAL (
                SELECT CASE WHEN c.kind = 'alertmanager' THEN '{}:{}'
                            WHEN a.rule = 'heartbeat' THEN '{}:{alertname="heartbeat"}'
                            ELSE coalesce(
                    (SELECT o.group_key FROM pganalytics.alert_outbox o
                     WHERE o.channel = c.name AND o.fingerprint = a.fingerprint
                       AND o.state = 'waiting' LIMIT 1),
                    pganalytics.alert_group_key(
                        pganalytics.alert_group_labels(a.labels, c.group_by))) END AS group_key OFFSET 0) AS g
            LEFT JOIN LATERAL (
                SELECT o.due_at FROM pganalytics.alert_outbox o
                WHERE o.channel = c.name AND o.group_key = g.group_key AND o.state = 'waiting'
                ORDER BY o.notification_id LIMIT 1) AS h ON true
            WHERE a.alert_id NOT IN (SELECT unnest(muted))
            ORDER BY w.place
            RETURNING alert_outbox.alert_id, alert_outbox.channel),
        escalated AS (
            INSERT INTO pganalytics.alert_history (alert_id, at, change, comment)
            SELECT t.alert_id, queue_notifications.at, 'escalated', t.channel
            FROM inserted t JOIN pganalytics.alert_channels c ON c.name = t.channel
            WHERE c.escalate_after IS NOT NULL
              AND NOT EXISTS (SELECT FROM pganalytics.alerts a
                              WHERE a.alert_id = t.alert_id AND a.rule = 'heartbeat')
              AND NOT EXISTS (SELECT FROM pganalytics.alert_history h
                              WHERE h.alert_id = t.alert_id AND h.change = 'escalated'
                                AND h.comment = t.channel))
        SELECT count(*) INTO added FROM inserted;
        queued := queued + added;
    END IF;

    queued := queued + pganalytics.queue_anchors(queue_notifications.at);
    INSERT INTO pganalytics.alert_outbox_state (compared_at, compared)
    VALUES (queue_notifications.at, now_there)
    ON CONFLICT ON CONSTRAINT alert_outbox_state_pkey DO UPDATE
    SET compared_at = excluded.compared_at, compared = excluded.compared;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION pganalytics.queue_notifications(timestamptz) IS
    'queues the notifications that channels have not been sent, and returns how many; for the alerts worker';
GRANT EXECUTE ON FUNCTION pganalytics.queue_notifications(timestamptz) TO pganalytics_alerts;
