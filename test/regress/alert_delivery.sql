-- What channels are told of alerts and when: queued, taken and settled at times that the test names.
-- How it is sent is tested end to end, in test/e2e/test_courier*.py and test_alert_delivery.py.
\set SHOW_CONTEXT never
\pset format unaligned
\set VERBOSITY terse

-- t(90): 90 s after a beginning. at(): the other way round.
CREATE FUNCTION t(seconds double precision) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
    $$ SELECT '2026-01-01 00:00:00+00'::timestamptz + seconds * interval '1 s' $$;
CREATE FUNCTION at(moment timestamptz) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    $$ SELECT round(extract(epoch FROM moment - t(0)), 1) $$;
-- An alert with a name and one label begins to fire.
CREATE FUNCTION fire(name text, seconds double precision, host text DEFAULT 'a') RETURNS void
    LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO pganalytics.alerts (rule, fingerprint, labels, annotations, severity, runbook_url, state,
        value, started_at, found_at, fired_at)
    SELECT name, pganalytics.alert_fingerprint(l.labels), l.labels,
           jsonb_build_object('summary', name || ' on ' || host), 'warning', 'https://books.example/' || name,
           'firing', 1, t(seconds), t(seconds), t(seconds)
    FROM (SELECT jsonb_build_object('alertname', name, 'severity', 'warning', 'host', host)) AS l(labels) $$;
CREATE FUNCTION resolve(name text, seconds double precision, host text DEFAULT 'a') RETURNS void
    LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE pganalytics.alerts a SET state = 'resolved', resolved_at = t(seconds)
    WHERE a.rule = name AND a.labels ->> 'host' = host AND a.state = 'firing' $$;
CREATE FUNCTION acknowledge(name text, seconds double precision) RETURNS void
    LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE pganalytics.alerts a SET acknowledged_at = t(seconds), acknowledged_by = 'ann'
    WHERE a.rule = name AND a.state = 'firing' $$;
-- Each as the worker of alerts.
CREATE FUNCTION queue(seconds double precision) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    queued integer;
BEGIN
    SET LOCAL ROLE pganalytics_alerts;
    queued := pganalytics.queue_notifications(t(seconds));
    RESET ROLE;
    RETURN queued;
END $$;
CREATE FUNCTION take(seconds double precision, busy text[] DEFAULT '{}')
    RETURNS TABLE (delivery text, notices text, ids bigint[]) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE pganalytics_alerts;
    RETURN QUERY
    SELECT d.delivery,
           (SELECT string_agg(o.alert -> 'labels' ->> 'alertname' || ' '
                              || coalesce(o.alert -> 'labels' ->> 'host', '') || ' ' || o.status, ', '
                              ORDER BY o.notification_id)
            FROM pganalytics.alert_outbox o WHERE o.notification_id = ANY (d.notification_ids)),
           d.notification_ids
    FROM pganalytics.take_deliveries(t(seconds), busy) d;
    RESET ROLE;
END $$;
-- Takes all that is due and settles it as said.
CREATE FUNCTION settle(seconds double precision, outcome text DEFAULT 'sent', status integer DEFAULT 200,
                       error text DEFAULT NULL, retry_after interval DEFAULT NULL)
    RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    d record;
BEGIN
    SET LOCAL ROLE pganalytics_alerts;
    FOR d IN SELECT * FROM pganalytics.take_deliveries(t(seconds), '{}') LOOP
        PERFORM pganalytics.settle_delivery(d.channel, d.group_key, d.notification_ids, outcome, status,
                                            error, retry_after, t(seconds));
        RETURN NEXT d.delivery || ' ' || d.notification_ids::text;
    END LOOP;
    RESET ROLE;
END $$;
CREATE VIEW box AS
    SELECT o.notification_id AS n, o.channel, o.alert -> 'labels' ->> 'alertname' AS name,
           o.alert -> 'labels' ->> 'host' AS host, o.status, o.state, at(o.due_at) AS due, o.attempts AS tries,
           o.last_status AS code, o.last_error AS error
    FROM pganalytics.alert_outbox o ORDER BY 1;
CREATE PROCEDURE begin_anew() LANGUAGE sql AS $$
    TRUNCATE pganalytics.alerts, pganalytics.alert_history, pganalytics.alert_outbox,
        pganalytics.alert_channels, pganalytics.alert_channel_secrets, pganalytics.alert_channel_states,
        pganalytics.alert_silences RESTART IDENTITY;
    UPDATE pganalytics.alert_outbox_state SET compared = '', compared_at = '-infinity' $$;

-- What an administrator may not make a channel of.
SET ROLE pganalytics_admin;
CREATE FUNCTION pg_temp.try_channel(kind text, url text, mail_to text[] DEFAULT NULL,
                                    authentication text DEFAULT 'none', matchers jsonb DEFAULT '[]',
                                    group_by text[] DEFAULT '{alertname}', anchors boolean DEFAULT false)
    RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pganalytics.alert_channels (name, kind, url, mail_to, authentication, matchers, group_by, anchors)
    VALUES ('try', kind, url, mail_to, authentication, matchers, group_by, anchors);
    DELETE FROM pganalytics.alert_channels WHERE name = 'try';
    RETURN 'good';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT replace(replace(u.url, E'\n', '\n'), chr(65313), '(A)') AS url, pg_temp.try_channel('webhook', u.url) FROM unnest(ARRAY[
    'https://a.example/hook?x=1', 'http://127.0.0.1:9000/', 'https://[::1]:8443', 'https://a_b.example',
    'https://user:pw@a.example/', 'https://user@a.example', 'https://a.example@b.example/',
    'https://a.example/x@y', 'ftp://a.example/', 'file:///etc/passwd', 'HTTPS://a.example', '//a.example',
    'https://', 'https:///x', 'https://a.example:123456/', 'https://a.example:x/', 'https://a b.example/',
    E'https://a.example/\nx', E'https://a.example/x\n', 'https://a.example/#x', 'https://a.example/\x',
    'https://a.example\@b.example/', 'https://' || chr(65313) || '.example/', 'https://.a.example/',
    'https://-a.example/', 'https://a.example?x', '', 'javascript:alert(1)',
    'https://%61.example/']) AS u(url);
