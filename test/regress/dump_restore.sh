#!/bin/bash
# Dumps a database with rows in every table and restores it into others, in one transaction and in
# parallel. Each copy must equal the original, dump to the same text again, and be usable:
# identities continue where they were, and there are partitions to insert into.
#
#   dump_restore.sh <bindir> <directory for files>      the server comes from PGHOST, PGPORT, PGUSER
set -euo pipefail
bindir=$1
work=$2

sql() { "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"; }

# Writes one line per table with a hash of its rows, then the state of sequences, partitions and
# grants. It leaves out what a dump does not keep: sessions of people, secrets of channels, counters
# of the workers, and the states of deliveries.
fingerprint() {
    sql "$1" <<'SQL'
SELECT format($q$SELECT %L, count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))
                 FROM %s t$q$, c.oid::regclass, c.oid::regclass)
FROM pg_class c
WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname NOT IN ('api_sessions', 'alert_channel_secrets', 'alert_channel_states',
                        'alert_outbox_state', 'self_samples')
ORDER BY c.relname \gexec
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'pganalytics' ORDER BY 1;
SELECT relation, partition, starts_at, ends_at FROM pganalytics.partitions
ORDER BY partition::text COLLATE "C";
SELECT indexrelid::regclass, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE c.relnamespace = 'pganalytics'::regnamespace ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT c.relname, a.grantee::regrole, string_agg(a.privilege_type, ',' ORDER BY a.privilege_type)
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'pganalytics'::regnamespace GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pganalytics');
SQL
}

# The \restrict lines of newer pg_dumps hold a random key.
schema_and_data() { "$bindir/pg_dump" "$1" | grep -v '^\\\(un\)\?restrict '; }

"$bindir/createdb" dump_source
sql dump_source >/dev/null <<'SQL'
CREATE EXTENSION pganalytics;
SELECT pganalytics.make_partitions();
SELECT * FROM pganalytics.create_collector('east');
SELECT * FROM pganalytics.create_collector('west');
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, s, name || '.example'
FROM pganalytics.collectors, unnest(ARRAY['main', 'spare']) AS s;
INSERT INTO pganalytics.databases (server_id, name)
SELECT server_id, d FROM pganalytics.servers, unnest(ARRAY['shop', 'bank']) AS d;
INSERT INTO pganalytics.server_usage (server_id, series, text_day, text_bytes)
SELECT server_id, 100, current_date, 2000 FROM pganalytics.servers;
INSERT INTO pganalytics.query_texts (text_hash, text)
SELECT md5(n::text)::uuid, E'SELECT\t' || n || E' -- it''s \\ ü' FROM generate_series(1, 50) AS n;
INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, text_id,
    first_seen, last_seen, from_zero)
SELECT d.server_id, d.database_id, 'ann', t.text_id, true, t.text_id, now(), now(), true
FROM pganalytics.databases d, pganalytics.query_texts t;
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, total_exec_time)
SELECT s.server_id, s.series_id, date_trunc('day', now(), 'UTC') + n * interval '20 hours', n + 1,
       (n + 1) / 3.0
FROM pganalytics.query_series s, generate_series(0, 3) AS n;
INSERT INTO pganalytics.forgotten_texts (text_hash) VALUES (gen_random_uuid());
INSERT INTO pganalytics.text_removals (server, queryid, texts, samples) VALUES ('main', 1, 1, 2);
INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, body_bytes,
    observed, stored, unchanged, merged, discarded_too_old, discarded_in_future,
    discarded_too_large, unstored)
SELECT server_id, gen_random_uuid(), gen_random_uuid(), collector_id, 1000, 9, 4, 3, 2, 0, 0, 0,
       '{"pg_log": 2}'
FROM pganalytics.servers;
INSERT INTO pganalytics.push_accounts (server_id, push_key, database_id, observed, stored, unchanged, merged,
    beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large, queries)
