-- Each role does what it may and tries what it may not.
\set SHOW_CONTEXT never
\pset format unaligned
SELECT pganalytics.make_partitions(0);
SELECT pganalytics.make_audit_partition((now() AT TIME ZONE 'UTC')::date) IS NOT NULL AS made;
CREATE ROLE regress_nobody;
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

-- A server with a series, so that updates have a row to meet.
INSERT INTO pganalytics.collectors (name, token_sha256) VALUES ('east', sha256('east'));
INSERT INTO pganalytics.servers (collector_id, name, hostname)
SELECT collector_id, 'main', 'east.example' FROM pganalytics.collectors;

CREATE TABLE statements (n serial, statement text);
INSERT INTO statements (statement) VALUES
    ('SELECT collector_id, name, enabled FROM pganalytics.collectors'),
    ('SELECT token_sha256 FROM pganalytics.collectors'),
    ('SELECT * FROM pganalytics.collectors'),
    ('SELECT * FROM pganalytics.servers, pganalytics.databases, pganalytics.query_series'),
    ('SELECT * FROM pganalytics.query_texts'),
    ('SELECT * FROM pganalytics.query_samples'),
    ('SELECT * FROM pganalytics.push_ledger'),
    ('SELECT * FROM pganalytics.query_stats'),
    ('SELECT * FROM pganalytics.partitions'),
    ('SELECT * FROM pganalytics.retention'),
    ('SELECT * FROM pganalytics.server_status, pganalytics.collector_status'),
    ('SELECT * FROM pganalytics.forget_progress, pganalytics.forget_jobs'),
    ('INSERT INTO pganalytics.forget_jobs (collector_id, server_id, collector, server) VALUES (gen_random_uuid(), 0, ''a'', ''b'')'),
    ('UPDATE pganalytics.forget_jobs SET server_id = 1'),
    ('SELECT pganalytics.forget_collector(''nobody'')'),
    ('SELECT pganalytics.forget_server(''east'', ''nothing'')'),
    ('SELECT pganalytics.forget_rows(''query_samples'', 1, NULL, 1)'),
    ('SELECT pganalytics.forget_in_tables(''server_id'', ''1'')'),
    ('SELECT pganalytics.wait_for_pushes()'),
    ('SELECT pganalytics.forget_step()'),
    ('SELECT * FROM pganalytics.retention_settings()'),
    ('SELECT * FROM pganalytics.expired_partitions()'),
    ('SELECT pganalytics.drop_expired_partition(''pganalytics.servers'')'),
    ('SELECT pganalytics.partitioned_relation(''query_samples'')'),
    ('SELECT server_id, series_id, relation, labels, gone_at FROM pganalytics.metric_series'),
    ('SELECT value_hash FROM pganalytics.metric_series'),
    ('SELECT message FROM pganalytics.log_lines'),
    ('SELECT content_hash FROM pganalytics.log_lines'),
    ('SELECT text_hash FROM pganalytics.forgotten_texts'),
    ('SELECT * FROM pganalytics.text_removals'),
    ('SELECT * FROM pganalytics.forget_query_text(''%secret%'')'),
    ('SELECT * FROM pganalytics.forget_query_text(1, ''nowhere'')'),
    ('SELECT * FROM pganalytics.forget_texts(''{}'', ''%secret%'')'),
    ('SELECT * FROM pganalytics.table_samples'),
    ('SELECT * FROM pganalytics.table_stats'),
    ('SELECT * FROM pganalytics.extensions'),
    ('SELECT * FROM pganalytics.schema_objects'),
    ('SELECT * FROM pganalytics.metrics()'),
    ('DELETE FROM pganalytics.metric_series'),
    ('UPDATE pganalytics.table_samples SET size_bytes = 0'),
    ('DELETE FROM pganalytics.table_samples'),
    ('SELECT * FROM pganalytics.workers'),
    ('SELECT * FROM pganalytics.worker_states()'),
    ('SELECT * FROM pganalytics.rate_limits'),
    ('SELECT * FROM pganalytics.rate_buckets()'),
    ('SELECT * FROM pganalytics.prometheus_samples'),
    ('SELECT pganalytics.prometheus_metrics()'),
    ('SELECT pganalytics.audit_buffer()'),
    ('SELECT name, created_at, created_by, last_used_at, revoked_at FROM pganalytics.scrape_tokens'),
    ('SELECT token_sha256 FROM pganalytics.scrape_tokens'),
    ('SELECT pganalytics.create_scrape_token(''a'')'),
    ('SELECT pganalytics.revoke_scrape_token(''a'')'),
    ('UPDATE pganalytics.scrape_tokens SET token_sha256 = sha256(''mine'')'),
    ('UPDATE pganalytics.scrape_tokens SET revoked_at = NULL'),
    ('INSERT INTO pganalytics.scrape_tokens (name, token_sha256, created_by) VALUES (''a'', sha256(''a''), ''other'')'),
    ('DELETE FROM pganalytics.scrape_tokens'),
    ('SELECT pganalytics.preloaded()'),
    ('SELECT pganalytics.wait_until_running(t) FROM (SELECT NULL::interval AS t OFFSET 0) AS none'),
    ('SELECT * FROM pganalytics.metric_columns()'),
    ('SELECT pganalytics.ca_certificate_file()'),
    ('SELECT pganalytics.ca_certificate()'),
    ('SELECT * FROM pganalytics.query_activity(now(), now())'),
    ('SELECT * FROM pganalytics.top_queries()'),
    ('SELECT * FROM pganalytics.push_accounts'),
    ('SELECT * FROM pganalytics.ingest_accounting'),
    ('SELECT * FROM pganalytics.ingest_gaps'),
    ('SELECT * FROM pganalytics.accounting_violations'),
    ('SELECT * FROM pganalytics.query_limit_exceeded'),
    ('SELECT * FROM pganalytics.completeness(''east'', now() - interval ''1 h'', now())'),
    ('SELECT pganalytics.source_deallocations(1, now(), now())'),
    ('SELECT pganalytics.metrics_health(collector_id) FROM pganalytics.collectors'),
    ('SELECT pganalytics.query_limit(NULL), pganalytics.query_limit_threshold()'),
    ('SELECT * FROM pganalytics.create_collector(''new'')'),
    ('SELECT * FROM pganalytics.rotate_token(''east'')'),
    ('SELECT pganalytics.set_collector_enabled(''east'', true)'),
    ('SELECT pganalytics.set_query_limit(''east'', 500)'),
    ('SELECT pganalytics.collector_named(''east'')'),
    ('UPDATE pganalytics.collectors SET max_queries_per_db = 5'),
    ('SELECT pganalytics.new_token()'),
    ('SELECT token_sha256 FROM pganalytics.enrollment_tokens'),
    ('SELECT secret_sha256 FROM pganalytics.registration_secrets'),
    ('SELECT * FROM pganalytics.enrollments, pganalytics.registrations'),
    ('SELECT * FROM pganalytics.collector_credentials'),
    ('UPDATE pganalytics.enrollment_tokens SET used_at = NULL'),
    ('UPDATE pganalytics.registration_secrets SET uses_left = 9'),
    ('DELETE FROM pganalytics.enrollment_tokens'),
    ('UPDATE pganalytics.certificates SET collector_id = NULL'),
    ('INSERT INTO pganalytics.certificate_requests (certificate_request_id) VALUES (NULL)'),
    ('UPDATE pganalytics.certificate_requests SET state = ''issued'''),
    ('UPDATE pganalytics.collectors SET tokens_valid_from = now()'),
    ('SELECT pganalytics.token_cutoff(), pganalytics.server_url()'),
    ('SELECT pganalytics.people_url()'),
    ('SELECT pganalytics.check_validity(''1 h'', ''1 d'')'),
    ('SELECT pganalytics.create_enrollment_token(''new'')'),
    ('SELECT pganalytics.revoke_enrollment_token(''east'')'),
    ('SELECT pganalytics.create_registration_secret(''new'')'),
    ('SELECT pganalytics.revoke_registration_secret(''new'')'),
    ('SELECT pganalytics.allow_registration(''east'')'),
    ('SELECT pganalytics.revoke_tokens(''east'')'),
    ('SELECT pganalytics.enroll_collector(''x'', ''x'', ''x'')'),
    ('SELECT pganalytics.renew_certificate(gen_random_uuid(), ''x'', ''x'')'),
    ('SELECT pganalytics.register_collector(''x'', ''x'', ''x'', ''x'')'),
    ('SELECT pganalytics.reopen_registration(gen_random_uuid(), ''x'')'),
    ('UPDATE pganalytics.collectors SET collector_id = gen_random_uuid()'),
    ('DELETE FROM pganalytics.collectors'),
    ('INSERT INTO pganalytics.servers (collector_id, name, hostname) SELECT collector_id, ''b'', ''b'' FROM pganalytics.collectors'),
    ('UPDATE pganalytics.servers SET hostname = ''b'', server_version = 150000, collector_version = ''1'''),
    ('UPDATE pganalytics.servers SET name = ''b'''),
    ('INSERT INTO pganalytics.servers (server_id, collector_id, name, hostname) OVERRIDING SYSTEM VALUE VALUES (99, gen_random_uuid(), ''b'', ''b'')'),
    ('DELETE FROM pganalytics.servers'),
    ('INSERT INTO pganalytics.databases (server_id, name) SELECT server_id, ''b'' FROM pganalytics.servers'),
    ('UPDATE pganalytics.databases SET name = ''b'''),
    ('INSERT INTO pganalytics.query_texts (text_hash, text) VALUES (gen_random_uuid(), ''b'') ON CONFLICT (text_hash) DO NOTHING'),
    ('UPDATE pganalytics.query_texts SET text = ''b'''),
    ('INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel, first_seen, last_seen, from_zero) VALUES (1, 1, ''b'', 1, true, now(), now(), false) ON CONFLICT (server_id, database_id, queryid, username, toplevel) DO UPDATE SET text_id = 1, last_seen = now(), reset_at = now()'),
    ('UPDATE pganalytics.query_series SET queryid = 1'),
    ('DELETE FROM pganalytics.query_series'),
    ('INSERT INTO pganalytics.query_samples (server_id, series_id, sampled_at) VALUES (1, 1, now())'),
    (format('INSERT INTO %s (server_id, series_id, sampled_at) VALUES (1, 1, now())',
            (SELECT partition FROM pganalytics.partitions
             WHERE relation = 'query_samples' AND day = (now() AT TIME ZONE 'UTC')::date))),
    ('UPDATE pganalytics.query_samples SET calls = 0'),
    ('DELETE FROM pganalytics.query_samples'),
    ('TRUNCATE pganalytics.query_samples'),
    ('INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, body_bytes, observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large) VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 0, 0, 0, 0, 0)'),
    ('INSERT INTO pganalytics.push_ledger (received_at, lsn, server_id, push_key, body_hash, collector_id, body_bytes, observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large) VALUES (now(), ''0/0'', 1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 0, 0, 0, 0, 0)'),
    (format('INSERT INTO %s (server_id, push_key, body_hash, collector_id, body_bytes, observed, stored, unchanged, merged, discarded_too_old, discarded_in_future, discarded_too_large) VALUES (1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 0, 0, 0, 0, 0)',
            (SELECT partition FROM pganalytics.partitions
             WHERE relation = 'push_ledger' AND day = (now() AT TIME ZONE 'UTC')::date))),
    ('UPDATE pganalytics.push_ledger SET stored = 0'),
    ('DELETE FROM pganalytics.push_ledger'),
    ('SELECT pganalytics.make_partition(''query_samples'', current_date + 4)'),
    ('SELECT pganalytics.make_partitions(1)'),
    ('SELECT pganalytics.drop_partitions(''query_samples'', current_date - 10)'),
    ('SELECT * FROM pganalytics.sessions'),
    ('SELECT refresh_sha256 FROM pganalytics.api_sessions'),
    ('SELECT pganalytics.end_sessions(''ann'')'),
    ('UPDATE pganalytics.api_sessions SET expires_at = now()'),
    ('DELETE FROM pganalytics.api_sessions'),
    ('SELECT id, event, details FROM pganalytics.audit_log'),
    ('SELECT * FROM pganalytics.verify_audit_log()'),
    ('SELECT * FROM pganalytics.audit_head(), pganalytics.audit_events()'),
    ('SELECT pganalytics.audit_row_text(l) FROM pganalytics.audit_log l'),
    ('SELECT pganalytics.audit_tail(1)'),
    ('SELECT pganalytics.audit_log_retention()'),
    ('SELECT pganalytics.make_audit_partition(current_date)'),
    ('SELECT pganalytics.drop_expired_audit_month()'),
    ('SELECT pganalytics.append_audit_records(1, sha256('''')::bytea, now(), ARRAY[now()], ARRAY[''a''], ARRAY[''server''], ARRAY[''success''], ARRAY[1], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''a''], ARRAY[''{}''], ARRAY[''INFO''])'),
    ('INSERT INTO pganalytics.audit_log (id, recorded_at, occurred_at, event, severity, source, outcome, hash) VALUES (2, now(), now(), ''a'', ''INFO'', ''server'', ''success'', '''')'),
    (format('INSERT INTO pganalytics.audit_log_p%s (id, recorded_at, occurred_at, event, severity, source, outcome, hash) VALUES (2, now(), now(), ''a'', ''INFO'', ''server'', ''success'', '''')', to_char(now() AT TIME ZONE 'UTC', 'YYYYMM'))),
    ('UPDATE pganalytics.audit_log SET actor = ''b'''),
    ('DELETE FROM pganalytics.audit_log'),
    ('TRUNCATE pganalytics.audit_log'),
    ('SELECT pganalytics.refuse_audit_change()'),
    ('CREATE TABLE pganalytics.mine (x int)'),
    ('DROP TABLE pganalytics.query_samples'),
    ('SELECT setval(''pganalytics.servers_server_id_seq'', 1)');
-- The attempts are undone, one by one.
CREATE FUNCTION attempt_and_undo(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    BEGIN
        outcome := attempt(who, statement);
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        RETURN outcome;
    END;
END
$$;
SELECT regexp_replace(regexp_replace(s.statement, '_p\d{8}', '_pDAY'), '_p\d{6}', '_pMONTH') AS statement,
       attempt_and_undo('pganalytics_viewer', s.statement) AS viewer,
       attempt_and_undo('pganalytics_operator', s.statement) AS operator,
       attempt_and_undo('pganalytics_admin', s.statement) AS admin,
       attempt_and_undo('pganalytics_ingest', s.statement) AS ingest,
       attempt_and_undo('pganalytics_maintenance', s.statement) AS maintenance,
       attempt_and_undo('pganalytics_api', s.statement) AS api,
       attempt_and_undo('pganalytics_audit', s.statement) AS audit,
       attempt_and_undo('regress_nobody', s.statement) AS nobody
FROM statements s ORDER BY n;

-- Whatever a viewer may, operators and administrators may too.
CREATE TEMP VIEW granted AS
    SELECT grantee, table_name::text AS object, column_name::text AS part, privilege_type::text
    FROM information_schema.column_privileges WHERE table_schema = 'pganalytics'
    UNION ALL
    SELECT grantee, specific_name, NULL, privilege_type
    FROM information_schema.routine_privileges WHERE routine_schema = 'pganalytics';
SELECT count(*) > 400 AS many FROM granted WHERE grantee = 'pganalytics_viewer';
SELECT higher, v.object, v.part, v.privilege_type
FROM unnest(ARRAY['pganalytics_operator', 'pganalytics_admin']) AS higher, granted v
WHERE v.grantee = 'pganalytics_viewer' AND NOT EXISTS (
    SELECT FROM granted h WHERE h.grantee = higher AND h.object = v.object
    AND h.part IS NOT DISTINCT FROM v.part AND h.privilege_type = v.privilege_type);
DROP VIEW granted;

-- What the workers run, as src/pg and bgworker have it. Privileges come before data: with NULL for
-- every parameter, a statement is refused for no other reason.
CREATE TABLE worker_statements (
    name text, types text, statement text, role name NOT NULL DEFAULT 'pganalytics_ingest');
INSERT INTO worker_statements VALUES
    ('find_by_token', 'bytea', $$
     SELECT collector_id, enabled, max_queries_per_db, tokens_valid_from, token_sha256,
     NULL::pg_catalog.bool, NULL::pg_catalog.timestamptz
     FROM pganalytics.collectors WHERE token_sha256 = $1$$),
    ('find_by_id', 'uuid', $$
     SELECT collector_id, enabled, max_queries_per_db, tokens_valid_from, token_sha256,
     NULL::pg_catalog.bool, NULL::pg_catalog.timestamptz
     FROM pganalytics.collectors WHERE collector_id = $1$$),
    ('find_by_certificate', 'bytea', $$
     SELECT c.collector_id, c.enabled, c.max_queries_per_db, c.tokens_valid_from, c.token_sha256,
     t.state = 'active', t.not_after
     FROM pganalytics.certificates t JOIN pganalytics.collectors c USING (collector_id)
     WHERE t.sha256 = $1$$),
    ('record_certificate', 'text, text, bytea, bytea, uuid, text, timestamptz, timestamptz, bytea', $$
     INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind,
     collector_id, subject, not_before, not_after, pem) VALUES ($1, $2, $3, $4, 'collector', $5,
     $6, $7, $8, pg_catalog.encode($9, 'base64')) ON CONFLICT DO NOTHING$$),
    ('find_signing_keys', 'boolean', $$
     SELECT kid, public_key FROM pganalytics.token_keys
     WHERE revoked_at IS NULL AND signs_until > pg_catalog.now() AND $1 IS NULL
     ORDER BY signs_from > pg_catalog.now(), signs_from DESC, kid LIMIT 4$$),
    ('find_token_keys', 'boolean', $$
     SELECT kid, public_key FROM pganalytics.token_keys
     WHERE revoked_at IS NULL AND verifies_until > pg_catalog.now() AND $1 IS NULL$$),
    ('find_revoked', 'boolean', $$
     SELECT sha256 FROM pganalytics.certificates
     WHERE state = 'revoked' AND not_after > pg_catalog.now() AND $1 IS NULL ORDER BY sha256$$),
    ('find_revocation_list', 'boolean', $$
     SELECT l.der FROM pganalytics.revocation_lists l WHERE $1 IS NULL AND l.issuer =
     (SELECT t.authority_ids[1] FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1)
     ORDER BY l.crl_number DESC LIMIT 1$$),
    ('trust_document', 'boolean', $$
     SELECT pganalytics.trust_document() WHERE $1 IS NULL$$),
    ('enroll', 'bytea, bytea, text', $$
     SELECT status, message, certificate_request_id, collector_id, NULL::pg_catalog.text
     FROM pganalytics.enroll_collector($1, $2, $3)$$),
    ('renew', 'uuid, bytea, text', $$
     SELECT status, message, certificate_request_id, $1, NULL::pg_catalog.text
     FROM pganalytics.renew_certificate($1, $2, $3)$$),
    ('register', 'bytea, text, bytea, text', $$
     SELECT status, message, certificate_request_id, collector_id, token
     FROM pganalytics.register_collector($1, $2, $3, $4)$$),
    ('reopen', 'uuid, bytea', $$ SELECT pganalytics.reopen_registration($1, $2) $$),
    ('find_decided', 'uuid[]', $$
     SELECT i.ordinality::pg_catalog.int4, r.state, r.message, t.state, t.not_after, t.pem
     FROM pg_catalog.unnest($1) WITH ORDINALITY AS i (id, ordinality)
     JOIN pganalytics.certificate_requests r ON r.certificate_request_id = i.id
     LEFT JOIN pganalytics.certificates t ON t.certificate_id = r.certificate_id
     WHERE r.state <> 'pending'$$),
    ('find_server', 'uuid, text', $$
     SELECT server_id FROM pganalytics.servers WHERE collector_id = $1 AND name = $2$$),
    ('find_deleted', 'integer[]', $$
     SELECT i.server_id FROM unnest($1) AS i(server_id) WHERE NOT EXISTS
     (SELECT FROM pganalytics.servers s WHERE s.server_id = i.server_id)$$),
    ('add_server', 'uuid, text, text, integer, text, boolean', $$
     INSERT INTO pganalytics.servers (collector_id, name, hostname, server_version,
     collector_version, over_quota) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (collector_id, name) DO NOTHING$$),
    ('count_servers', 'uuid, bigint', $$
     SELECT pg_catalog.count(*) FROM (SELECT FROM pganalytics.servers
     WHERE collector_id = $1 AND NOT over_quota LIMIT $2) s$$),
    ('describe_server', 'integer, text, integer, text', $$
     UPDATE pganalytics.servers SET hostname = $2, server_version = $3, collector_version = $4
     WHERE server_id = $1 AND (hostname, server_version, collector_version) IS DISTINCT FROM ($2,
     $3, $4)$$),
    ('find_databases', 'integer, text[]', $$
     SELECT i.ordinality, d.database_id FROM unnest($2) WITH ORDINALITY AS i(name, ordinality)
     CROSS JOIN LATERAL (SELECT b.database_id FROM pganalytics.databases b
     WHERE b.server_id = $1 AND b.name = i.name OFFSET 0) d$$),
    ('count_databases', 'integer, bigint', $$
     SELECT pg_catalog.count(*) FROM (SELECT FROM pganalytics.databases
     WHERE server_id = $1 LIMIT $2) d$$),
    ('add_databases', 'integer, text[]', $$
     INSERT INTO pganalytics.databases (server_id, name) SELECT $1, i.name FROM unnest($2) AS
     i(name) ORDER BY i.name ON CONFLICT (server_id, name) DO NOTHING$$),
    ('read_usage', 'uuid, date', $$
     SELECT coalesce(pg_catalog.sum(u.series), 0)::pg_catalog.int8, coalesce(pg_catalog.sum(
     u.text_bytes) FILTER (WHERE u.text_day = $2), 0)::pg_catalog.int8
     FROM pganalytics.servers s JOIN pganalytics.server_usage u ON u.server_id = s.server_id
     WHERE s.collector_id = $1$$),
    ('save_usage', 'integer[], bigint[], bigint[], date', $$
     INSERT INTO pganalytics.server_usage AS u (server_id, series, text_day, text_bytes)
     SELECT i.server_id, i.series, $4, i.text_bytes
     FROM unnest($1, $2, $3) AS i(server_id, series, text_bytes) ORDER BY i.server_id
     ON CONFLICT (server_id) DO UPDATE SET series = u.series + EXCLUDED.series,
     text_day = EXCLUDED.text_day, text_bytes = EXCLUDED.text_bytes +
     CASE WHEN u.text_day = EXCLUDED.text_day THEN u.text_bytes ELSE 0 END$$),
    ('find_receipts', 'integer[], uuid[], uuid[], timestamptz', $$
     SELECT i.ordinality, l.body_hash = i.body_hash, l.observed, l.stored, l.unchanged, l.merged,
     l.discarded_too_old, l.discarded_in_future, l.discarded_too_large, l.discarded_over_quota FROM unnest($1, $2, $3) WITH ORDINALITY AS
     i(server_id, push_key, body_hash, ordinality) JOIN pganalytics.push_ledger l ON l.server_id
     = i.server_id AND l.push_key = i.push_key WHERE l.received_at > $4$$),
    ('health', 'uuid', $$SELECT pganalytics.metrics_health($1)$$),
    ('add_to_ledger', 'integer[], uuid[], uuid[], uuid[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], jsonb[]', $$
     INSERT INTO pganalytics.push_ledger (server_id, push_key, body_hash, collector_id, epoch,
     sequence, body_bytes, observed, stored, unchanged, merged, discarded_too_old,
     discarded_in_future, discarded_too_large, discarded_over_quota, unstored) SELECT i.*  FROM unnest($1, $2, $3, $4, $5,
     $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS i$$),
    ('add_accounts', 'integer[], uuid[], integer[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], timestamptz[]', $$
     INSERT INTO pganalytics.push_accounts (server_id, push_key, database_id, observed, stored,
     unchanged, merged, beyond_limit, discarded_too_old, discarded_in_future, discarded_too_large,
     discarded_over_quota, queries, newest_sample_at) SELECT i.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
     $12, $13, $14) AS i$$),
    ('load_metric_series', 'text, integer[], integer[], uuid[]', $$
     SELECT i.ordinality, s.series_id FROM unnest($2, $3, $4) WITH ORDINALITY AS i(server_id,
     database_id, label_hash, ordinality) CROSS JOIN LATERAL (SELECT m.series_id FROM
     pganalytics.metric_series m WHERE m.server_id = i.server_id AND m.relation = $1 AND
     m.database_id = i.database_id AND m.label_hash = i.label_hash OFFSET 0) s$$),
    ('add_metric_series', 'text, integer[], integer[], text[], uuid[], timestamptz[]', $$
     INSERT INTO pganalytics.metric_series (server_id, relation, database_id, labels, label_hash,
     first_seen) SELECT i.server_id, $1, i.database_id, i.labels::pg_catalog.text[], i.label_hash,
     i.seen FROM unnest($2, $3, $4, $5, $6) AS i(server_id, database_id, labels, label_hash, seen)
     ORDER BY i.server_id, i.database_id, i.label_hash ON CONFLICT (server_id, relation,
     database_id, label_hash) DO NOTHING$$),
    ('load_states', 'integer, text, integer[]', $$
     SELECT database_id, series_id, value_hash, stored_at, gone_at FROM pganalytics.metric_series
     WHERE server_id = $1 AND relation = $2 AND database_id = ANY ($3)$$),
    ('save_state', 'integer, integer, bigint, timestamptz, timestamptz', $$
     UPDATE pganalytics.metric_series SET value_hash = $3, stored_at = $4, gone_at = $5
     WHERE server_id = $1 AND series_id = $2$$),
    ('find_log_lines', 'integer[], integer[], bigint[], timestamptz', $$
     SELECT i.ordinality, l.sampled_at FROM unnest($1, $2, $3) WITH ORDINALITY AS i(server_id,
     series_id, content_hash, ordinality) CROSS JOIN LATERAL (SELECT k.sampled_at FROM
     pganalytics.log_lines k WHERE k.server_id = i.server_id AND k.series_id = i.series_id AND
     k.content_hash = i.content_hash AND k.sampled_at >= $4 OFFSET 0) l$$),
    ('load_series', 'integer, integer[], text[], bigint[], boolean[]', $$
     SELECT i.ordinality, s.series_id, s.has_text, s.last_seen FROM unnest($2, $3, $4,
     $5) WITH ORDINALITY AS i(database_id, username, queryid, toplevel, ordinality) CROSS JOIN
     LATERAL (SELECT q.series_id, q.last_seen, q.text_id IS NOT NULL OR q.text_state IS NOT DISTINCT FROM
     'forgotten' AS has_text FROM pganalytics.query_series q WHERE
     q.server_id = $1 AND q.database_id = i.database_id AND q.queryid = i.queryid AND q.username =
     i.username AND q.toplevel = i.toplevel OFFSET 0) s$$),
    ('find_new_texts', 'uuid[]', $$
     SELECT d.ordinality FROM (SELECT DISTINCT ON (i.hash) i.ordinality FROM
     pg_catalog.unnest($1) WITH ORDINALITY AS i(hash, ordinality) LEFT JOIN LATERAL (SELECT q.text_id
     FROM pganalytics.query_texts q WHERE q.text_hash = i.hash OFFSET 0) x ON true
     WHERE i.hash IS NOT NULL AND x.text_id IS NULL AND NOT EXISTS (SELECT FROM
     pganalytics.forgotten_texts f WHERE f.text_hash = i.hash)
     ORDER BY i.hash, i.ordinality) d ORDER BY d.ordinality$$),
    ('add_texts', 'uuid[], text[]', $$
     INSERT INTO pganalytics.query_texts (text_hash, text) SELECT i.hash, i.text
     FROM unnest($1, $2) AS i(hash, text) WHERE NOT
     EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE f.text_hash = i.hash)
     ORDER BY 1 ON CONFLICT (text_hash) DO NOTHING$$),
    ('add_series', 'integer, integer[], text[], bigint[], boolean[], uuid[], text[], timestamptz[], boolean[], boolean[]', $$
     INSERT INTO pganalytics.query_series (server_id, database_id, username, queryid, toplevel,
     text_id, text_state, first_seen, last_seen, from_zero, text_note) SELECT $1, i.database_id, i.username,
     i.queryid, i.toplevel, x.text_id, CASE WHEN
     EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE f.text_hash = i.hash)
     THEN 'forgotten' ELSE i.text_state END, i.seen, i.seen, i.from_zero,
     CASE WHEN x.text_id IS NOT NULL THEN CASE WHEN i.text_cut THEN 'cut' END WHEN
     i.hash IS NOT NULL AND NOT EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE
     f.text_hash = i.hash) THEN 'left out' END FROM unnest($2, $3, $4, $5, $6,
     $7, $8, $9, $10) AS i(database_id, username, queryid, toplevel, hash, text_state, seen, from_zero, text_cut)
     LEFT JOIN LATERAL (SELECT q.text_id FROM pganalytics.query_texts q
     WHERE q.text_hash = i.hash OFFSET 0) x ON true ORDER BY i.database_id, i.queryid, i.username,
     i.toplevel ON CONFLICT (server_id, database_id, queryid, username, toplevel) DO NOTHING$$),
    ('attach_text', 'integer, integer, uuid, text, boolean, boolean', $$
     UPDATE pganalytics.query_series q SET text_id = x.text_id, text_state = CASE WHEN
     EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE f.text_hash = $3)
     THEN 'forgotten' ELSE $4 END,
     text_note = CASE WHEN x.text_id IS NOT NULL THEN CASE WHEN $5 THEN 'cut' END WHEN
     $3 IS NOT NULL AND NOT EXISTS (SELECT FROM pganalytics.forgotten_texts f WHERE f.text_hash = $3)
     THEN 'left out' END FROM (SELECT) one LEFT JOIN
     pganalytics.query_texts x ON x.text_hash = $3
     WHERE q.server_id = $1 AND q.series_id = $2 AND q.text_id IS NULL
     AND q.text_state IS DISTINCT FROM 'forgotten' AND (x.text_id IS NOT NULL OR NOT $6)
     RETURNING x.text_id IS NOT NULL OR q.text_state = 'forgotten'$$),
    ('any_forgotten', 'boolean', $$
     SELECT EXISTS (SELECT FROM pganalytics.forgotten_texts) WHERE $1 IS NULL$$),
    ('find_forgotten', 'uuid[]', $$
     SELECT f.text_hash FROM pganalytics.forgotten_texts f WHERE f.text_hash = ANY ($1)$$),
    ('note_seen', 'integer, integer, timestamptz, timestamptz', $$
     UPDATE pganalytics.query_series SET last_seen = GREATEST(last_seen, $3), reset_at =
     GREATEST(reset_at, $4) WHERE server_id = $1 AND series_id = $2$$),
    ('make_partition', 'text, date', $$ SELECT pganalytics.make_partition($1, $2) $$);