SELECT pg_temp.try_channel('webhook', 'https://a.example/' || repeat('x', 2048)),
       pg_temp.try_channel('webhook', NULL);
SELECT k.kind, k.url, pg_temp.try_channel(k.kind, k.url) FROM (VALUES
    ('alertmanager', 'https://am.example:9093'), ('alertmanager', 'https://am.example/prefix/'),
    ('alertmanager', 'https://am.example/api/v2/alerts'), ('alertmanager', 'https://am.example/?x'),
    ('slack', 'https://hooks.example/T0/B0'), ('email', 'https://a.example'), ('pager', 'https://a.example'),
    (NULL, 'https://a.example'), ('webhook', 'https://a.example:0/'), ('webhook', 'https://a.example:65536/'), ('webhook', 'https://999.1.1.1/'),
    ('webhook', 'https://[::zz]/'), ('webhook', 'https://[::1/'), ('webhook', 'https://10.0.0.1/'), ('webhook', 'http://hooks.example/'), ('webhook', 'https://1.1.1.1/'))
    AS k(kind, url);
SELECT replace(m.address, E'\n', '\n') AS address, pg_temp.try_channel('email', NULL, ARRAY[m.address])
FROM unnest(ARRAY['ops@example.com', 'a.b+c@x.example', 'root@localhost', 'ops', '@example.com', 'a@', '-f@example.com',
    'Ops <ops@example.com>', 'a@b@c', E'a@example.com\nBcc: b@example.com', 'a@example.com,b@example.com',
    'a b@example.com', '"a"@example.com', 'a@[127.0.0.1]', NULL]) AS m(address);
SELECT pg_temp.try_channel('email', NULL), pg_temp.try_channel('email', NULL, '{}'),
       pg_temp.try_channel('email', NULL, array_fill('a@example.com'::text, ARRAY[21])),
       pg_temp.try_channel('email', NULL, '{a@example.com}', 'hmac'),
       pg_temp.try_channel('webhook', 'https://a.example', '{a@example.com}');
SELECT pg_temp.try_channel('webhook', 'https://a.example', matchers => '{}'),
       pg_temp.try_channel('webhook', 'https://a.example', matchers => '[{"name": "host", "value": "(", "isRegex": true}]'),
       pg_temp.try_channel('webhook', 'https://a.example', group_by => '{"a b"}'),
       pg_temp.try_channel('webhook', 'https://a.example', group_by => '{NULL}'),
       pg_temp.try_channel('webhook', 'https://a.example', group_by => '{}'),
       pg_temp.try_channel('alertmanager', 'https://a.example', anchors => true);
SELECT pg_temp.try_channel('webhook', 'https://a.example', authentication => 'basic');
INSERT INTO pganalytics.alert_channels (name, kind, url) VALUES ('a b', 'slack', 'https://a.example');
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait) VALUES ('a', 'slack', 'https://a.example', '2 h');
INSERT INTO pganalytics.alert_channels (name, kind, url, repeat_every) VALUES ('a', 'slack', 'https://a.example', '-1 h');
INSERT INTO pganalytics.alert_channels (name, kind, url, escalate_after) VALUES ('a', 'slack', 'https://a.example', '8 days');
INSERT INTO pganalytics.alert_channels (name, kind, url, give_up_after) VALUES ('a', 'slack', 'https://a.example', '0');
INSERT INTO pganalytics.alert_channels (name, kind, url, heartbeat_every) VALUES ('a', 'slack', 'https://a.example', '1 s');
-- What the settings do not let through is said at once: the hosts of pganalytics.alert_allowed_hosts.
SELECT u, pganalytics.url_may_be_reached(u) FROM unnest(ARRAY['https://a.example', 'http://a.example', 'http://8.8.8.8', 'https://8.8.8.8',
    'https://127.0.0.1', 'https://[::1]:8443/', 'https://192.168.1.1:99/x?y']) u;
-- An UPDATE is looked at, too.
INSERT INTO pganalytics.alert_channels (name, kind, url) VALUES ('hook', 'webhook', 'https://a.example');
UPDATE pganalytics.alert_channels SET url = 'https://u:p@a.example';
UPDATE pganalytics.alert_channels SET name = 'other';
RESET ROLE;