SELECT server_id, gen_random_uuid(), database_id, 9, 4, 3, 2, 1, 0, 0, 0, 9 FROM pganalytics.databases;
-- A series and two days of rows for each of the other metrics; every column has a value.
INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash,
    first_seen, value_hash, stored_at, gone_at)
SELECT d.server_id, m.relation, d.database_id, ARRAY['it''s {"a,b"}', '', E'\\ \t ü'],
       gen_random_uuid(), now(), 1, now(), now()
FROM pganalytics.databases d, pganalytics.metrics() m WHERE m.relation <> 'query_samples';
CREATE TEMP TABLE sample_values (type text, value text);
INSERT INTO sample_values VALUES
    ('bigint', '%1$s * 1000000007::bigint'), ('double precision', '%1$s / 3.0'), ('boolean', 'true'),
    ('text', $$E'tab\t backslash \\ ü %1$s'$$),
    ('timestamp with time zone', $$now() - %1$s * interval '1 ms'$$),
    ('pg_lsn', $$'16/B374D8%1$s'::pg_lsn$$), ('json', $$'{"b": 1e1, "a": "\\", "a":  %1$s}'$$);
SELECT format('INSERT INTO pganalytics.%I SELECT s.server_id, s.series_id, t.at, %s
               FROM pganalytics.metric_series s,
                    (VALUES (now()), (now() + interval ''1 day'')) AS t (at)
               WHERE s.relation = %L', m.relation,
              (SELECT string_agg(format(v.value, a.attnum), ', ' ORDER BY a.attnum)
               FROM pg_attribute a JOIN sample_values v ON v.type = format_type(a.atttypid, NULL)
               WHERE a.attrelid = ('pganalytics.' || m.relation)::regclass AND a.attnum > 3),
              m.relation)
FROM pganalytics.metrics() m WHERE m.relation <> 'query_samples' \gexec
-- Identities: what was issued, asked for, revoked and published; one of each state.
SELECT * FROM pganalytics.create_enrollment_token('west');
INSERT INTO pganalytics.certificate_requests (certificate_request_id, collector_id, csr, origin, state,
    message, decided_at)
SELECT ('0000000' || n || '-0000-0000-0000-000000000000')::uuid, collector_id, '\x30820001', 'token',
       (ARRAY['pending', 'issued', 'refused'])[n], (ARRAY[NULL, NULL, E'it''s\tno request'])[n],
       (ARRAY[NULL, now(), now()])[n]
FROM pganalytics.collectors, generate_series(1, 3) AS n WHERE name = 'east';
INSERT INTO pganalytics.enrollment_tokens (token_sha256, collector_id, expires_at, used_at, used_from,
    certificate_request_id)
SELECT sha256('used'), collector_id, now() + interval '1 hour', now(), '192.0.2.1',
       '00000002-0000-0000-0000-000000000000'
FROM pganalytics.collectors WHERE name = 'east';
SELECT * FROM pganalytics.create_registration_secret('old ones', 3);
SELECT pganalytics.create_scrape_token('prometheus');
INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, collector_id, subject,
    not_before, not_after, pem)
SELECT n::text, 'aa', sha256(n::text::bytea), sha256('key'),
       (ARRAY['authority', 'server', 'collector', 'collector'])[n],
       CASE WHEN n > 2 THEN (SELECT collector_id FROM pganalytics.collectors WHERE name = 'east') END,
       'CN=it''s ü', now() - interval '1 day', now() + interval '29 days', E'-----BEGIN\n' || n
FROM generate_series(1, 4) AS n;
SELECT * FROM pganalytics.revoke_certificate('4', 'keyCompromise');
INSERT INTO pganalytics.revocation_lists (issuer, crl_number, this_update, next_update, entries,
    content_sha256, der)
