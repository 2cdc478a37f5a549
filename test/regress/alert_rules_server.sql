-- Each built-in rule about this server: what makes it fire, and what at its border does not. Times are
-- yesterday's; each case is undone. Who collects is east with server 1 and west with server 2.
\set SHOW_CONTEXT never
\getenv test_dir PG_ABS_SRCDIR
\set setup :test_dir /sql/setup/fleet.sql
\i :setup
\set setup :test_dir /sql/setup/alert_rules.sql
\i :setup
SELECT pganalytics.make_audit_partition((now() AT TIME ZONE 'UTC')::date) IS NOT NULL AS made;
UPDATE pganalytics.servers SET first_seen = pg_temp.at(-86400 * 8);

-- failed_login_surge: ten are none, eleven are. A login of five minutes ago counts no more, and one
-- that comes after the question not yet.
BEGIN;
SELECT pg_temp.tell('auth.login_failed', -10, 10), pg_temp.tell('auth.login_failed', -300, 100),
       pg_temp.tell('auth.login_failed', 0.001, 100), pg_temp.tell('auth.login', -10, 100);
SELECT * FROM pg_temp.evaluate('failed_login_surge');
SELECT pg_temp.tell('auth.login_failed', -299.999);
SELECT * FROM pg_temp.evaluate('failed_login_surge');
ROLLBACK;
-- Counts: 10 and what was refused unseen, but not what was refused for asking too often.
BEGIN;
SELECT pg_temp.tell('auth.login_failed', -10, 1, details => '{"count": 10, "seconds": 60}'),
       pg_temp.tell('security.rate_limited', -10, 1, details => '{"reason": "too many requests come from this address", "count": 90}');
SELECT * FROM pg_temp.evaluate('failed_login_surge');
SELECT pg_temp.tell('security.rate_limited', -10, 1, details => '{"reason": "too many wrong passwords", "count": 2, "seconds": 10}');
SELECT * FROM pg_temp.evaluate('failed_login_surge');
ROLLBACK;
-- The threshold is the setting's, unless the rule has one.
BEGIN;
SELECT pg_temp.tell('auth.login_failed', -10, 3);
SELECT * FROM pg_temp.evaluate('failed_login_surge');
UPDATE pganalytics.alert_rules SET threshold = 2 WHERE name = 'failed_login_surge';
SELECT * FROM pg_temp.evaluate('failed_login_surge', pg_temp.at(1));
ROLLBACK;

-- rate_limit_abuse: 50 of one address, 49 of another. Of 120 in ten minutes that ended now, half lie in
-- the last five: 60; of 98, 49; of 120 that ended a minute ago, 4 / 10: 48. Of IPv6 a /64 is one.
BEGIN;
SELECT pg_temp.tell('security.rate_limited', -10, 50, address => '192.0.2.1'),
       pg_temp.tell('security.rate_limited', -10, 49, address => '192.0.2.2'),
       pg_temp.tell('security.rate_limited', 0, address => '192.0.2.3', details => '{"count": 120, "seconds": 600}'),
       pg_temp.tell('security.rate_limited', 0, address => '192.0.2.4', details => '{"count": 98, "seconds": 600}'),
       pg_temp.tell('security.rate_limited', -60, address => '192.0.2.5', details => '{"count": 120, "seconds": 600}'),
       pg_temp.tell('security.rate_limited', -10, address => '2001:db8::1', details => '{"count": 25}'),
       pg_temp.tell('security.rate_limited', -10, address => '2001:db8::ffff:1', details => '{"count": 25}'),
       pg_temp.tell('security.rate_limited', -10, address => '2001:db8:0:1::1', details => '{"count": 25}'),
       pg_temp.tell('security.rate_limited', -10, details => '{"count": 500, "of_many": true}');
SELECT * FROM pg_temp.evaluate('rate_limit_abuse');
ROLLBACK;