-- Grouping and group_wait: the first of a group waits for others, which then need not wait.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait)
VALUES ('hook', 'webhook', 'https://a.example', '10 s');
SELECT fire('disk', 0, 'a');
SELECT queue(0), queue(0), queue(1);
SELECT fire('disk', 5, 'b'), fire('load', 5, 'a');
SELECT queue(5);
SELECT * FROM box;
SELECT * FROM take(9.9);
SELECT * FROM take(10);
SELECT * FROM take(15);
SELECT delivery FROM take(15, '{"hook/{}:{alertname=\"disk\"}"}');
-- Of another group or another channel it settles nothing; and what is settled stays so.
SELECT pganalytics.settle_delivery('hook', '{}:{alertname="disk"}', '{3}', 'dead', 404, 'gone', NULL, t(15));
SELECT pganalytics.settle_delivery('other', '{}:{alertname="load"}', '{3}', 'dead', 404, 'gone', NULL, t(15));
SELECT settle(15);
SELECT pganalytics.settle_delivery('hook', '{}:{alertname="disk"}', '{1,2}', 'dead', 404, 'gone', NULL, t(16));
SELECT pganalytics.settle_delivery('hook', '{}:{alertname="disk"}', '{1,2}', 'again', 500, 'gone', NULL, t(16));
SELECT pganalytics.settle_delivery('hook', '{}:{}', '{1}', 'lost', NULL, NULL, NULL, t(16));
SELECT pganalytics.settle_delivery('hook', '{}:{}', '{1}', NULL, NULL, NULL, NULL, t(16));
SELECT * FROM box;

-- Fire, resolve, fire of the same labels: never in one delivery, never past each other, also when
-- grouping was changed in between. Others of the group go along as far as order allows.
SELECT fire('wave', 20, 'a');
SELECT queue(20);
SELECT resolve('wave', 21, 'a'), fire('wave', 21, 'b');
SELECT queue(21);
UPDATE pganalytics.alert_channels SET group_by = '{host}';
SELECT fire('wave', 22, 'a');
SELECT queue(22);
SELECT resolve('wave', 23, 'b'), fire('calm', 23, 'a');
SELECT queue(23);
SELECT channel, n, name, host, status, due FROM box WHERE state = 'waiting';
SELECT delivery, notices FROM take(60);
SELECT settle(60);
SELECT delivery, notices FROM take(60);
SELECT settle(60);
SELECT delivery, notices FROM take(60);
SELECT settle(60);
SELECT delivery, notices FROM take(60);
SELECT count(*) FROM box WHERE state <> 'sent';

-- At most 200 alerts in a delivery, four deliveries of a channel at a time.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, group_by) VALUES
    ('large', 'webhook', 'https://a.example', '0', '{}'), ('many', 'webhook', 'https://b.example', '0', '{host}');
SELECT count(fire('disk', 0, 'h' || i)) FROM generate_series(1, 450) i;
SELECT queue(0);
SELECT split_part(delivery, '/', 1) AS channel, count(*), array_agg(cardinality(ids)) FROM take(0) GROUP BY 1 ORDER BY 1;
SELECT delivery FROM take(0, '{"many/x", "many/y", "many/z", "large/x"}') ORDER BY 1;
SELECT cardinality(ids) FROM take(0, '{"many/1", "many/2", "many/3", "many/4"}');
SELECT count(*) FROM generate_series(1, 3) i, LATERAL settle(0 * i);
SELECT DISTINCT count(*) FROM box WHERE channel = 'large' AND state = 'sent';

-- Back-off: doubling, a fifth more or less, five minutes at most.
SELECT n, extract(epoch FROM pganalytics.alert_backoff(n, 0)) AS least,
       extract(epoch FROM pganalytics.alert_backoff(n, 1)) AS most
FROM unnest(ARRAY[-1, 0, 1, 2, 3, 8, 9, 10, 11, 1000]) n;

-- What fails is tried again, with all that has come meanwhile; what was not sent in give_up_after is dead.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, give_up_after)
VALUES ('hook', 'webhook', 'https://a.example', '0', '1 min');
SELECT fire('disk', 0);
SELECT queue(0);
SELECT settle(0, 'again', 500, E'HTTP 500\r\nBcc: x');
SELECT n, status, state, due BETWEEN 0.8 AND 1.2 AS due, tries, code, error FROM box;
SELECT fire('disk', 0.5, 'b');
SELECT queue(0.5);
SELECT * FROM take(0.7);
SELECT * FROM take(1.3);
SELECT settle(1.3, 'again', NULL, 'connection refused');
SELECT n, due BETWEEN 1.3 + 1.6 AND 1.3 + 2.4 AS due, tries, code, error FROM box;
-- Retry-After is kept to, but for an hour at the most.
SELECT settle(4, 'again', 429, 'HTTP 429', '50 s');
SELECT n, due BETWEEN 54 AND 54 AS due FROM box;
SELECT settle(54, 'again', 503, 'HTTP 503', '1 s');
SELECT n, state, due BETWEEN 54 + 6.4 AND 54 + 9.6 AS due FROM box;
-- The older one has had its minute.
SELECT settle(64, 'again', 429, 'HTTP 429', '1 year');
SELECT n, state, due BETWEEN 60.4 AND 63.6 AS due, code, error FROM box WHERE n = 2;
SELECT channel, alertname, labels ->> 'host' AS host, status, attempts, last_status, last_error, overtaken
FROM pganalytics.alert_dead_letters ORDER BY notification_id;
SELECT queue(70), queue(80);
-- Refused for good.
SELECT fire('load', 80);
SELECT queue(80);
SELECT settle(80, 'dead', 404, 'HTTP 404');
SELECT n, name, state, tries, code, error FROM box;
-- It ends, and the receiver is told so, whatever it knows.
SELECT resolve('load', 90), resolve('disk', 90, 'a');
SELECT queue(90);
SELECT settle(90);
SELECT n, name, status, state FROM box;
-- Redelivered is what nothing newer has overtaken.
SELECT alertname, status, overtaken FROM pganalytics.alert_dead_letters ORDER BY notification_id;
SET ROLE pganalytics_admin;
SELECT pganalytics.redeliver('hook'), pganalytics.redeliver('hook'), pganalytics.redeliver('none');
RESET ROLE;
SELECT fire('cpu', 100);
SELECT queue(100);
SELECT settle(100, 'dead', 400, 'HTTP 400');
SET ROLE pganalytics_admin;
SELECT pganalytics.redeliver(ARRAY(SELECT notification_id FROM pganalytics.alert_dead_letters));
RESET ROLE;
SELECT n, name, state, tries, error FROM box WHERE name = 'cpu';
-- Something newer is sent while it waits again: it was in flight.
SELECT resolve('cpu', 101);
SELECT queue(101);
SELECT pganalytics.settle_delivery('hook', '{}:{alertname="cpu"}', ARRAY[max(n)], 'sent', 200, NULL, NULL, t(102))
FROM box WHERE name = 'cpu';
SELECT n, status, state, error FROM box WHERE name = 'cpu';

