-- What mutes an alert, and what people do about alerts. Times are arguments where they count.
\set SHOW_CONTEXT never
\pset format unaligned
SET timezone = 'Europe/Berlin';
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- Matchers, as Alertmanager has them.
SELECT matchers, pganalytics.labels_match('{"a": "x", "b": "yy", "n": "line\nbreak", "e": ""}', matchers)
FROM unnest(ARRAY['[]', '[{"name": "a", "value": "x"}]', '[{"name": "a", "value": "y"}]',
    '[{"name": "a", "value": "x", "isEqual": false}]', '[{"name": "a", "value": "y", "isEqual": false}]',
    '[{"name": "a", "value": "x"}, {"name": "b", "value": "y"}]',
    '[{"name": "a", "value": "x", "isRegex": false}, {"name": "b", "value": "yy", "isEqual": true}]',
    '[{"name": "missing", "value": ""}]', '[{"name": "missing", "value": "", "isEqual": false}]',
    '[{"name": "e", "value": ""}]', '[{"name": "missing", "value": "x", "isEqual": false}]',
    '[{"name": "b", "value": "y", "isRegex": true}]', '[{"name": "b", "value": "y+", "isRegex": true}]',
    '[{"name": "b", "value": "x|y", "isRegex": true}]', '[{"name": "b", "value": "x|yy", "isRegex": true}]',
    '[{"name": "b", "value": "Y+", "isRegex": true}]', '[{"name": "n", "value": "line", "isRegex": true}]',
    '[{"name": "n", "value": "line.break", "isRegex": true}]',
    '[{"name": "b", "value": "y+", "isRegex": true, "isEqual": false}]',
    '[{"name": "missing", "value": ".*", "isRegex": true}]',
    '[{"name": "missing", "value": ".+", "isRegex": true}]']::jsonb[]) AS matchers;

-- What is none is refused, and says why.
SELECT refused(format('SELECT pganalytics.check_matchers(%L)', m)), m
FROM unnest(ARRAY[NULL, '{}', '"a"', 'null', '[1]', '[{}]', '[{"name": "a"}]', '[{"value": "a"}]',
    '[{"name": "", "value": "a"}]', '[{"name": "a b", "value": "a"}]', '[{"name": "1a", "value": ""}]',
    '[{"name": "a", "value": 1}]', '[{"name": "a", "value": null}]', '[{"name": "a", "value": "", "is": 1}]',
    '[{"name": "a", "value": "", "isRegex": "true"}]', '[{"name": "a", "value": "", "isEqual": null}]',
    '[{"name": "a", "value": "("}, 5]', '[{"name": "a", "value": "(", "isRegex": true}]',
    '[{"name": "a", "value": "a)|(?:b", "isRegex": true}]', '[{"name": "a", "value": "a\\", "isRegex": true}]',
    '[{"name": "a", "value": "(a)\\1", "isRegex": true}]', '[{"name": "a", "value": "***=a", "isRegex": true}]',
    '[{"name": "a", "value": "a|b", "isRegex": true}]', '[]', '[{"name": "a", "value": ""}]']::jsonb[]) AS m;
SELECT refused(format('SELECT pganalytics.check_matchers(%L, false)', m)), m
FROM unnest(ARRAY['[]', '[{"name": "a", "value": ""}]', '[{"name": "a", "value": ".*", "isRegex": true}]',
    '[{"name": "a", "value": "x", "isEqual": false}]',
    '[{"name": "a", "value": ".*", "isRegex": true}, {"name": "b", "value": "x"}]']::jsonb[]) AS m;
SELECT refused($$SELECT pganalytics.check_matchers(jsonb_agg(jsonb_build_object('name', 'a', 'value', '')))
                 FROM generate_series(1, 257)$$);
SELECT refused($$SELECT pganalytics.check_matchers(jsonb_build_array(
                 jsonb_build_object('name', 'a', 'value', repeat('x', 2049))))$$);

-- Alerts: two of each of two collectors, one that is pending, one of the past.
INSERT INTO pganalytics.alerts (alert_id, rule, fingerprint, labels, severity, state, started_at, found_at,
                                fired_at, resolved_at)
OVERRIDING SYSTEM VALUE
SELECT n, labels->>'alertname', lpad(to_hex(n), 16, '0'), labels, labels->>'severity', state,
       '2026-03-01 00:00+00', '2026-03-01 00:00+00', CASE WHEN state <> 'pending' THEN timestamptz '2026-03-01 00:00+00' END,
       CASE WHEN state = 'resolved' THEN timestamptz '2026-03-01 00:00+00' END