INSERT INTO worker_statements
SELECT name, types, statement, 'pganalytics_maintenance'
FROM (VALUES
    ('make_partitions', 'text', $$ SELECT pganalytics.make_partitions(3, $1) >= 0 $$),
    ('partitioned_relations', 'boolean', $$
     SELECT relation FROM pganalytics.partitioned_relations() WHERE $1 IS NULL$$),
    ('expired', 'boolean', $$
     SELECT p::pg_catalog.text FROM pganalytics.expired_partitions() AS p WHERE $1 IS NULL$$),
    ('drop_expired', 'text', $$
     SELECT pganalytics.drop_expired_partition(pg_catalog.to_regclass($1))$$),
    ('forget_step', 'boolean', $$ SELECT pganalytics.forget_step() WHERE $1 IS NULL$$),
    ('pending_requests', 'boolean', $$
     SELECT * FROM pganalytics.pending_certificate_requests() WHERE $1 IS NULL$$),
    ('record_certificate', 'text, uuid, text, text, bytea, bytea, text, timestamptz, timestamptz, text', $$
     SELECT pganalytics.record_certificate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)$$),
    ('decide_request', 'uuid, uuid, text', $$
     SELECT pganalytics.decide_certificate_request($1, $2, $3)$$),
    ('publish_trust', 'text, text[], text, bytea, boolean', $$
     SELECT pganalytics.publish_trust($1, $2, $3, $4, $5)$$),
    ('retire_authorities', 'text[]', $$ SELECT pganalytics.retire_authorities($1)$$),
    ('revocation_entries', 'text[]', $$
     SELECT issuer, serial, revoked_at, reason FROM pganalytics.revocation_entries($1)$$),
    ('list_states', 'text[]', $$
     SELECT issuer, content, due, next_number FROM pganalytics.revocation_list_states($1)$$),
    ('record_list', 'text, bigint, timestamptz, timestamptz, integer, bytea, bytea', $$
     SELECT pganalytics.record_revocation_list($1, $2, $3, $4, $5, $6, $7)$$),
    ('pending_job', 'boolean', $$
     SELECT authority_job_id, operation FROM pganalytics.pending_authority_job() WHERE $1 IS NULL$$),
    ('decide_job', 'bigint, text', $$ SELECT pganalytics.decide_authority_job($1, $2)$$),
    ('signing_keys', 'boolean', $$ SELECT pganalytics.signing_token_keys() WHERE $1 IS NULL$$),
    ('record_token_key', 'text, bytea, interval, interval', $$
     SELECT pganalytics.record_token_key($1, $2, $3, $4)$$),
    ('ended_keys', 'boolean', $$ SELECT pganalytics.ended_token_keys() WHERE $1 IS NULL$$),
    ('prune', 'boolean', $$ SELECT pganalytics.prune_identities() WHERE $1 IS NULL$$),
    ('note_expired', 'boolean', $$ SELECT pganalytics.note_expired_certificates() WHERE $1 IS NULL$$),
    -- Its second statement, which waits for a certificate that has expired.
    ('note_expired_ones', 'boolean', $$
     UPDATE pganalytics.certificates AS c SET ended_alone = NOT EXISTS (
         SELECT FROM pganalytics.certificates n
         WHERE n.kind = c.kind AND n.collector_id IS NOT DISTINCT FROM c.collector_id
           AND n.state = 'active' AND n.not_after > now())
     WHERE c.ended_alone IS NULL AND c.state = 'active' AND c.not_after <= now() AND $1$$)
) AS s(name, types, statement);
INSERT INTO worker_statements
SELECT name, types, statement, 'pganalytics_api'
FROM (VALUES
    ('start_session', 'uuid, oid, name, bytea, bytea, timestamptz, text', $$
     INSERT INTO pganalytics.api_sessions (session_id, role_oid, role_name, refresh_sha256,
     verifier_sha256, expires_at, address) VALUES ($1, $2, $3, $4, $5, $6, $7)$$),
    ('find_session', 'uuid', $$
     SELECT role_oid, role_name, refresh_sha256, verifier_sha256, created_at, expires_at,
     refreshed_at BETWEEN pg_catalog.now() - interval '10 seconds' AND pg_catalog.now(),
     previous_sha256, next_masked FROM pganalytics.api_sessions
     WHERE session_id = $1 AND ended_at IS NULL AND expires_at > pg_catalog.now() FOR UPDATE$$),
    ('next_token', 'uuid, bytea, bytea, bytea', $$
     UPDATE pganalytics.api_sessions SET refresh_sha256 = $2, previous_sha256 = $3,
     next_masked = $4, refreshed_at = pg_catalog.now(), last_used_at = pg_catalog.now()
     WHERE session_id = $1$$),
    ('note_use', 'uuid', $$
     UPDATE pganalytics.api_sessions SET last_used_at = pg_catalog.now()
     WHERE session_id = $1 AND last_used_at < pg_catalog.now() - interval '1 minute'$$),
    ('end_session', 'uuid, text', $$
     UPDATE pganalytics.api_sessions SET ended_at = pg_catalog.now(), end_reason = $2
     WHERE session_id = $1$$),
    ('keep_session', 'uuid, bytea', $$
     UPDATE pganalytics.api_sessions SET verifier_sha256 = $2, last_used_at = pg_catalog.now()
     WHERE session_id = $1$$),
    ('end_others', 'uuid, oid', $$
     UPDATE pganalytics.api_sessions SET ended_at = pg_catalog.now(), end_reason = 'password'
     WHERE role_oid = $2 AND session_id <> $1 AND ended_at IS NULL$$),
    ('find_signing_keys', 'boolean', $$
     SELECT kid, public_key FROM pganalytics.token_keys
     WHERE $1 AND revoked_at IS NULL AND signs_until > pg_catalog.now()
     ORDER BY signs_from > pg_catalog.now(), signs_from DESC, kid LIMIT 4$$),
    ('find_revoked', 'boolean', $$
     SELECT sha256 FROM pganalytics.certificates
     WHERE state = 'revoked' AND not_after > pg_catalog.now() AND $1 IS NULL ORDER BY sha256$$),
    ('find_scrape_token', 'bytea', $$
     SELECT name, revoked_at IS NOT NULL, coalesce(last_used_at < pg_catalog.now() - interval '1 minute', true)
     FROM pganalytics.scrape_tokens WHERE token_sha256 = $1$$),
    ('note_scrape', 'text', $$
     UPDATE pganalytics.scrape_tokens SET last_used_at = pg_catalog.now() WHERE name = $1$$),
    ('read_metrics', 'boolean', $$ SELECT pganalytics.prometheus_metrics() WHERE $1 IS NULL$$),
    ('find_token_keys', 'boolean', $$
     SELECT kid, public_key FROM pganalytics.token_keys
     WHERE $1 AND revoked_at IS NULL AND verifies_until > pg_catalog.now()$$)
) AS s(name, types, statement);
INSERT INTO worker_statements
SELECT name, types, statement, 'pganalytics_audit'
FROM (VALUES
    ('append', 'boolean', $$
     SELECT id, hash, recorded_at FROM pganalytics.append_audit_records((random() * 1e9)::bigint,
     sha256(''), now(), ARRAY[now()], ARRAY['a'], ARRAY['server'], ARRAY['success'],
     ARRAY[1], ARRAY['a'], ARRAY['a'], ARRAY['a'], ARRAY['a'], ARRAY['a'], ARRAY['a'], ARRAY['a'],
     ARRAY['a'], ARRAY['{}'], ARRAY['INFO']) WHERE $1 IS NULL$$),
    ('read_tail', 'bigint', $$
     SELECT log, id, hash, recorded_at, event, known_hash FROM pganalytics.audit_tail($1)$$),
    ('make_months', 'timestamptz', $$
     SELECT pganalytics.make_audit_partition((coalesce($1, now()) + m * interval '1 month')::date)
     FROM unnest(ARRAY[0, 1]) AS m$$),
    ('drop_month', 'boolean', $$
     SELECT month, first_id, last_id, last_hash FROM pganalytics.drop_expired_audit_month()
     WHERE $1 IS NULL$$)
) AS s(name, types, statement);
-- Each metric has its table. The direct way writes to a partition, and privileges are checked there.
INSERT INTO worker_statements
SELECT 'insert into ' || m.relation, 'integer',
       format('INSERT INTO pganalytics.%I (server_id, series_id) VALUES ($1, 1)', m.relation)