-- A channel without its secret is not used, and says why; with it, what waits goes at once.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, authentication)
VALUES ('signed', 'webhook', 'https://a.example', '0', 'hmac'), ('open', 'webhook', 'https://a.example', '0', 'none');
SELECT fire('disk', 0);
SELECT queue(0);
SELECT delivery FROM take(0);
SELECT channel, state, due > 0 AS put_off, tries, error FROM box;
SET ROLE pganalytics_admin;
SELECT pganalytics.set_channel_secret('none', '0123456789abcdef');
SELECT pganalytics.set_channel_secret('open', '0123456789abcdef');
SELECT pganalytics.set_channel_secret('signed', 'short');
SELECT pganalytics.set_channel_secret('signed', E'0123456789abcdef\r\nX: y');
SELECT pganalytics.set_channel_secret('signed', 'fedcba9876543210');
SELECT pganalytics.set_channel_secret('signed', '0123456789abcdef');
RESET ROLE;
SELECT delivery, authentication, secret FROM pganalytics.take_deliveries(t(10), '{}') ORDER BY 1;
SET ROLE pganalytics_admin;
SELECT pganalytics.set_channel_secret('signed', NULL);
RESET ROLE;
SELECT delivery FROM take(10);
-- In real time: what was put off by then is due when the secret is there, or the channel was changed.
UPDATE pganalytics.alert_outbox SET due_at = now() + interval '1 h', attempts = 1;
SET ROLE pganalytics_admin;
SELECT pganalytics.set_channel_secret('signed', '0123456789abcdef');
SELECT channel, due_at <= now() AS due FROM pganalytics.alert_deliveries ORDER BY 1;
UPDATE pganalytics.alert_channels SET url = 'https://b.example' WHERE name = 'open';
RESET ROLE;
SELECT channel, due_at <= now() AS due, attempts FROM pganalytics.alert_outbox ORDER BY 1;

-- Escalation: only what nobody has acknowledged for so long, told once and in the history.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, escalate_after, repeat_every)
VALUES ('boss', 'webhook', 'https://a.example', '0', '15 min', '1 hour');
SELECT fire('disk', 0), fire('load', 0);
SELECT queue(0), queue(890);
SELECT acknowledge('load', 899);
SELECT queue(900), queue(910);
SELECT settle(910);
SELECT n, name, status, state FROM box;
SELECT queue(4490), queue(4500);
SELECT rule, at(h.at), change, comment FROM pganalytics.alert_history h JOIN pganalytics.alerts USING (alert_id)
WHERE change = 'escalated';
SELECT settle(4500);
SELECT resolve('disk', 4600), resolve('load', 4600);
SELECT queue(4600);
SELECT n, name, status FROM box;

-- Repeated while it fires and nobody has acknowledged it; not while the last word still waits.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, repeat_every) VALUES
    ('hook', 'webhook', 'https://a.example', '0', '1 hour'), ('once', 'webhook', 'https://b.example', '0', '0');
SELECT fire('disk', 0), fire('load', 0);
SELECT queue(0);
SELECT queue(3600), queue(7200);
SELECT count(*) FROM settle(7200);
SELECT queue(7201), queue(7206), queue(7212);
SELECT count(*) FROM settle(7212);
SELECT acknowledge('load', 7300);
SELECT queue(10800), queue(10806);
SELECT channel, name, status, count(*) FROM box GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT count(*) FROM settle(10806);
SELECT resolve('disk', 10900), resolve('load', 10900);
SELECT queue(10900), queue(10910);
SELECT channel, name, status, count(*) FROM box GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- A silence: nothing is told that begins in it, and what ends in it is, if its beginning was.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait) VALUES ('hook', 'webhook', 'https://a.example', '0');
SELECT fire('before', 0), fire('stays', 0);
SELECT queue(0);
SELECT count(*) FROM settle(0);
INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason)
VALUES ('[{"name": "host", "value": "a"}]', t(10), t(100), 'work');
SELECT fire('during', 20), fire('short', 20), fire('during', 20, 'b');
SELECT queue(20);
SELECT resolve('before', 30), resolve('short', 30);
SELECT queue(30);
SELECT queue(90);
SELECT queue(100);
SELECT n, name, host, status, due FROM box;

-- Channels: who is told what; one that is added while alerts fire is told of them, one that is disabled
-- waits, one that is deleted is forgotten with all that was queued for it.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, matchers, send_resolved) VALUES
    ('disks', 'webhook', 'https://a.example', '0', '[{"name": "alertname", "value": "disk.*", "isRegex": true}]', true),
    ('fires', 'webhook', 'https://a.example', '0', '[]', false);