FROM (VALUES
    (1, 'firing', '{"alertname": "silent", "severity": "critical", "collector": "east"}'::jsonb),
    (2, 'firing', '{"alertname": "slow", "severity": "warning", "collector": "east", "db": "a"}'),
    (3, 'firing', '{"alertname": "slow", "severity": "warning", "collector": "west", "db": "a"}'),
    (4, 'pending', '{"alertname": "locks", "severity": "info", "collector": "east"}'),
    (5, 'pending', '{"alertname": "silent", "severity": "critical", "collector": "west"}'),
    (6, 'resolved', '{"alertname": "slow", "severity": "warning", "collector": "east", "db": "b"}'),
    (7, 'firing', '{"alertname": "own", "severity": "info"}')) AS a(n, state, labels);
CREATE VIEW muted AS
    SELECT at, alert_id, muted_by FROM (SELECT timestamptz '2026-03-02 00:00+00' AS at) AS t,
           pganalytics.alert_mutes(at) ORDER BY alert_id;
SELECT * FROM muted;

-- Inhibition: a firing source, with the same values; missing and empty are the same.
INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers, equal_labels) VALUES
    ('silent', '[{"name": "alertname", "value": "silent"}]',
     '[{"name": "alertname", "value": "silent", "isEqual": false}, {"name": "collector", "value": "", "isEqual": false}]',
     '{collector,zone}');
SELECT alert_id, muted_by FROM muted;
-- A source that is not only pending.
UPDATE pganalytics.alerts SET state = 'firing', fired_at = found_at WHERE alert_id = 5;
SELECT alert_id, muted_by FROM muted;
UPDATE pganalytics.alert_inhibitions SET enabled = false WHERE NOT builtin;
SELECT alert_id, muted_by FROM muted;
-- What matches both sides is inhibited by nothing that does, itself included; by others it is.
INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers) VALUES
    ('both', '[{"name": "severity", "value": "warning|critical", "isRegex": true}]',
     '[{"name": "severity", "value": "warning|info", "isRegex": true}]');
SELECT alert_id, muted_by FROM muted;
-- An alert that is inhibited inhibits, as in Alertmanager: two that name each other mute both.
DELETE FROM pganalytics.alert_inhibitions WHERE NOT builtin;
INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers) VALUES
    ('one way', '[{"name": "alertname", "value": "silent"}]', '[{"name": "alertname", "value": "own"}]'),
    ('the other', '[{"name": "alertname", "value": "own"}]', '[{"name": "alertname", "value": "silent"}]');
SELECT alert_id, muted_by FROM muted;
DELETE FROM pganalytics.alert_inhibitions WHERE NOT builtin;

-- Built-in ones can be disabled, and no more; nobody makes one, and who has changed one is not for
-- that person to say.
BEGIN;
SET LOCAL ROLE pganalytics_admin;
UPDATE pganalytics.alert_inhibitions SET enabled = false WHERE builtin;
SELECT count(*) > 0 AS some, bool_and(changed_by = session_user AND changed_at > now()) AS stamped
FROM pganalytics.alert_inhibitions WHERE builtin;
SELECT refused('DELETE FROM pganalytics.alert_inhibitions WHERE builtin') ~ '^55000 .* cannot be deleted$' AS kept,
       refused('UPDATE pganalytics.alert_inhibitions SET name = ''x'''),
       refused($$INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers, builtin)
                 VALUES ('x', '[]', '[]', true)$$),
       refused('UPDATE pganalytics.alert_inhibitions SET changed_by = ''postgres''');
RESET ROLE;
SELECT refused('UPDATE pganalytics.alert_inhibitions SET name = name || ''x'' WHERE builtin')
       ~ '^55000 .* keeps its name$' AS kept;
INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers, builtin)
VALUES ('x', '[{"name": "a", "value": "b"}]', '[{"name": "a", "value": "c"}]', true) RETURNING builtin;
ROLLBACK;

-- Silences hold from their beginning to their end, which is not part of them.
INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason)
VALUES ('[{"name": "alertname", "value": "slow"}]', '2026-03-02 10:00+00', '2026-03-02 12:00+00', 'being repaired');
SELECT at, array_agg(alert_id ORDER BY alert_id) FILTER (WHERE muted_by[1] LIKE 'silence %') AS silenced
FROM unnest(ARRAY['2026-03-02 09:59:59+00', '2026-03-02 10:00+00', '2026-03-02 11:59:59+00',
                  '2026-03-02 12:00+00']::timestamptz[]) AS at