SELECT 'aa', n, now(), now() + interval '7 days', 1, sha256('4'), '\x3082ff00'
FROM generate_series(6, 7) AS n;
INSERT INTO pganalytics.token_keys (kid, public_key, signs_until, verifies_until, revoked_at)
SELECT repeat(n::text, 15), decode(repeat('04', 65), 'hex'), now() + interval '1 day', now() + interval '2 days',
       CASE n WHEN 2 THEN now() END
FROM generate_series(1, 2) AS n;
SELECT pganalytics.publish_trust(E'-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----', '{aa}',
                                 pins, sha256('2'), false)
FROM (VALUES (1, 'sha256/a sha256/b'), (2, 'sha256/b sha256/c')) AS p (n, pins) ORDER BY n;
SELECT pganalytics.rotate_server_certificate(), pganalytics.rotate_token_key();
UPDATE pganalytics.authority_jobs SET state = 'done', decided_at = now() WHERE authority_job_id = 1;
INSERT INTO pganalytics.api_sessions (session_id, role_oid, role_name, refresh_sha256, verifier_sha256,
    expires_at, address)
VALUES (gen_random_uuid(), 10, 'ann', sha256('r'), sha256('v'), now() + interval '1 hour', '192.0.2.1');
-- A collector and its server that are forgotten; their rows are not removed yet.
SELECT * FROM pganalytics.create_collector(E'it''s gone\tü');
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'gone.example' FROM pganalytics.collectors WHERE name LIKE 'it%';
SELECT pganalytics.forget_collector(E'it''s gone\tü');
-- Alerts: rules and inhibitions of one's own and built-in ones that were changed, what rules found, what
-- people did, and what is told.
INSERT INTO pganalytics.alert_channels (name, kind, url, authentication)
VALUES ('chat', 'webhook', 'https://example.org/it''s', 'hmac');
SELECT pganalytics.set_channel_secret('chat', 'sixteen-bytes-or-more');
INSERT INTO pganalytics.alert_channel_states (channel) VALUES ('chat');
INSERT INTO pganalytics.alert_rules (name, query, threshold, labels, annotations)
VALUES ('own', E'SELECT 1 AS value -- it''s\tü', 5, '{"team": "ü"}', '{"summary": "it''s {{ $value }}"}');
-- One that is broken must not break a restore.
CREATE TABLE short_lived ();
INSERT INTO pganalytics.alert_rules (name, query, threshold)
VALUES ('broken', 'SELECT 1 AS value FROM public.short_lived', 5);
DROP TABLE short_lived;
UPDATE pganalytics.alert_rules SET threshold = 95, enabled = false WHERE name = 'disk_watermark';
INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers, equal_labels)
VALUES ('own', '[{"name": "a", "value": "b"}]', '[{"name": "a", "value": "c"}]', '{x,y}');
UPDATE pganalytics.alert_inhibitions SET enabled = false
WHERE name = (SELECT min(name) FROM pganalytics.alert_inhibitions WHERE builtin);
SELECT pganalytics.record_evaluation('own', now(), ARRAY['{"x": "1"}', '{"x": "2"}']::jsonb[], ARRAY[9, 8], NULL, 1);
SELECT pganalytics.queue_notifications(now());
SELECT pganalytics.acknowledge_alert(max(alert_id), 'on it') FROM pganalytics.alerts;
SELECT pganalytics.silence_alerts('[{"name": "x", "value": "1|2", "isRegex": true}]', '1 hour', 'it''s known');
SELECT pganalytics.create_maintenance_window('nightly', '[]', now(), '1 hour', 'backups', '1 day', 'Europe/Berlin');
INSERT INTO pganalytics.self_samples (sampled_at, kind, number) VALUES (now(), 'ingest', 1);
-- The audit log: appended as its worker does, with a month before this one.
SELECT pganalytics.make_audit_partition((now() AT TIME ZONE 'UTC')::date),
       pganalytics.make_audit_partition((now() AT TIME ZONE 'UTC')::date - 40);