-- unusual_access: twenty different objects in a minute, not nineteen, not one twenty times, not twenty
-- of two roles, not twenty in more than a minute.
BEGIN;
SELECT pg_temp.tell('access.denied', -59.9, 19, 'ann', type => 'table', id => 'public.t#'),
       pg_temp.tell('access.denied', -1, 1, 'ann', type => 'route', id => 'GET /api/v1/audit-logs'),
       pg_temp.tell('access.denied', -1, 19, 'bob', type => 'table', id => 'public.t#'),
       pg_temp.tell('access.denied', -60, 1, 'bob', type => 'table', id => 'public.old'),
       pg_temp.tell('access.denied', -1, 50, 'eve', type => 'table', id => 'public.t'),
       pg_temp.tell('access.denied', -2, 19, 'fay', type => 'table', id => 'public.t#'),
       pg_temp.tell('access.denied', -1, 1, 'fay', details => '{"count": 7, "seconds": 5, "of_many": true}'),
       pg_temp.tell('access.denied', 0, 1, 'gil', details => '{"count": 190, "seconds": 600, "of_many": true}'),
       pg_temp.tell('ddl.executed', -1, 50, 'dan', type => 'table', id => 'public.t#'),
       pg_temp.tell('access.denied', -1, 50, type => 'route', id => 'GET /#');
SELECT * FROM pg_temp.evaluate('unusual_access');
ROLLBACK;

-- configuration_changed: each kind, and what is none; for a quarter of an hour.
BEGIN;
SELECT pg_temp.tell(event, -600, 1, actor, type => type, id => coalesce(id, 'x'))
FROM (VALUES ('settings.altered', 'ann', 'setting', 'work_mem'), ('settings.altered', 'ann', 'setting', 'work_mem'),
             ('settings.reloaded', NULL, 'setting', 'work_mem'),
             ('security.configured', 'ann', 'setting', 'pganalytics.mtls'),
             ('collector.configured', 'ann', 'collector',
              (SELECT collector_id::text FROM pganalytics.collectors WHERE name = 'east')),
             ('alert.rule_changed', 'bob', 'alert_rule', 'disk_watermark'), ('alert.channel_changed', 'bob', 'alert_channel', 'ops'),
             ('alert.inhibition_changed', 'bob', 'alert_inhibition', 'x'), ('auth.login', 'bob', NULL, NULL),
             ('collector.updated', 'bob', 'collector', 'x'), ('ddl.executed', 'bob', 'table', 't'),
             ('alert.silenced', 'bob', 'alert_silence', '1')) AS e(event, actor, type, id);
SELECT state, value, replace(labels, collector_id::text, 'ID') AS labels
FROM pg_temp.evaluate('configuration_changed'), pganalytics.collectors WHERE name = 'east';
SELECT * FROM pg_temp.evaluate('configuration_changed', pg_temp.at(300));
ROLLBACK;

-- audit_gap: an hour long, and nothing else of the log.
BEGIN;
SELECT pg_temp.tell('audit.started', -10), pg_temp.tell('audit.stopped', -10), pg_temp.tell('audit.expired', -10);
SELECT * FROM pg_temp.evaluate('audit_gap');
SELECT pg_temp.tell('audit.gap', -10, details => '{"reason": "the server has ended without stopping the log"}'),
       pg_temp.tell('audit.change_refused', -10, 2, 'ann');
SELECT * FROM pg_temp.evaluate('audit_gap');
SELECT * FROM pg_temp.evaluate('audit_gap', pg_temp.at(3590));
ROLLBACK;

-- certificate_expiring: seven days are none. What lives for three days is none while there is time to
-- replace it: renewed at 2/3, 48 h, of 72; overdue from 50.4 h on.
BEGIN;
CREATE FUNCTION pg_temp.certify(collector text, since interval, until interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, collector_id, subject,
        not_before, not_after, pem)
    SELECT md5(collector), 'aa', sha256(collector::bytea), sha256(collector::bytea), 'collector', collector_id, name,
           pg_temp.at() + since, pg_temp.at() + until, 'none'
    FROM pganalytics.collectors WHERE name = collector $$;