FROM pganalytics.metrics() m;
INSERT INTO worker_statements
SELECT 'insert directly into ' || p.relation, 'integer',
       format('INSERT INTO %s (server_id, series_id) VALUES ($1, 1)', p.partition)
FROM pganalytics.partitions p JOIN pganalytics.metrics() m ON m.relation = p.relation
WHERE p.day = (now() AT TIME ZONE 'UTC')::date;
CREATE FUNCTION outcome_for_worker(w worker_statements) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', w.role);
    EXECUTE format('PREPARE regress_worker (%s) AS %s', w.types, w.statement);
    EXECUTE format('EXECUTE regress_worker (%s)', regexp_replace(w.types, '[^,]+', 'NULL', 'g'));
    DEALLOCATE ALL;
    RESET ROLE;
    RETURN 'allowed';
EXCEPTION WHEN insufficient_privilege THEN
    DEALLOCATE ALL;
    RETURN 'denied';
WHEN not_null_violation OR invalid_parameter_value OR check_violation THEN
    DEALLOCATE ALL;
    RETURN 'allowed';
END
$$;
SELECT role, name, outcome_for_worker(w) FROM worker_statements w
ORDER BY role COLLATE "C", name COLLATE "C";

-- And nothing more: without any one of its privileges the role cannot run one of these.
CREATE FUNCTION privileges_of(role name) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s (%I) ON %s', x.privilege_type, a.attname, c.oid::regclass)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'pganalytics'::regnamespace
      AND x.grantee = (SELECT r.oid FROM pg_roles r WHERE r.rolname = role)
    UNION ALL
    SELECT format('%s ON %s', x.privilege_type, c.oid::regclass)
    FROM pg_class c, aclexplode(c.relacl) x
    WHERE c.relnamespace = 'pganalytics'::regnamespace
      AND x.grantee = (SELECT r.oid FROM pg_roles r WHERE r.rolname = role)
      -- Of the partitions, the one that is tried above.
      AND (NOT c.relispartition OR c.relname !~ '_p\d{8}$'
           OR c.relname ~ to_char(now() AT TIME ZONE 'UTC', '_pYYYYMMDD$'))
    UNION ALL
    SELECT format('%s ON FUNCTION %s', x.privilege_type, p.oid::regprocedure)
    FROM pg_proc p, aclexplode(p.proacl) x
    WHERE p.pronamespace = 'pganalytics'::regnamespace
      AND x.grantee = (SELECT r.oid FROM pg_roles r WHERE r.rolname = role)
    UNION ALL
    SELECT format('%s ON SCHEMA %s', x.privilege_type, n.nspname)
    FROM pg_namespace n, aclexplode(n.nspacl) x
    WHERE n.nspname = 'pganalytics' AND x.grantee = (SELECT r.oid FROM pg_roles r WHERE r.rolname = role)
