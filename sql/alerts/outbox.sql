-- The outbox: functions that take the deliveries that are due, and record the outcome that the
-- courier reports.

-- alert_backoff() returns 1 s after the first failed attempt and twice as long after each further
-- one, up to 5 min. luck is a random number from 0 to 1; it changes the result by up to 20 % in
-- either direction.
CREATE FUNCTION pganalytics.alert_backoff(attempts integer, luck double precision) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(300, power(2, least(greatest(attempts, 1), 12) - 1)) * (0.8 + 0.4 * luck)
           * interval '1 s'
$$;
COMMENT ON FUNCTION pganalytics.alert_backoff(integer, double precision) IS
    'how long to wait after this many failed attempts';
GRANT EXECUTE ON FUNCTION pganalytics.alert_backoff(integer, double precision) TO pganalytics_alerts;

-- settle_delivery() records the outcome of a delivery:
--   'sent'   It succeeded.
--   'again'  It failed and is retried until give_up_after has passed. If the receiver asked for a
--            wait (retry_after), the retry does not come before that.
--   'dead'   It failed, and a retry cannot succeed.
-- status is NULL if the receiver has not answered. If notification_ids is empty, the delivery was a
-- resend of firing alerts to an Alertmanager. Only waiting notifications are changed, so the call
-- does no harm if it is repeated or if the channel was deleted.
CREATE FUNCTION pganalytics.settle_delivery(
        channel text, group_key text, notification_ids bigint[], outcome text, status integer,
        error text, retry_after interval, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
AS $$
DECLARE
    reason CONSTANT text := left(pganalytics.alert_line(error), 1000);
    failed integer;
    again_at timestamptz;
BEGIN
    IF outcome IS NULL OR outcome NOT IN ('sent', 'again', 'dead') THEN
        RAISE EXCEPTION 'there is no outcome "%"', outcome USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cardinality(notification_ids) > 0 THEN
        SELECT max(o.attempts) + 1 INTO failed FROM pganalytics.alert_outbox o
        WHERE o.notification_id = ANY (notification_ids);
    ELSE
        SELECT s.attempts + 1 INTO failed FROM pganalytics.alert_channel_states s
        WHERE s.channel = settle_delivery.channel;
    END IF;
    -- Retry after an hour at the latest, even if the receiver asks for more.
    again_at := settle_delivery.at + greatest(pganalytics.alert_backoff(coalesce(failed, 1), random()),
                                              least(coalesce(retry_after, '0'), '1 hour'));
    IF cardinality(notification_ids) > 0 THEN
        UPDATE pganalytics.alert_outbox AS o
        SET attempts = o.attempts + 1, last_status = settle_delivery.status,
            last_error = CASE WHEN outcome <> 'sent' THEN reason END,
            state = d.state, due_at = CASE d.state WHEN 'waiting' THEN again_at ELSE o.due_at END,
            settled_at = CASE WHEN d.state <> 'waiting' THEN settle_delivery.at END
        FROM pganalytics.alert_outbox w
        JOIN pganalytics.alert_channels c ON c.name = w.channel
        CROSS JOIN LATERAL (
            SELECT CASE WHEN outcome <> 'again' THEN outcome
                        WHEN w.waiting_since + c.give_up_after <= settle_delivery.at THEN 'dead'
                        ELSE 'waiting' END AS state) AS d
        WHERE w.notification_id = ANY (notification_ids) AND w.channel = settle_delivery.channel
          AND w.group_key = settle_delivery.group_key
          -- Check the state of o, the row to update, not that of w: another caller may have settled
          -- the row since w was read.
          AND o.notification_id = w.notification_id AND o.state = 'waiting';
        -- A delivered notification makes older ones with the same labels obsolete. Older ones can
        -- still wait if redeliver() queued them again while the newer one was being delivered.
        IF outcome = 'sent' THEN
            UPDATE pganalytics.alert_outbox AS o
            SET state = 'dead', settled_at = settle_delivery.at, last_error = 'overtaken'
            WHERE o.state = 'waiting' AND o.notification_id = ANY (ARRAY(
                SELECT p.notification_id FROM pganalytics.alert_outbox n
                CROSS JOIN LATERAL (
                    SELECT w.notification_id FROM pganalytics.alert_outbox w
                    WHERE w.channel = n.channel AND w.fingerprint = n.fingerprint
                      AND w.state = 'waiting' AND w.notification_id < n.notification_id
                    OFFSET 0) AS p
                WHERE n.notification_id = ANY (notification_ids)));
        END IF;
    ELSIF EXISTS (SELECT FROM pganalytics.alert_channels c WHERE c.name = settle_delivery.channel) THEN
        INSERT INTO pganalytics.alert_channel_states AS s (channel, resend_at, attempts, last_status,
            last_error)
        VALUES (settle_delivery.channel,
                CASE outcome WHEN 'again' THEN again_at ELSE settle_delivery.at + interval '1 min' END,
                CASE outcome WHEN 'again' THEN coalesce(failed, 1) ELSE 0 END,
                settle_delivery.status, CASE WHEN outcome <> 'sent' THEN reason END)
        ON CONFLICT ON CONSTRAINT alert_channel_states_pkey DO UPDATE
        -- After a part the next one follows at once; the first one comes again a minute after the last.
        SET resend_at = CASE WHEN outcome = 'sent' AND s.resend_next IS NOT NULL THEN settle_delivery.at
                             ELSE excluded.resend_at END,
            resend_after = CASE outcome WHEN 'again' THEN s.resend_after
                                        ELSE coalesce(s.resend_next, 0) END,
            resend_next = NULL,
            attempts = excluded.attempts,
            last_status = excluded.last_status, last_error = excluded.last_error;
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.settle_delivery(
    text, text, bigint[], text, integer, text, interval, timestamptz) IS
    'records the outcome of a delivery: sent, again or dead; for the alerts worker';
GRANT EXECUTE ON FUNCTION
    pganalytics.settle_delivery(text, text, bigint[], text, integer, text, interval, timestamptz)
    TO pganalytics_alerts;

-- alerts_to_resend() returns alerts that were sent to the Alertmanager before, if they still fire
-- or were resolved less than five minutes ago. They may be too many for one body: it returns those
-- that follow the alert `after`, as many as fit, and in `last` the last of them if more follow.
CREATE FUNCTION pganalytics.alerts_to_resend(
        channel text, after bigint, at timestamptz, OUT notices jsonb, OUT last bigint)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(s.notice ORDER BY s.alert_id) FILTER (WHERE s.fits),
           CASE WHEN count(*) FILTER (WHERE NOT s.fits) > 0 THEN max(s.alert_id) FILTER (WHERE s.fits) END
    FROM (SELECT n.alert_id, n.notice, n.place <= 1000 AND (n.place = 1 OR
                 sum(octet_length(n.notice::text)) OVER (ORDER BY n.alert_id)
                 <= pganalytics.most_notice_bytes()) AS fits
          FROM (SELECT (t.alert).alert_id, row_number() OVER (ORDER BY (t.alert).alert_id) AS place,
                       pganalytics.alert_notice(t.alert, (t.alert).state, l.link) AS notice
                FROM (SELECT pganalytics.external_url() OFFSET 0) AS l(link), (
                    SELECT a AS alert
                    FROM pganalytics.alert_outbox o JOIN pganalytics.alerts a ON a.alert_id = o.alert_id
                    JOIN pganalytics.alert_channels c ON c.name = o.channel
                    WHERE o.channel = alerts_to_resend.channel AND o.latest AND o.status = 'firing'
                      AND a.state = 'firing'
                      AND (a.rule <> 'heartbeat'
                           OR c.heartbeat_every IS NOT NULL
                              AND a.found_at > alerts_to_resend.at - pganalytics.heartbeat_lifetime())
                    UNION ALL
                    SELECT a FROM pganalytics.alerts a
                    JOIN pganalytics.alert_outbox o ON o.alert_id = a.alert_id
                    WHERE a.state = 'resolved' AND a.resolved_at > alerts_to_resend.at - interval '5 min'
                      AND o.channel = alerts_to_resend.channel AND o.latest AND o.status = 'resolved'
                      -- Leave out a resolved alert if an alert with the same labels fires again:
                      -- resending the end would resolve the newer alert.
                      AND NOT EXISTS (SELECT FROM pganalytics.alerts n
                                      WHERE n.fingerprint = a.fingerprint AND n.state = 'firing')) AS t
                WHERE (t.alert).alert_id > alerts_to_resend.after
                ORDER BY (t.alert).alert_id LIMIT 1001) AS n) AS s
$$;
COMMENT ON FUNCTION pganalytics.alerts_to_resend(text, bigint, timestamptz) IS
    'the alerts to resend to an Alertmanager, and whether more follow; for the alerts worker';
GRANT EXECUTE ON FUNCTION pganalytics.alerts_to_resend(text, bigint, timestamptz) TO pganalytics_alerts;

-- take_deliveries() returns deliveries that are due. The worker passes their keys (the column
-- delivery) in busy while they are in progress.
--   A delivery has waiting notifications of one group, oldest first, at most 200 and at most
--   most_notice_bytes().
--   A notification that cannot be sent becomes a dead letter, which says why. If a body cannot be
--   made for another reason, its group is retried: no row stops the deliveries of others.
--   It ends before a notification whose labels it already has. So the firing and the end of one
--   alert are sent in two deliveries, one after the other.
--   If the first notification of a group has to wait, the whole group waits.
--   A channel has at most four deliveries in progress, so that a receiver that does not answer
--   delays no other channel.
CREATE FUNCTION pganalytics.take_deliveries(
        at timestamptz, busy text[],
        OUT delivery text, OUT channel text, OUT group_key text, OUT kind text, OUT url text,
        OUT mail_to text[], OUT authentication text, OUT secret text, OUT subject text,
        OUT content_type text, OUT body text, OUT notification_ids bigint[]) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    due record;
    notices jsonb;
    bad record;
    last_resent bigint;
BEGIN
    FOR due IN
        SELECT h.key, c.name, h.group_key, c.kind, c.url, c.mail_to, c.authentication, c.group_by, s.secret,
               h.resend, h.resend_after
        FROM (SELECT g.*, row_number() OVER (PARTITION BY g.channel ORDER BY g.due_at, g.first_id) AS place
              FROM (SELECT w.*, w.channel || '/' || w.group_key AS key FROM (
                        (SELECT DISTINCT ON (o.channel, o.group_key) o.channel, o.group_key,
                                o.notification_id AS first_id, o.due_at, false AS resend,
                                (SELECT c.group_wait FROM pganalytics.alert_channels c
                                 WHERE c.name = o.channel) AS group_wait, 0::bigint AS resend_after
                         FROM pganalytics.alert_outbox o WHERE o.state = 'waiting'
                         ORDER BY o.channel, o.group_key, o.notification_id)
                        UNION ALL
                        SELECT m.name, '{}:{}', 0, coalesce(r.resend_at, '-infinity'), true, NULL,
                               coalesce(r.resend_after, 0)
                        FROM pganalytics.alert_channels m
                        LEFT JOIN pganalytics.alert_channel_states r ON r.channel = m.name
                        WHERE m.kind = 'alertmanager' AND NOT EXISTS (
                            SELECT FROM pganalytics.alert_outbox o
                            WHERE o.channel = m.name AND o.state = 'waiting')) AS w) AS g
              -- No wait is longer than an hour, or than group_wait if that is longer. If due_at is
              -- farther ahead, the clock was set back while no worker ran: take the delivery now.
              WHERE (g.due_at <= take_deliveries.at
                     OR g.due_at > take_deliveries.at + greatest(interval '1 hour', g.group_wait))
                AND NOT g.key = ANY (coalesce(busy, '{}'))) AS h
        JOIN pganalytics.alert_channels c ON c.name = h.channel AND c.enabled
        LEFT JOIN pganalytics.alert_channel_secrets s ON s.channel = c.name
        WHERE h.place <= 4 - (SELECT count(*) FROM unnest(busy) AS b(key)
                              WHERE starts_with(b.key, h.channel || '/'))
        ORDER BY h.due_at, h.first_id LIMIT 64
    LOOP
        notification_ids := '{}';
        IF due.resend THEN
            SELECT r.notices, r.last INTO notices, last_resent
            FROM pganalytics.alerts_to_resend(due.name, due.resend_after, take_deliveries.at) AS r;
            IF notices IS NULL THEN
                PERFORM pganalytics.settle_delivery(due.name, due.group_key, '{}', 'sent', NULL, NULL,
                                                    NULL, take_deliveries.at);
                CONTINUE;
            END IF;
            INSERT INTO pganalytics.alert_channel_states AS s (channel, resend_next)
            VALUES (due.name, last_resent)
            ON CONFLICT ON CONSTRAINT alert_channel_states_pkey DO UPDATE
            SET resend_next = excluded.resend_next
            WHERE s.resend_next IS DISTINCT FROM excluded.resend_next;
        ELSE
            FOR bad IN
                SELECT p.notification_id, p.problem
                FROM (SELECT o.notification_id, pganalytics.notice_problem(o.alert) AS problem
                      FROM pganalytics.alert_outbox o
                      WHERE o.channel = due.name AND o.group_key = due.group_key AND o.state = 'waiting'
                      ORDER BY o.notification_id LIMIT 200) AS p
                WHERE p.problem IS NOT NULL
            LOOP
                PERFORM pganalytics.settle_delivery(
                    due.name, due.group_key, ARRAY[bad.notification_id], 'dead', NULL,
                    'it cannot be sent: ' || bad.problem, NULL, take_deliveries.at);
            END LOOP;
            SELECT array_agg(r.notification_id ORDER BY r.notification_id),
                   jsonb_agg(r.alert ORDER BY r.notification_id)
            INTO notification_ids, notices
            FROM (SELECT n.notification_id, n.alert,
                         min(n.notification_id) FILTER (
                             WHERE n.turn > 1 OR n.place > 1 AND n.bytes > pganalytics.most_notice_bytes())
                         OVER () AS next_delivery
                  FROM (SELECT p.notification_id, p.alert,
                               row_number() OVER (PARTITION BY p.fingerprint
                                                  ORDER BY p.notification_id) AS turn,
                               row_number() OVER (ORDER BY p.notification_id) AS place,
                               sum(octet_length(p.alert::text)) OVER (ORDER BY p.notification_id) AS bytes
                        FROM (SELECT o.notification_id, o.alert, o.fingerprint
                              FROM pganalytics.alert_outbox o
                              WHERE o.channel = due.name AND o.group_key = due.group_key
                                AND o.state = 'waiting'
                              ORDER BY o.notification_id LIMIT 200) AS p) AS n) AS r
            WHERE r.next_delivery IS NULL OR r.notification_id < r.next_delivery;
            CONTINUE WHEN notices IS NULL;
        END IF;
        -- Do not send to a channel whose secret is missing. A dump has no secrets, so after a
        -- restore the channel would send unsigned messages.
        IF due.authentication <> 'none' AND due.secret IS NULL THEN
            PERFORM pganalytics.settle_delivery(due.name, due.group_key, notification_ids, 'again', NULL,
                'the channel has no secret: set it with pganalytics.set_channel_secret()', NULL,
                take_deliveries.at);
            CONTINUE;
        END IF;
        delivery := due.key;
        channel := due.name;
        group_key := due.group_key;
        kind := due.kind;
        url := CASE due.kind WHEN 'alertmanager' THEN rtrim(due.url, '/') || '/api/v2/alerts'
                             ELSE due.url END;
        mail_to := due.mail_to;
        authentication := due.authentication;
        secret := CASE WHEN due.authentication <> 'none' THEN due.secret END;
        BEGIN
            subject := CASE due.kind WHEN 'email' THEN pganalytics.alert_subject(notices) END;
            content_type := CASE due.kind WHEN 'email' THEN 'text/plain; charset=utf-8'
                                          ELSE 'application/json' END;
            body := CASE due.kind
                WHEN 'alertmanager' THEN pganalytics.alertmanager_body(notices, take_deliveries.at)
                WHEN 'webhook' THEN pganalytics.webhook_body(
                    due.name, due.group_key,
                    pganalytics.alert_group_labels(notices -> 0 -> 'labels', due.group_by), notices)
                WHEN 'slack' THEN pganalytics.slack_body(notices)
                ELSE pganalytics.alert_text(notices, 200) || E'\n' END;
        EXCEPTION WHEN OTHERS THEN
            PERFORM pganalytics.settle_delivery(
                due.name, due.group_key, notification_ids, 'again', NULL,
                'its body could not be made: ' || SQLERRM, NULL, take_deliveries.at);
            CONTINUE;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION pganalytics.take_deliveries(timestamptz, text[]) IS
    'the deliveries that are due, except of the groups in busy, with all that is needed to send them; for the alerts worker';
GRANT EXECUTE ON FUNCTION pganalytics.take_deliveries(timestamptz, text[]) TO pganalytics_alerts;

-- Two views follow: all deliveries, and dead letters, which are notifications that were given up.
-- If the receiver was later sent a newer notification with the same labels, redeliver() leaves the
-- dead letter out: delivering it would undo the newer state.
CREATE VIEW pganalytics.alert_deliveries AS
    SELECT o.notification_id, o.channel, o.alert_id, o.alert -> 'labels' ->> 'alertname' AS alertname,
           o.alert -> 'labels' AS labels, o.status, o.state, o.attempts, o.last_status, o.last_error,
           o.created_at, CASE o.state WHEN 'waiting' THEN o.due_at END AS due_at, o.settled_at,
           coalesce(o.settled_at, pg_catalog.now()) - o.created_at AS age
    FROM pganalytics.alert_outbox o;
COMMENT ON VIEW pganalytics.alert_deliveries IS 'what was sent to channels, waits to be, or never was: one row for each alert';
COMMENT ON COLUMN pganalytics.alert_deliveries.last_status IS 'of HTTP or SMTP, in the receiver''s last answer';
COMMENT ON COLUMN pganalytics.alert_deliveries.age IS 'how long it has waited, or did';
GRANT SELECT ON pganalytics.alert_deliveries
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

CREATE VIEW pganalytics.alert_dead_letters AS
    SELECT o.notification_id, o.channel, o.alert_id, o.alert -> 'labels' ->> 'alertname' AS alertname,
           o.alert -> 'labels' AS labels, o.status, o.attempts, o.last_status, o.last_error, o.created_at,
           o.settled_at AS given_up_at,
           EXISTS (SELECT FROM pganalytics.alert_outbox n
                   WHERE n.channel = o.channel AND n.fingerprint = o.fingerprint
                     AND n.notification_id > o.notification_id AND n.state = 'sent') AS overtaken
    FROM pganalytics.alert_outbox o WHERE o.state = 'dead';
COMMENT ON VIEW pganalytics.alert_dead_letters IS 'what could not be delivered, or was refused';
COMMENT ON COLUMN pganalytics.alert_dead_letters.overtaken IS
    'the channel was sent something newer of these labels; redeliver() leaves this one out';
GRANT SELECT ON pganalytics.alert_dead_letters
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- SECURITY DEFINER, like discard_dead_letters(): administrators write the outbox only through
-- functions.
CREATE FUNCTION pganalytics.redeliver(notification_ids bigint[]) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queued integer;
BEGIN
    UPDATE pganalytics.alert_outbox AS o
    SET state = 'waiting', settled_at = NULL, attempts = 0, waiting_since = now(), due_at = now()
    FROM pganalytics.alert_dead_letters d
    WHERE d.notification_id = ANY (redeliver.notification_ids) AND NOT d.overtaken
      AND o.notification_id = d.notification_id AND o.state = 'dead';
    GET DIAGNOSTICS queued = ROW_COUNT;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION pganalytics.redeliver(bigint[]) IS
    'queues dead letters again, except overtaken ones, and returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.redeliver(bigint[]) TO pganalytics_admin;

CREATE FUNCTION pganalytics.redeliver(channel text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pganalytics.redeliver(ARRAY(SELECT d.notification_id FROM pganalytics.alert_dead_letters d
                                       WHERE d.channel = redeliver.channel));
END
$$;
COMMENT ON FUNCTION pganalytics.redeliver(text) IS 'the same for all dead letters of a channel';
GRANT EXECUTE ON FUNCTION pganalytics.redeliver(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.discard_dead_letters(channel text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    discarded integer;
BEGIN
    DELETE FROM pganalytics.alert_outbox o
    WHERE o.channel = discard_dead_letters.channel AND o.state = 'dead'
      -- queue_notifications() compares an alert with its last notification: keep that one.
      AND NOT (o.latest AND EXISTS (SELECT FROM pganalytics.alerts a
                                    WHERE a.alert_id = o.alert_id AND a.state = 'firing'));
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END
$$;
COMMENT ON FUNCTION pganalytics.discard_dead_letters(text) IS
    'deletes the dead letters of a channel, except of alerts that still fire, and returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.discard_dead_letters(text) TO pganalytics_admin;