SELECT fire('disk', 0), fire('load', 0);
SELECT queue(0);
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait) VALUES ('late', 'webhook', 'https://a.example', '0');
SELECT queue(0.1);
SELECT n, channel, name FROM box;
UPDATE pganalytics.alert_channels SET enabled = false WHERE name = 'late';
SELECT delivery FROM take(1) ORDER BY 1;
SELECT resolve('disk', 2);
SELECT queue(2);
UPDATE pganalytics.alert_channels SET enabled = true WHERE name = 'late';
SELECT queue(3);
SELECT n, channel, name, status FROM box WHERE channel <> 'disks';
SET ROLE pganalytics_admin;
DELETE FROM pganalytics.alert_channels WHERE name = 'late';
RESET ROLE;
SELECT count(*) FROM box WHERE channel = 'late';
SELECT pganalytics.settle_delivery('late', '{}:{alertname="load"}', '{6}', 'again', 500, 'x', NULL, t(4));
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait) VALUES ('late', 'slack', 'https://a.example', '0');
SELECT queue(5);
SELECT channel, name, status FROM box WHERE channel = 'late';

-- Bodies. The shape of a webhook is Alertmanager's.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, group_by) VALUES
    ('hook', 'webhook', 'https://a.example/x?y=1', '0', '{severity,alertname,none}'),
    ('chat', 'slack', 'https://b.example', '0', '{}'), ('am', 'alertmanager', 'https://c.example/', '1 h', '{}');
INSERT INTO pganalytics.alert_channels (name, kind, mail_to, group_wait, group_by)
VALUES ('mail', 'email', '{a@example.com,b@example.com}', '0', '{}');
SELECT pganalytics.external_url() ~ '^https://[^/]+:[0-9]+$' AS link;
CREATE FUNCTION shown(body text) RETURNS text LANGUAGE sql AS
    $$ SELECT replace(body, pganalytics.external_url(), 'https://db.example:8444') $$;
SELECT fire('disk', 0, 'a'), fire('disk', 1, 'b');
SELECT queue(1);
SELECT count(*) FROM settle(1);
SELECT resolve('disk', 2, 'b');
SELECT fire('disk', 2, E'<!channel> & "c"\\\r\n.\u2028x');
UPDATE pganalytics.alerts SET annotations = annotations || '{"number": 7, "none": null, "empty": ""}' WHERE alert_id = 3;
SELECT queue(2);
SELECT url, mail_to, subject, content_type, jsonb_pretty(shown(body)::jsonb) AS body
FROM pganalytics.take_deliveries(t(2), '{}') WHERE kind = 'webhook';
SELECT url, mail_to, subject, content_type, jsonb_pretty(shown(body)::jsonb) AS body
FROM pganalytics.take_deliveries(t(2), '{}') WHERE kind = 'alertmanager';
SELECT url, mail_to, subject, content_type, shown(body) AS body FROM pganalytics.take_deliveries(t(2), '{}') WHERE kind = 'slack';
SELECT url, mail_to, subject, content_type, shown(body) AS body FROM pganalytics.take_deliveries(t(2), '{}') WHERE kind = 'email';
SELECT subject ~ '[\u0001-\u001f\u007f-\u009f\u2028]' AS subject, body ~ '[\u0001-\u0009\u000b-\u001f\u007f-\u009f\u2028]' AS body
FROM pganalytics.take_deliveries(t(2), '{}') WHERE kind = 'email';
SELECT pganalytics.alert_subject(jsonb_agg(jsonb_build_object('status', 'firing', 'labels',
    jsonb_build_object('alertname', E'x\r\nBcc: ' || i, 'severity', 'info'))))
FROM generate_series(1, 4) m CROSS JOIN LATERAL generate_series(1, m) i GROUP BY m ORDER BY m;
SELECT length(body::jsonb ->> 'text') < 20000, body::jsonb ->> 'text' ~ 'and 490 more$' AS counted
FROM pganalytics.slack_body((SELECT jsonb_agg(jsonb_build_object('status', 'firing', 'labels',
    jsonb_build_object('alertname', 'x' || i))) FROM generate_series(1, 500) i)) AS body;
SELECT pganalytics.alert_group_key(pganalytics.alert_group_labels('{"b": "1", "a": "x\"\\y", "c": "2"}', '{b,a,z}'));

-- An Alertmanager is told every minute what fires, silenced and acknowledged or not, and for five
-- minutes what has ended; of nothing nothing; and never while something older waits.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url) VALUES ('am', 'alertmanager', 'https://am.example:9093');
SELECT * FROM take(0);
SELECT fire('disk', 50), fire('load', 50), fire('cpu', 50);
SELECT queue(50);
SELECT * FROM take(50);
SELECT settle(50);
CREATE FUNCTION told(seconds double precision) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', d.delivery, d.notification_ids::text, a ->> 'name', at((a ->> 'startsAt')::timestamptz),
                                at((a ->> 'endsAt')::timestamptz)), ', ' ORDER BY a ->> 'name')
    FROM pganalytics.take_deliveries(t(seconds), '{}') d,
         LATERAL (SELECT e || jsonb_build_object('name', e -> 'labels' -> 'alertname') FROM jsonb_array_elements(d.body::jsonb) e) AS a(a) $$;