$$;
CREATE FUNCTION is_needed(role name, privilege text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    needed boolean;
BEGIN
    BEGIN
        EXECUTE format('REVOKE %s FROM %I', privilege, role);
        needed := EXISTS (SELECT FROM worker_statements w
                         WHERE w.role = is_needed.role AND outcome_for_worker(w) = 'denied');
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        RETURN needed;
    END;
END
$$;
CREATE VIEW needless AS
    SELECT r.role, p AS granted_and_not_needed
    FROM (SELECT DISTINCT role FROM worker_statements) AS r, privileges_of(r.role) AS p
    WHERE NOT is_needed(r.role, p);
SELECT count(*) > 40 AS looked_at FROM privileges_of('pganalytics_ingest');
SELECT * FROM needless;
GRANT SELECT (text) ON pganalytics.query_texts TO pganalytics_ingest;
SELECT * FROM needless;
REVOKE SELECT (text) ON pganalytics.query_texts FROM pganalytics_ingest;

-- What viewers may, operators, administrators and the queries of rules may: each GRANT names all four.
CREATE VIEW missing_grants AS
    SELECT r.role, format('%s.%s', c.oid::regclass, a.attname) AS not_granted
    FROM unnest('{pganalytics_operator,pganalytics_admin,pganalytics_rules}'::name[]) AS r(role),
         pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'pganalytics'::regnamespace
      AND has_column_privilege('pganalytics_viewer', c.oid, a.attnum, 'SELECT')
      AND NOT has_column_privilege(r.role, c.oid, a.attnum, 'SELECT')
    UNION ALL
    SELECT r.role, p.oid::regprocedure::text
    FROM unnest('{pganalytics_operator,pganalytics_admin,pganalytics_rules}'::name[]) AS r(role), pg_proc p
    WHERE p.pronamespace = 'pganalytics'::regnamespace
      AND has_function_privilege('pganalytics_viewer', p.oid, 'EXECUTE')
      AND NOT has_function_privilege(r.role, p.oid, 'EXECUTE');
SELECT * FROM missing_grants;
REVOKE SELECT ON pganalytics.servers FROM pganalytics_rules;
SELECT * FROM missing_grants WHERE not_granted LIKE '%.hostname';
GRANT SELECT ON pganalytics.servers TO pganalytics_rules;
DROP VIEW missing_grants;

-- ca_certificate() reads the file that postgresql.conf names, whatever the session sets (also
-- before the library is loaded and knows its settings), and only certificates leave that file.
\c -
SET ROLE pganalytics_admin;
DO $$
BEGIN
    PERFORM set_config('pganalytics.ssl_cert_file', 'postgresql.conf', false);
EXCEPTION WHEN cant_change_runtime_param THEN
    NULL;
END
$$;
SET client_min_messages = error;
SELECT pganalytics.ca_certificate();
SELECT pg_read_file('postgresql.conf');
RESET ROLE;
SELECT pg_read_file(pganalytics.ca_certificate_file()) ~ 'PRIVATE KEY' AS key_is_beside_it;

DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'pganalytics.audit_log'::regclass LOOP
        EXECUTE format('DROP TABLE %s', month);
    END LOOP;
END
$$;
DROP VIEW needless;
DROP FUNCTION privileges_of, is_needed, outcome_for_worker;
DROP TABLE worker_statements;
DROP FUNCTION attempt_and_undo, attempt;
DROP TABLE statements;
DROP ROLE regress_nobody;
DELETE FROM pganalytics.servers;
DELETE FROM pganalytics.collectors;