LEFT JOIN LATERAL pganalytics.alert_mutes(at) ON true GROUP BY at ORDER BY at;
DELETE FROM pganalytics.alert_silences;

-- Windows: once; each day, at the same hour of its own time zone when the clocks change. There is no
-- 02:00 in Berlin on the 29th: it begins when the clocks have changed.
SELECT at AT TIME ZONE 'UTC' AS utc, pganalytics.maintenance_covers(at, '2026-03-27 02:00+01', '1 hour', NULL, 'UTC') AS once,
       pganalytics.maintenance_covers(at, '2026-03-27 02:00+01', '1 hour', '1 day', 'UTC') AS of_utc,
       pganalytics.maintenance_covers(at, '2026-03-27 02:00+01', '1 hour', '1 day', 'Europe/Berlin') AS of_berlin,
       pganalytics.maintenance_covers(at, '2026-03-27 02:00+01', '1 hour', '7 days', 'Europe/Berlin') AS weekly
FROM unnest(ARRAY['2026-03-26 01:30+00', '2026-03-27 00:59:59+00', '2026-03-27 01:00+00', '2026-03-27 01:59:59+00',
                  '2026-03-27 02:00+00', '2026-03-28 01:30+00',
                  '2026-03-29 01:30+00', '2026-03-29 02:00+00', '2026-03-30 00:30+00', '2026-03-30 01:30+00',
                  '2026-04-03 00:30+00', '2026-04-03 01:30+00', '2036-04-04 00:30+00']::timestamptz[]) AS at;
-- 36 hours again and again; a window as long as its repetition is always; the hour that comes twice.
SELECT at AT TIME ZONE 'UTC' AS utc,
       pganalytics.maintenance_covers(at, '2026-01-01 00:00+00', '6 hours', '36 hours', 'UTC') AS hours,
       pganalytics.maintenance_covers(at, '2026-01-01 00:00+00', '1 day', '1 day', 'Europe/Berlin') AS always,
       pganalytics.maintenance_covers(at, '2026-10-24 00:30+00', '30 min', '1 day', 'Europe/Berlin') AS half_past_two
FROM unnest(ARRAY['2026-01-01 05:59+00', '2026-01-01 06:00+00', '2026-01-02 12:00+00', '2026-01-02 18:00+00',
                  '2026-10-24 23:30+00', '2026-10-25 00:45+00', '2026-10-25 01:45+00', '2026-10-26 01:45+00']::timestamptz[]) AS at;
SET timezone = 'Asia/Kolkata';
SELECT pganalytics.maintenance_covers('2026-03-30 00:30+00', '2026-03-27 02:00+01', '1 hour', '1 day', 'Europe/Berlin') AS same;
SET timezone = 'UTC';
SELECT pganalytics.create_maintenance_window('nightly', '[{"name": "collector", "value": "east"}]',
    '2026-03-01 02:00+00', '1 hour', 'backups', '1 day');
SELECT pganalytics.create_maintenance_window('all', '[]', now() + interval '1 hour', '1 hour', 'moving');
SELECT at, alert_id, muted_by FROM unnest(ARRAY['2026-03-05 02:30+00', '2026-03-05 03:30+00']::timestamptz[]) AS at,
    pganalytics.alert_mutes(at) ORDER BY at, alert_id;
SELECT count(*) FROM pganalytics.alert_mutes(now() + interval '90 minutes') WHERE 'maintenance all' = ANY (muted_by);
UPDATE pganalytics.maintenance_windows SET enabled = false WHERE name = 'nightly';
SELECT count(*) FROM pganalytics.alert_mutes('2026-03-05 02:30+00');
SELECT refused('SELECT pganalytics.create_maintenance_window(' || arguments || ')')
FROM unnest(ARRAY[
    $$'all', '[]', now(), '1 hour', 'x'$$, $$'', '[]', now(), '1 hour', 'x'$$, $$NULL, '[]', now(), '1 hour', 'x'$$,
    $$'w', '[]', now(), '1 hour', ' '$$, $$'w', '[]', 'infinity', '1 hour', 'x'$$, $$'w', '[]', NULL, '1 hour', 'x'$$,
    $$'w', '[]', now(), '59 seconds', 'x'$$, $$'w', '[]', now(), '8 days', 'x'$$, $$'w', '[]', now(), NULL, 'x'$$,
    $$'w', '[]', now(), '2 hours', 'x', '1 hour'$$, $$'w', '[]', now(), '2 hours', 'x', '1 month'$$,
    $$'w', '[]', now() - interval '2 hours', '1 hour', 'x'$$, $$'w', '[1]', now(), '1 hour', 'x'$$,
    $$'w', NULL, now(), '1 hour', 'x'$$, $$'w', '[]', now(), '1 hour', 'x', '1 day', 'Mars/Base'$$]) AS arguments;