SELECT told(59.9), told(60);
SELECT settle(60);
SELECT told(119.9), told(120);
SELECT * FROM take(120, '{"am/{}:{}"}');
SELECT settle(120);
SELECT acknowledge('load', 130), resolve('cpu', 130);
INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason)
VALUES ('[{"name": "host", "value": "a"}]', t(130), t(10000), 'work');
SELECT queue(130);
-- It does not answer: news waits, and so does what is told again.
SELECT settle(130, 'again', NULL, 'timed out', '200 s');
SELECT told(200), told(330);
SELECT settle(330);
SELECT told(330);
SELECT settle(330, 'again', 503, 'HTTP 503');
SELECT told(330), attempts, last_status, last_error, at(resend_at) BETWEEN 330.8 AND 331.2 AS soon
FROM pganalytics.alert_channel_states;
SELECT settle(332, 'dead', 400, 'HTTP 400');
SELECT told(391.9), told(392), attempts, last_status, last_error FROM pganalytics.alert_channel_states;
SELECT settle(392);
SELECT told(452);
-- It fires again: that it has ended is not said any more.
SELECT resolve('load', 460), resolve('disk', 460);
UPDATE pganalytics.alert_silences SET ends_at = t(461);
SELECT fire('load', 462);
SELECT queue(462);
SELECT settle(462), told(462);
SELECT settle(462);
SELECT told(522);
SELECT resolve('load', 530);
SELECT queue(530);
SELECT settle(530);
SELECT told(760) ~ 'disk' AS disk, told(760) ~ 'load' AS load;
SELECT told(829.9);
SELECT told(830);
SELECT at(resend_at), attempts FROM pganalytics.alert_channel_states;

-- A test goes the same way, of no alert.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, enabled)
VALUES ('hook', 'webhook', 'https://a.example', true), ('off', 'webhook', 'https://a.example', false);
SET ROLE pganalytics_admin;
SELECT pganalytics.test_channel('hook') = 1 AS queued;
SELECT pganalytics.test_channel('off');
SELECT pganalytics.test_channel('none');
SELECT notification_id, channel, alert_id, alertname, status, state, attempts, age < '1 min' AS fresh FROM pganalytics.alert_deliveries;
RESET ROLE;
SELECT delivery, body::jsonb -> 'commonLabels' AS labels FROM pganalytics.take_deliveries(now(), '{}');

-- Anchors: the head of the audit log, when it has changed and at most once a minute. Here there is no
-- audit worker, so a function stands for its head.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, anchors) VALUES
    ('keeper', 'webhook', 'https://a.example', true), ('other', 'webhook', 'https://a.example', false);
SELECT queue(0);
BEGIN;
ALTER FUNCTION pganalytics.audit_head() RENAME TO audit_head_of_worker;
CREATE TABLE public.head AS SELECT 1::bigint AS id, '\xab'::bytea AS hash;
GRANT SELECT ON public.head TO pganalytics_alerts;
CREATE FUNCTION pganalytics.audit_head(OUT id bigint, OUT hash bytea) LANGUAGE sql AS $$ SELECT * FROM public.head $$;
SELECT queue(10), queue(20), queue(100);
SELECT settle(100);
SELECT queue(110);
UPDATE public.head SET id = 2;
SELECT queue(120);
UPDATE public.head SET id = 3;
SELECT queue(150), queue(179), queue(185);
SELECT settle(185), queue(200), queue(240);
UPDATE public.head SET id = 4;
SELECT queue(246);
SELECT channel, at(created_at), alert -> 'annotations' ->> 'anchor' AS anchor, state FROM pganalytics.alert_outbox ORDER BY notification_id;
ROLLBACK;

-- A clock that was set. While the worker runs, what waits moves with it: a year on or back, it is due as soon as
-- it would have been, and it is not given up.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, repeat_every) VALUES ('hook', 'webhook', 'https://a.example', '4 hours');
INSERT INTO pganalytics.alert_rule_states (rule, evaluate_at, evaluated_at) VALUES ('clock', t(60), t(0));
SELECT fire('up', 0), queue(0);
SELECT settle(30, 'again', 503, 'full', '1 minute');
SELECT due FROM box;
CREATE FUNCTION move(now double precision, shift interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE pganalytics_alerts;
    PERFORM pganalytics.move_due_times(t(now), shift);
    RESET ROLE;
END $$;
CREATE FUNCTION moved(year double precision) RETURNS TABLE (due numeric, early text[], in_time text[], rule numeric[], back numeric)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM move(40 + year, make_interval(secs => year));
    due := (SELECT b.due - year::numeric FROM box b);
    early := ARRAY(SELECT k.delivery FROM take(89 + year) k);
    in_time := ARRAY(SELECT k.delivery FROM take(90 + year) k);
    rule := (SELECT ARRAY[at(r.evaluated_at), at(r.evaluate_at)] FROM pganalytics.alert_rule_states r WHERE r.rule = 'clock');
    PERFORM move(40, make_interval(secs => -year));
    back := (SELECT b.due FROM box b);
    RETURN NEXT;
END $$;
SELECT * FROM moved(365 * 86400);
SELECT * FROM moved(-365 * 86400);
-- While none ran, the clock was set back by a year, which a time tells that is farther ahead than any wait.
SELECT delivery FROM take(90 - 365 * 86400);
SELECT settle(90);
SELECT queue(90 - 365 * 86400);
SELECT n, status, state FROM box;
DELETE FROM pganalytics.alert_rule_states WHERE rule = 'clock';
DROP FUNCTION move, moved;

-- A row that nothing can be sent of becomes a dead letter that says why, and stops no other. A body has a
-- largest size: what is more goes in further deliveries, also to an Alertmanager.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, group_by) VALUES
    ('hook', 'webhook', 'https://a.example', '0', '{}'), ('chat', 'slack', 'https://b.example', '0', '{}'), ('am', 'alertmanager', 'https://c.example', '0', '{}');