SELECT pg_temp.certify('east', '-83 days', '7 days'), pg_temp.certify('west', '-2 days', '1 day');
SELECT * FROM pg_temp.evaluate('certificate_expiring');
SELECT * FROM pg_temp.evaluate('certificate_expiring', pg_temp.at(86.4));
SELECT * FROM pg_temp.evaluate('certificate_expiring', pg_temp.at(8639));
SELECT * FROM pg_temp.evaluate('certificate_expiring', pg_temp.at(8640));
UPDATE pganalytics.collectors SET enabled = false WHERE name = 'west';
SELECT * FROM pg_temp.evaluate('certificate_expiring', pg_temp.at(8641));
ROLLBACK;

-- What pushes leave behind. pushed() is a push of a server with its accounts.
CREATE SEQUENCE pushes;
CREATE FUNCTION pg_temp.pushed(server int, seconds float8, observed int DEFAULT 0, stored int DEFAULT 0,
                               beyond int DEFAULT 0, too_old int DEFAULT 0, in_future int DEFAULT 0,
                               too_large int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    push_key uuid := lpad(nextval('pushes')::text, 32, '0')::uuid;
BEGIN
    INSERT INTO pganalytics.push_ledger (received_at, server_id, push_key, body_hash, collector_id, body_bytes,
        observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large)
    SELECT pg_temp.at(seconds), server, push_key, push_key, v.collector_id, 1, observed, stored, 0, beyond,
           too_old, in_future, too_large
    FROM pganalytics.servers v WHERE v.server_id = server;
    INSERT INTO pganalytics.push_accounts (received_at, server_id, push_key, database_id, observed, stored,
        unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large, queries)
    SELECT pg_temp.at(seconds), server, push_key, d, o * observed, o * stored, 0, o * beyond, o * beyond,
           o * too_old, o * in_future, o * too_large, o * observed
    FROM (VALUES (0, 0), (server, 1)) AS a(d, o);
END
$$;

-- collector_silent: 300 s are none, 301 are. West has two servers, of which one pushes. Who is not
-- enabled and who was never there cannot be silent; who was there and is not even in the ledger is.
BEGIN;
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname, first_seen) OVERRIDING SYSTEM VALUE
SELECT 3, collector_id, 'second', 'w', pg_temp.at(-9000) FROM pganalytics.collectors WHERE name = 'west';
SELECT count(pg_temp.pushed(server, seconds)) FROM (VALUES (1, -900), (1, -300), (1, 1), (2, -10), (3, -500)) AS p(server, seconds);
SELECT * FROM pg_temp.evaluate('collector_silent');
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(0.9));
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(301));
UPDATE pganalytics.collectors SET enabled = false WHERE name = 'west';
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(302));
UPDATE pganalytics.servers SET first_seen = pg_temp.at(1000) WHERE server_id = 1;
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(999));
ROLLBACK;
BEGIN;
SELECT * FROM pg_temp.evaluate('collector_silent');
-- This server has started just now: nobody is silent who was not before.
SELECT count(*) FROM pg_temp.evaluate('collector_silent', pg_postmaster_start_time() + '1 s');
DELETE FROM pganalytics.alerts;
SELECT * FROM pg_temp.evaluate('collector_silent', pg_postmaster_start_time() + '300.9 s');
SELECT count(*) FROM pg_temp.evaluate('collector_silent', pg_postmaster_start_time() + '301 s');
ROLLBACK;
-- A thousand names of servers of one collector leave room for the silence of another.
BEGIN;
INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname, first_seen) OVERRIDING SYSTEM VALUE
SELECT 1000 + n, collector_id, 'fake' || n, 'w', pg_temp.at(-9000) FROM pganalytics.collectors, generate_series(1, 1000) n WHERE name = 'west';
SELECT count(pg_temp.pushed(1, -301));
SELECT split_part(labels, ' ', 1) AS collector, count(*) FROM pg_temp.evaluate('collector_silent') GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.evaluate('alert_rule_truncated');
ROLLBACK;
-- Across a restart both go on until a push comes, each for itself.
BEGIN;
CREATE FUNCTION pg_temp.after_start(seconds float8) RETURNS timestamptz LANGUAGE sql AS
    $$ SELECT pg_postmaster_start_time() + make_interval(secs => seconds) $$;