SELECT pganalytics.drop_maintenance_window('all'), pganalytics.drop_maintenance_window('nightly');
SELECT refused($$SELECT pganalytics.drop_maintenance_window('all')$$),
       refused('SELECT pganalytics.drop_maintenance_window(NULL)');

-- Acknowledging. Who, whatever role is in force, and when, whatever an UPDATE says.
CREATE ROLE regress_operator LOGIN;
GRANT pganalytics_operator TO regress_operator;
CREATE ROLE regress_viewer LOGIN;
GRANT pganalytics_viewer TO regress_viewer;
SET SESSION AUTHORIZATION regress_operator;
SET ROLE pganalytics_operator;
SELECT pganalytics.acknowledge_alert(2, 'on it');
SELECT alert_id, acknowledged_by, acknowledgement FROM pganalytics.active_alerts
WHERE acknowledged_at IS NOT NULL;
UPDATE pganalytics.alerts SET acknowledged_at = '2020-01-01', acknowledgement = 'by hand' WHERE alert_id IN (2, 4);
SELECT pganalytics.unacknowledge_alert(2), pganalytics.unacknowledge_alert(2), pganalytics.unacknowledge_alert(3);
RESET SESSION AUTHORIZATION;
SELECT alert_id, acknowledged_by, acknowledgement FROM pganalytics.active_alerts WHERE acknowledged_at IS NOT NULL;
SELECT alert_id, change, actor, comment, at > now() - interval '1 min' AS now FROM pganalytics.alert_history
ORDER BY at, alert_id;
SELECT refused('SELECT pganalytics.' || call) FROM unnest(ARRAY['acknowledge_alert(6)', 'unacknowledge_alert(6)',
    'acknowledge_alert(99)', 'unacknowledge_alert(99)', 'acknowledge_alert(NULL)',
    'silence_alert(6, ''1 hour'', ''x'')', 'silence_alert(99, ''1 hour'', ''x'')', 'silence_alert(NULL, ''1 hour'', ''x'')',
    'silence_alert(2, ''-1 hour'', ''x'')', 'silence_alert(2, NULL, ''x'')', 'silence_alert(2, ''1 hour'', '''')',
    'silence_alerts(''[]'', ''1 hour'', ''x'')', 'silence_alerts(NULL, ''1 hour'', ''x'')',
    'silence_alerts(''[{"name": "a"}]'', ''1 hour'', ''x'')',
    'silence_alerts(''[{"name": "a", "value": "b"}]'', ''1 hour'', ''x'', now() - interval ''1 hour'')',
    'silence_alerts(''[{"name": "a", "value": "b"}]'', ''1 hour'', ''x'', ''infinity'')',
    'silence_alerts(''[{"name": "a", "value": "b"}]'', ''1 hour'', ''x'', NULL)', 'end_silence(-1)',
    'end_silence(NULL)']) AS call;

-- Silencing: by matchers, and exactly one alert.
SET SESSION AUTHORIZATION regress_operator;
SELECT pganalytics.silence_alerts('[{"name": "alertname", "value": "own"}]', '2 hours', 'known') AS by_matchers \gset
SELECT pganalytics.silence_alert(2, '1 hour', 'this one') AS one \gset
SELECT pganalytics.silence_alerts('[{"name": "alertname", "value": "silent"}]', '1 hour', 'later', now() + interval '1 day') AS later \gset
SELECT state, matchers, ends_at - starts_at AS lasts, reason, created_by, ended_by FROM pganalytics.silences ORDER BY silence_id;
SELECT alert_id, cardinality(muted_by) FROM pganalytics.active_alerts ORDER BY alert_id;
-- Nobody says who it was but the server.
SELECT refused($$INSERT INTO pganalytics.alert_silences (matchers, ends_at, reason, created_by)
                 VALUES ('[{"name": "a", "value": "b"}]', now(), 'x', 'postgres')$$),
       refused($$UPDATE pganalytics.alert_silences SET ended_by = 'postgres'$$),
       refused($$UPDATE pganalytics.alert_silences SET matchers = '[]'$$),
       refused($$UPDATE pganalytics.alerts SET acknowledged_by = 'postgres'$$),
       refused($$UPDATE pganalytics.alerts SET state = 'resolved'$$),
       refused($$INSERT INTO pganalytics.alert_history (alert_id, at, change) VALUES (1, now(), 'resolved')$$),
       refused($$INSERT INTO pganalytics.maintenance_windows (name, matchers, starts_at, duration, reason, created_by)
                 VALUES ('x', '[]', now(), '1 hour', 'x', 'postgres')$$),
       refused('DELETE FROM pganalytics.alert_silences'), refused('DELETE FROM pganalytics.alerts'),
       refused('UPDATE pganalytics.alert_inhibitions SET enabled = false'),
       -- It runs with its owner's rights: as a trigger of ours and not otherwise.
       refused('SELECT pganalytics.record_acknowledgement()'),
       refused('CREATE TEMP TABLE t (); CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION pganalytics.record_acknowledgement()');
-- By hand, with a matcher that is none.
SELECT refused($$INSERT INTO pganalytics.alert_silences (matchers, ends_at, reason) VALUES ('[]', now(), 'x')$$),
       refused($$INSERT INTO pganalytics.maintenance_windows (name, matchers, starts_at, duration, reason)
                 VALUES ('x', '[1]', now(), '1 hour', 'x')$$);
SELECT pganalytics.end_silence(:one), pganalytics.end_silence(:later);
SELECT state, starts_at <= ends_at AS ordered, reason, created_by, ended_by FROM pganalytics.silences ORDER BY silence_id;
SELECT refused('SELECT pganalytics.end_silence(' || :one || ')') ~ '^55000 silence \d+ has ended already$' AS ended;
-- A longer one is not one that was ended.
UPDATE pganalytics.alert_silences SET ends_at = ends_at + interval '1 hour' WHERE silence_id = :by_matchers;
SELECT state, ended_by FROM pganalytics.silences WHERE silence_id = :by_matchers;
SELECT rule, severity, alerts, firing, pending, acknowledged, muted, alert_ids FROM pganalytics.alert_groups
ORDER BY rule;

-- A viewer reads all of it and does nothing.
SET SESSION AUTHORIZATION regress_viewer;
SELECT count(*) FROM pganalytics.active_alerts;
SELECT count(*) FROM pganalytics.silences;
SELECT count(*) FROM pganalytics.alert_groups;
SELECT count(*) >= 0 AS reads FROM pganalytics.alert_overview;
SELECT refused('SELECT pganalytics.' || call) FROM unnest(ARRAY['acknowledge_alert(1)', 'unacknowledge_alert(1)',
    'silence_alert(1, ''1 hour'', ''x'')', 'silence_alerts(''[{"name": "a", "value": "b"}]'', ''1 hour'', ''x'')',
    'end_silence(1)', 'create_maintenance_window(''w'', ''[]'', now(), ''1 hour'', ''x'')',
    'drop_maintenance_window(''w'')', 'check_matchers(''[]'')']) AS call;
SELECT refused('UPDATE pganalytics.alerts SET acknowledged_at = now()'),
       refused('INSERT INTO pganalytics.alert_silences (matchers, ends_at, reason) VALUES (''[]'', now(), ''x'')');
RESET SESSION AUTHORIZATION;

-- What was over for long is removed, and so are silences.
SELECT pganalytics.silence_alerts('[{"name": "a", "value": "b"}]', '1 hour', 'new') IS NOT NULL AS made;
INSERT INTO pganalytics.alert_silences (matchers, starts_at, ends_at, reason)
VALUES ('[{"name": "a", "value": "b"}]', '2000-01-01', '2000-01-02', 'old');
BEGIN;
SET LOCAL ROLE pganalytics_alerts;
SELECT pganalytics.prune_alerts('2010-01-01');
SELECT reason FROM pganalytics.alert_silences WHERE reason IN ('old', 'new');
ROLLBACK;

-- Rules that have found nothing are in the overview, too.
INSERT INTO pganalytics.alert_rules (name, query, threshold) VALUES
    ('slow', 'SELECT 1 AS value', 1), ('quiet', 'SELECT 1 AS value', 1);
SELECT rule, severity, enabled, firing, pending, acknowledged, muted, failures FROM pganalytics.alert_overview
WHERE rule IN ('slow', 'quiet') ORDER BY rule;

DELETE FROM pganalytics.alert_rules WHERE name IN ('slow', 'quiet');
DELETE FROM pganalytics.alert_silences;
DELETE FROM pganalytics.alert_history;
DELETE FROM pganalytics.alerts;
DROP ROLE regress_operator;
DROP ROLE regress_viewer;
DROP VIEW muted;
DROP FUNCTION refused;