SELECT a.id FROM pganalytics.append_audit_records(0, decode(repeat('00', 32), 'hex'), now(),
    array_fill(now(), ARRAY[20]), array_fill('role.created'::text, ARRAY[20]),
    array_fill('session'::text, ARRAY[20]), array_fill('success'::text, ARRAY[20]),
    array_fill(7, ARRAY[20]), array_fill(E'it''s\\ ü'::text, ARRAY[20]), array_fill(NULL::text, ARRAY[20]),
    array_fill('::1'::text, ARRAY[20]), array_fill(E'tab\t'::text, ARRAY[20]),
    array_fill('shop'::text, ARRAY[20]), array_fill('6.2a'::text, ARRAY[20]),
    array_fill('role'::text, ARRAY[20]), array_fill('=1+1'::text, ARRAY[20]),
    array_fill('{"b": 1.50, "a": "\\x00 \u00fc", "list": [1e3, null]}'::text, ARRAY[20]),
    array_fill('INFO'::text, ARRAY[20])) a;
SQL
anchor=$(sql dump_source -c "SELECT id || ':' || encode(hash, 'hex') FROM pganalytics.audit_log ORDER BY id DESC LIMIT 1")
empty=$(sql dump_source -c "SELECT string_agg(c.relname, ' ') FROM pg_class c
    WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind IN ('r', 'p')
      -- The days of a table are the table's.
      AND NOT c.relispartition AND xpath_exists('/row[n=0]', query_to_xml(
        format('SELECT count(*) AS n FROM pganalytics.%I', c.relname), false, true, ''))")
[ -z "$empty" ] || { echo "nothing to dump in $empty"; exit 1; }
fingerprint dump_source >"$work/source.txt"
schema_and_data dump_source >"$work/source.sql"
if grep -q 'sixteen-bytes-or-more' "$work/source.sql"; then echo 'a secret is in the dump'; exit 1; fi

# $1 is the name of the copy. Compares everything in the copy, and checks that it is usable.
check_copy() {
    fingerprint "$1" >"$work/$1.txt"
    diff -u "$work/source.txt" "$work/$1.txt"
    schema_and_data "$1" >"$work/$1.sql"
    diff -u "$work/source.sql" "$work/$1.sql"
    sql "$1" >"$work/$1.went_on" <<'SQL'
SET ROLE pganalytics_admin;
SELECT token FROM pganalytics.create_collector('north') \gset
RESET ROLE;
SET ROLE pganalytics_ingest;
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'north.example' FROM pganalytics.collectors
WHERE token_sha256 = sha256(convert_to(:'token', 'UTF8'));
INSERT INTO pganalytics.databases (server_id, name)
SELECT server_id, 'shop' FROM pganalytics.servers WHERE hostname = 'north.example';
INSERT INTO pganalytics.query_texts (text_hash, text)
VALUES ('00000000-0000-0000-0000-000000000001', 'SELECT 1');
INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, text_id,
    first_seen, last_seen, from_zero)
SELECT v.server_id, b.database_id, 'bob', 1, true, t.text_id, now(), now(), true
FROM pganalytics.servers v JOIN pganalytics.databases b USING (server_id), pganalytics.query_texts t
WHERE v.hostname = 'north.example'
  AND t.text_hash = '00000000-0000-0000-0000-000000000001';
INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at, calls, total_exec_time)
SELECT server_id, series_id, last_seen, 1, 1 FROM pganalytics.query_series WHERE username = 'bob';
SET ROLE pganalytics_maintenance;
SELECT pganalytics.make_partitions(4);
RESET ROLE;
SELECT server_id, (SELECT max(database_id) FROM pganalytics.databases),
       (SELECT max(text_id) FROM pganalytics.query_texts),
       (SELECT max(series_id) FROM pganalytics.query_series)
FROM pganalytics.servers WHERE hostname = 'north.example';
INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash,
    first_seen)