SELECT count(pganalytics.make_partition(r, (pg_temp.after_start(s) AT TIME ZONE 'UTC')::date))
FROM unnest(ARRAY['push_accounts', 'push_ledger']) r, unnest(ARRAY[-1000, 20]) s;
SELECT count(pg_temp.pushed(server, extract(epoch FROM pg_temp.after_start(-1000) - pg_temp.at())::float8)) FROM unnest(ARRAY[1, 2]) server;
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.after_start(-10));
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.after_start(-10));
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.after_start(10));
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.after_start(10));
SELECT pg_temp.pushed(1, extract(epoch FROM pg_temp.after_start(20) - pg_temp.at())::float8) IS NOT NULL AS pushed;
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.after_start(25));
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.after_start(25));
SELECT a.rule, a.labels ->> 'collector' AS collector, h.change, round(extract(epoch FROM h.at - pg_temp.after_start(0))) AS at
FROM pganalytics.alert_history h JOIN pganalytics.alerts a USING (alert_id) ORDER BY 1, 2, 4;
ROLLBACK;

-- query_limit_exceeded: 5 of 100 are none, 6 are; of the last hour.
BEGIN;
SELECT count(pg_temp.pushed(1, seconds, 100, 100 - beyond, beyond)) FROM (VALUES (-3600, 90), (-60, 5)) AS p(seconds, beyond);
SELECT * FROM pg_temp.evaluate('query_limit_exceeded');
SELECT count(pg_temp.pushed(1, -1, 100, 93, 7));
SELECT * FROM pg_temp.evaluate('query_limit_exceeded');
ROLLBACK;

-- ingest_discards: any row, for a quarter of an hour.
BEGIN;
SELECT count(pg_temp.pushed(1, -900, 10, 5, 0, 5)), count(pg_temp.pushed(1, -10, 10, 10));
SELECT * FROM pg_temp.evaluate('ingest_discards');
SELECT count(pg_temp.pushed(1, -20, 10, 4, 0, 1, 2, 3)), count(pg_temp.pushed(2, -20, 10, 9, 0, 1));
SELECT * FROM pg_temp.evaluate('ingest_discards');
ROLLBACK;

-- accounting_violation: what adds up is none.
BEGIN;
SELECT count(pg_temp.pushed(1, -10, 10, 10)), count(pg_temp.pushed(2, -10, 10, 10));
SELECT * FROM pg_temp.evaluate('accounting_violation');
DELETE FROM pganalytics.push_accounts WHERE database_id = 2;
SELECT * FROM pg_temp.evaluate('accounting_violation');
SELECT * FROM pg_temp.evaluate('accounting_violation', pg_temp.at(3590));
ROLLBACK;

-- ingest_stalled: two collectors, and nothing for more than 300 s. One that was silent long before does
-- not make two of one, and one alone is only itself silent, unless requests are refused meanwhile.
CREATE FUNCTION pg_temp.sampled(seconds float8, kind text, number int, refused int, restarts int, gateways int)
    RETURNS int LANGUAGE sql AS $$
    INSERT INTO pganalytics.self_samples (sampled_at, kind, number, restarts, gateway_restarts, refused)
    VALUES (pg_temp.at(seconds), kind, number, restarts, gateways, refused) RETURNING 1 $$;
BEGIN;
SELECT count(pg_temp.pushed(server, seconds)) FROM (VALUES (1, -60), (2, 0)) AS p(server, seconds);
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.at(300));
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.at(301));
ROLLBACK;
BEGIN;
SELECT count(pg_temp.pushed(server, seconds)) FROM (VALUES (1, -900), (2, -300), (1, 302)) AS p(server, seconds);
SELECT count(pg_temp.sampled(seconds, 'ingest', 1, refused, 0, 0)) FROM (VALUES (-400, 7), (-60, 8), (0, 8), (60, 9)) AS r(seconds, refused);
SELECT count(pg_temp.sampled(seconds, 'api', 1, refused, 0, 0)) FROM (VALUES (-60, 8), (0, 99)) AS r(seconds, refused);
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.at(59));
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.at(60));
-- Then each collector need not say so.
SELECT * FROM pg_temp.evaluate('collector_silent', pg_temp.at(60));
SELECT DISTINCT a.rule, m.muted_by
FROM pganalytics.alerts a LEFT JOIN pganalytics.alert_mutes(pg_temp.at(60)) m USING (alert_id) ORDER BY 1;
UPDATE pganalytics.collectors SET enabled = false;
SELECT * FROM pg_temp.evaluate('ingest_stalled', pg_temp.at(61));
ROLLBACK;