INSERT INTO pganalytics.alert_outbox (channel, fingerprint, group_key, status, alert, latest, created_at, waiting_since, due_at)
SELECT c.name, n::text, '{}:{}', 'firing', a.alert, false, t(0), t(0), t(0)
FROM pganalytics.alert_channels c, unnest(ARRAY['5', 'null', '[]', '{"labels": 5}', '{"labels": {}, "annotations": []}',
    '{"labels": {"a": 5}, "annotations": {}}', '{"labels": {}, "annotations": {"a": null}}', '{"labels": {}, "annotations": {}, "status": "lost"}',
    '{"labels": {}, "annotations": {}, "status": "firing", "startsAt": 5}',
    '{"labels": {}, "annotations": {"a": "' || repeat('x', 1100000) || '"}, "status": "firing", "startsAt": "", "endsAt": ""}']::jsonb[]) WITH ORDINALITY a (alert, n)
ORDER BY c.name, n;
SELECT fire('disk', 0);
SELECT queue(0);
SELECT delivery, notices FROM take(0) ORDER BY 1;
SELECT channel, count(*), array_agg(DISTINCT error) FROM box WHERE state = 'dead' GROUP BY 1 ORDER BY 1;
SELECT settle(0);
SELECT channel, name, state FROM box WHERE state <> 'dead' ORDER BY 1;
SET ROLE pganalytics_admin;
SELECT pganalytics.discard_dead_letters('hook'), pganalytics.discard_dead_letters('none');
RESET ROLE;
SELECT channel, state, count(*) FROM box GROUP BY 1, 2 ORDER BY 1, 2;
-- What cannot be made into a body for another reason is retried, and stops no other either.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, group_by) VALUES ('hook', 'webhook', 'https://a.example', '0', '{}'), ('chat', 'slack', 'https://b.example', '0', '{}');
SELECT fire('disk', 0);
SELECT queue(0);
BEGIN;
CREATE OR REPLACE FUNCTION pganalytics.slack_body(notices jsonb) RETURNS text LANGUAGE sql AS $$ SELECT (1 / 0)::text $$;
SELECT delivery FROM take(0);
SELECT channel, state, tries, error FROM box ORDER BY 1;
ROLLBACK;
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, group_by) VALUES
    ('hook', 'webhook', 'https://a.example', '0', '{}'), ('am', 'alertmanager', 'https://c.example', '0', '{}');
SELECT count(fire('disk', 0, 'h' || n)) FROM generate_series(1, 20) n;
UPDATE pganalytics.alerts SET annotations = jsonb_build_object('summary', repeat('x', 100000));
SELECT queue(0);
SELECT kind, cardinality(notification_ids), octet_length(body) < 1200000 AS fits FROM pganalytics.take_deliveries(t(0), '{}') ORDER BY 1;
SELECT count(*) FROM generate_series(1, 2) i, LATERAL settle(0 * i);
SELECT state, count(*) FROM box GROUP BY 1;
CREATE FUNCTION resent(seconds double precision) RETURNS TABLE (alerts bigint, first text, last text) LANGUAGE plpgsql AS $$
DECLARE
    d record;
BEGIN
    SET LOCAL ROLE pganalytics_alerts;
    FOR d IN SELECT * FROM pganalytics.take_deliveries(t(seconds), '{}') LOOP
        PERFORM pganalytics.settle_delivery(d.channel, d.group_key, d.notification_ids, 'sent', 200, NULL, NULL, t(seconds));
        RETURN QUERY SELECT count(*), min(substr(a -> 'labels' ->> 'host', 2)::int)::text, max(substr(a -> 'labels' ->> 'host', 2)::int)::text
                     FROM jsonb_array_elements(d.body::jsonb) a;
    END LOOP;
    RESET ROLE;
END $$;
SELECT * FROM resent(60);
SELECT * FROM resent(60);
SELECT * FROM resent(60);
SELECT * FROM resent(119);
SELECT * FROM resent(120);
DROP FUNCTION resent;

-- The heartbeat is sent at its interval to channels that ask for it, whatever else they are sent, and to no
-- other; nothing mutes it, and nothing counts it.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, group_wait, heartbeat_every, matchers) VALUES
    ('watch', 'webhook', 'https://a.example', '1 h', '1 min', '[{"name": "alertname", "value": "none"}]'), ('hook', 'webhook', 'https://b.example', '0', NULL, '[]'),
    ('am', 'alertmanager', 'https://c.example', '0', '30 s', '[]'), ('am2', 'alertmanager', 'https://d.example', '0', NULL, '[]');
INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason) VALUES ('[{"name": "severity", "value": ".*", "isRegex": true}, {"name": "alertname", "value": ".+", "isRegex": true}]', t(0), t(10000), 'work');
SELECT fire('heartbeat', 0), fire('disk', 0);
SELECT queue(0);
SELECT channel, name, due FROM box;
SELECT count(*) FROM settle(0);
UPDATE pganalytics.alerts SET found_at = t(55), acknowledged_at = t(5), acknowledged_by = 'ann' WHERE rule = 'heartbeat';
SELECT queue(55), queue(60), queue(65);
SELECT count(*) FROM settle(65);
SELECT channel, name, state, count(*) FROM box GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT rule FROM pganalytics.active_alerts;
SELECT sum(firing), sum(pending) FROM pganalytics.alert_overview WHERE rule = 'heartbeat';
SELECT sum(value) FROM pganalytics.prometheus_samples WHERE name = 'pganalytics_alerts';
-- An Alertmanager is resent it as long as the channel asks for it and its rule is evaluated.
SELECT channel FROM pganalytics.take_deliveries(t(130), '{}') ORDER BY 1;
SELECT count(*) FROM settle(130);
SELECT queue(354), queue(360);
SELECT channel FROM pganalytics.take_deliveries(t(360), '{}') WHERE kind = 'alertmanager' ORDER BY 1;
UPDATE pganalytics.alerts SET found_at = t(360) WHERE rule = 'heartbeat';
SELECT queue(365);
SELECT channel FROM pganalytics.take_deliveries(t(365), '{}') ORDER BY 1;
-- Its end is told to an Alertmanager only: for others it would be one more.
SELECT count(*) FROM settle(365);
SELECT resolve('heartbeat', 370);
SELECT queue(371);
SELECT channel, name, status FROM box WHERE status = 'resolved' AND name = 'heartbeat';

-- Rights. The secret is an administrator's and the worker's, by whatever way, and so is the URL.
CALL begin_anew();
INSERT INTO pganalytics.alert_channels (name, kind, url, authentication) VALUES ('hook', 'webhook', 'https://a.example/token', 'bearer');
SELECT pganalytics.set_channel_secret('hook', 'the-secret-of-hook');
CREATE FUNCTION attempt(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    EXECUTE statement;
    RESET ROLE;
    RETURN 'done';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'denied';
WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT s.statement, attempt('pganalytics_viewer', s.statement) AS viewer, attempt('pganalytics_operator', s.statement) AS operator,
       attempt('pganalytics_admin', s.statement) AS admin, attempt('pganalytics_rules', s.statement) AS rules,
       attempt('pganalytics_alerts', s.statement) AS alerts
FROM unnest(ARRAY[
    'SELECT name, kind, matchers, enabled FROM pganalytics.alert_channels',
    'SELECT url FROM pganalytics.alert_channels',
    'SELECT mail_to FROM pganalytics.alert_channels',
    'SELECT c FROM pganalytics.alert_channels c',
    'SELECT secret FROM pganalytics.alert_channel_secrets',
    'SELECT FROM pganalytics.alert_channel_secrets',
    'SELECT * FROM pganalytics.alert_deliveries',
    'SELECT * FROM pganalytics.alert_dead_letters',
    'SELECT * FROM pganalytics.alert_outbox',
    'SELECT * FROM pganalytics.alert_channel_states',
    'SELECT * FROM pganalytics.alert_outbox_state',
    'SELECT * FROM pganalytics.take_deliveries(now(), NULL)',
    'SELECT pganalytics.queue_notifications(now())',
    'SELECT pganalytics.settle_delivery(''hook'', ''x'', ''{}'', ''sent'', 200, NULL, NULL, now())',
    'SELECT pganalytics.set_channel_secret(''hook'', ''another-secret-of-hook'')',
    'SELECT pganalytics.set_channel_secret(''hook'', NULL)',
    'SELECT pganalytics.test_channel(''hook'')',
    'SELECT pganalytics.redeliver(''hook'')',
    'INSERT INTO pganalytics.alert_channels (name, kind, url) VALUES (current_user, ''slack'', ''https://x.example'')',
    'UPDATE pganalytics.alert_channels SET url = ''https://evil.example''',
    'DELETE FROM pganalytics.alert_channels WHERE name <> ''hook''',
    'SELECT pganalytics.discard_dead_letters(''hook'')',
    'SELECT pganalytics.follow_alert_channel()',
    'DELETE FROM pganalytics.alert_outbox',
    'UPDATE pganalytics.alert_outbox SET state = ''dead''',
    'INSERT INTO pganalytics.alert_channel_secrets VALUES (''hook'', E''x\r\ny'')',
    'UPDATE pganalytics.alert_channel_secrets SET secret = ''x''',
    'DELETE FROM pganalytics.alert_channel_secrets',
    'DELETE FROM pganalytics.alert_channel_states',
    'INSERT INTO pganalytics.alert_outbox (channel, fingerprint, group_key, status, alert, latest, created_at, waiting_since, due_at) VALUES (''hook'', '''', '''', ''firing'', ''{}'', false, now(), now(), now())',
    'UPDATE pganalytics.alert_outbox SET alert = ''{}''',
    'TRUNCATE pganalytics.alert_outbox']) WITH ORDINALITY AS s(statement, place) ORDER BY s.place;
-- Nor is it in what others read.
SELECT count(*) FILTER (WHERE v::text ~ 'secret-of-hook|token') AS shown FROM pganalytics.alert_deliveries v;
SELECT 'pganalytics.' || c AS "table", ('pganalytics.' || c)::regclass = ANY (extconfig) AS dumped
FROM pg_extension, unnest(ARRAY['alert_channels', 'alert_channel_secrets', 'alert_channel_states', 'alert_outbox',
                                'alert_outbox_state']) c WHERE extname = 'pganalytics';

CALL begin_anew();
DROP PROCEDURE begin_anew();
DROP VIEW box;
DROP FUNCTION t, at, fire, resolve, acknowledge, queue, take, settle, told, shown, attempt;