SELECT 1, 'host_samples', 0, '{}', gen_random_uuid(), now()
RETURNING series_id - (SELECT max(series_id) FROM pganalytics.metric_series) AS next;
SELECT collector, calls FROM pganalytics.query_stats WHERE collector = 'north';
SET ROLE pganalytics_viewer;
SELECT count(*) FROM pganalytics.top_queries('1 hour', 1000) WHERE collector = 'north';
RESET ROLE;
SELECT count(*) FROM pganalytics.api_sessions;
SET ROLE pganalytics_ingest;
SELECT status, message FROM pganalytics.enroll_collector(sha256('used'), '\x30', '192.0.2.2');
SET ROLE pganalytics_maintenance;
SELECT next_number FROM pganalytics.revocation_list_states('{aa}');
SELECT serial, reason FROM pganalytics.revocation_entries('{aa}');
SELECT pganalytics.publish_trust(E'-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----', '{aa}',
                                 'sha256/c sha256/d', sha256('2'), false);
SET ROLE pganalytics_admin;
SELECT pganalytics.rotate_token_key();
SELECT threshold, enabled, builtin FROM pganalytics.alert_rules WHERE name = 'disk_watermark';
SET ROLE pganalytics_alerts;
SELECT pganalytics.record_evaluation('own', now(), ARRAY['{"x": "1"}', '{"x": "3"}']::jsonb[], ARRAY[10, 7], NULL, 1);
SELECT labels ->> 'x', state, value FROM pganalytics.alerts ORDER BY alert_id;
SELECT count(*) FILTER (WHERE status = 'firing') FROM pganalytics.alert_outbox;
SELECT count(*) FROM pganalytics.alert_channel_secrets;
SQL
    # Expected: one more partition of each relation; the next number of each identity; the sample;
    # its report. There is no session; what was used stays used, what was revoked stays revoked; the
    # numbers of revocation lists, trust and jobs continue. Alerts continue, and no notification is
    # sent again; the maintenance window mutes the third alert. The secret is not in the copy.
    diff -u - "$work/$1.went_on" <<'EXPECTED'
31
6|9|51|401
1
north|1
1
0
403|enrollment token was used before
8
4|1
3
3
95|f|t

1|firing|10
2|resolved|8
3|firing|7
2
0
EXPECTED
    # The audit log is unchanged, and each month still refuses changes.
    [ "$(sql "$1" -c "SELECT status, rows, reason FROM pganalytics.verify_audit_log('$anchor')")" = "unbroken|20|" ]
    if sql "$1" -c 'DELETE FROM pganalytics.audit_log' 2>"$work/refused"; then exit 1; fi
    grep -q 'the audit log cannot be changed' "$work/refused"
    echo "ok: $1"
}

"$bindir/pg_dump" dump_source >"$work/dump.sql"
"$bindir/createdb" copy_of_script
sql copy_of_script --single-transaction -f "$work/dump.sql" >/dev/null
check_copy copy_of_script

"$bindir/pg_dump" -Fc -f "$work/dump.custom" dump_source
"$bindir/createdb" copy_of_archive
"$bindir/pg_restore" --single-transaction --exit-on-error -d copy_of_archive "$work/dump.custom"
check_copy copy_of_archive

"$bindir/createdb" copy_in_parallel
"$bindir/pg_restore" -j 4 --exit-on-error -d copy_in_parallel "$work/dump.custom"
check_copy copy_in_parallel

"$bindir/pg_dump" --inserts --load-via-partition-root -f "$work/inserts.sql" dump_source
"$bindir/createdb" copy_of_inserts
sql copy_of_inserts --single-transaction -f "$work/inserts.sql" >/dev/null
check_copy copy_of_inserts

rows=$(sql dump_source -c 'SELECT count(*) FROM pganalytics.query_samples')
echo "All 4 restores passed ($rows samples each)."