-- gateway_restarting: three in ten minutes are none, four are; totals that begin anew count as they are.
BEGIN;
SELECT count(pg_temp.sampled(minute * 60, kind, number, 0, restarts, gateways))
FROM (VALUES (-12, 'ingest', 1, 0, 1), (-10, 'ingest', 1, 0, 5), (-5, 'ingest', 1, 0, 7), (0, 'ingest', 1, 0, 8),
             (-10, 'ingest', 2, 0, 5), (-5, 'ingest', 2, 0, 9), (0, 'ingest', 2, 0, 9),
             (-10, 'ingest', 3, 0, 50), (-5, 'ingest', 3, 0, 2), (0, 'ingest', 3, 0, 3),
             (-10, 'ingest', 4, 0, 50), (-5, 'ingest', 4, 0, 2), (0, 'ingest', 4, 0, 4),
             (-10, 'api', 1, 0, 0), (0, 'api', 1, 4, 0)) AS r(minute, kind, number, restarts, gateways);
SELECT * FROM pg_temp.evaluate('gateway_restarting');
SELECT * FROM pg_temp.evaluate('gateway_restarting', pg_temp.at(360));
ROLLBACK;

-- alert_rule_failing: from the first failure to the next success.
BEGIN;
SELECT pganalytics.record_evaluation('disk_watermark', pg_temp.at(), '{}', '{}', NULL, 1);
SELECT * FROM pg_temp.evaluate('alert_rule_failing');
SELECT pganalytics.record_evaluation('disk_watermark', pg_temp.at(60), '{}', '{}', 'division by zero', 1);
SELECT * FROM pg_temp.evaluate('alert_rule_failing', pg_temp.at(61));
SELECT pganalytics.record_evaluation('disk_watermark', pg_temp.at(120), '{}', '{}', NULL, 1);
SELECT * FROM pg_temp.evaluate('alert_rule_failing', pg_temp.at(121));
ROLLBACK;

-- alert_delivery_failed: what waits or was sent is none.
BEGIN;
INSERT INTO pganalytics.alert_outbox (channel, alert_id, fingerprint, group_key, status, alert, latest, created_at, waiting_since, due_at,
                                      state, settled_at)
SELECT channel, 1, '00', 'g', 'firing', '{}', false, pg_temp.at(-4000), pg_temp.at(-4000), pg_temp.at(-4000), state, pg_temp.at(settled)
FROM (VALUES ('ops', 'waiting', NULL), ('ops', 'sent', -10), ('ops', 'dead', -3600), ('ops', 'dead', 1)) AS o(channel, state, settled);
SELECT * FROM pg_temp.evaluate('alert_delivery_failed');
SELECT * FROM pg_temp.evaluate('alert_delivery_failed', pg_temp.at(1));
ROLLBACK;

-- Queries see the columns that they need and no others of what viewers do not see.
SET ROLE pganalytics_rules;
SELECT count(*) >= 0 AS seen FROM pganalytics.audit_log;
SELECT count(channel) AS seen FROM pganalytics.alert_outbox;
SELECT count(*) FROM pganalytics.collectors WHERE token_sha256 IS NULL;
SELECT alert FROM pganalytics.alert_outbox;
SELECT secret FROM pganalytics.alert_channel_secrets;
SELECT count(*) FROM pganalytics.push_ledger;
RESET ROLE;

DROP SEQUENCE audit_rows, pushes;
TRUNCATE pganalytics.push_ledger, pganalytics.push_accounts;
\set setup :test_dir /sql/setup/no_fleet.sql
\i :setup
