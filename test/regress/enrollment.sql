-- One-time tokens, registration secrets, and what the workers do with them.
\set SHOW_CONTEXT never
\pset format unaligned
SET ROLE pganalytics_admin;

-- A new name makes the collector, without a token of its own; a known one keeps its id.
CREATE TEMP TABLE given AS SELECT * FROM pganalytics.create_enrollment_token('prod-1');
SELECT token ~ '^pge_[0-9a-f]{64}$' AS well_formed, abs(extract(epoch FROM expires_at - now() - interval '1 h')) < 60 AS an_hour, pin,
       regexp_replace(command, ':\d+', ':PORT') AS command, strpos(command, token) AS token_in_it
FROM given;
INSERT INTO given SELECT * FROM pganalytics.create_enrollment_token('prod-1', '10 min');
SELECT count(DISTINCT collector_id) AS collectors, count(DISTINCT token) AS tokens FROM given;
SELECT name, enabled, has_token, certificates FROM pganalytics.collector_credentials;
RESET ROLE;
SELECT count(*) AS hashed FROM pganalytics.enrollment_tokens t JOIN given g
    ON t.token_sha256 = sha256(convert_to(g.token, 'UTF8'));
INSERT INTO pganalytics.trust (version, authorities, authority_ids, pins)
VALUES (1, '{}', '{}', '{sha256/one,sha256/two}');
SET ROLE pganalytics_admin;
SELECT pin, regexp_replace(command, ':\d+', ':PORT') AS command
FROM pganalytics.create_enrollment_token('prod-2');

-- Errors.
SELECT * FROM pganalytics.create_enrollment_token(E' \n');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pganalytics.create_enrollment_token(NULL);
SELECT * FROM pganalytics.create_enrollment_token('prod-1', '0');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pganalytics.create_enrollment_token('prod-1', '-1 s');
SELECT * FROM pganalytics.create_enrollment_token('prod-1', '31 days');
SELECT * FROM pganalytics.create_enrollment_token('prod-1', NULL);
SELECT pganalytics.set_collector_enabled('prod-2', false);
SELECT * FROM pganalytics.create_enrollment_token('prod-2');
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.set_collector_enabled('prod-2', true);

-- Revoking: open ones only, and never without effect.
SELECT pganalytics.revoke_enrollment_token('prod-2');
SELECT pganalytics.revoke_enrollment_token('prod-2');
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.revoke_enrollment_token('nobody');
SELECT name, state, used_at, created_by FROM pganalytics.enrollments ORDER BY name, state;

-- The workers' side. A token is used once; the same request again is the same certificate.
RESET ROLE;
GRANT SELECT ON given TO pganalytics_ingest;
CREATE TEMP TABLE used (what text, status integer, message text, request uuid, collector_id uuid, refusal text);
GRANT ALL ON used TO pganalytics_ingest;
SET ROLE pganalytics_ingest;
CREATE FUNCTION pg_temp.use(what text, token text, csr text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO used SELECT what, e.* FROM pganalytics.enroll_collector(
        sha256(convert_to(token, 'UTF8')), convert_to(csr, 'UTF8'), '192.0.2.7') AS e $$;
SELECT token AS first FROM given ORDER BY expires_at DESC LIMIT 1 \gset
SELECT token AS second FROM given ORDER BY expires_at LIMIT 1 \gset
SELECT pg_temp.use('first', :'first', 'one');
SELECT pg_temp.use('again', :'first', 'one');
SELECT pg_temp.use('another request', :'first', 'two');
SELECT pg_temp.use('unknown', 'pge_x', 'one');
RESET ROLE;
UPDATE pganalytics.enrollment_tokens SET expires_at = now()
WHERE token_sha256 = sha256(convert_to(:'second', 'UTF8'));
SELECT pg_temp.use('expired', :'second', 'one');
UPDATE pganalytics.enrollment_tokens SET expires_at = now() + '1 h', revoked_at = now()
WHERE token_sha256 = sha256(convert_to(:'second', 'UTF8'));
SELECT pg_temp.use('revoked', :'second', 'one');
UPDATE pganalytics.enrollment_tokens SET revoked_at = NULL
WHERE token_sha256 = sha256(convert_to(:'second', 'UTF8'));
UPDATE pganalytics.collectors SET enabled = false;
SELECT pg_temp.use('disabled', :'second', 'one');
SELECT pg_temp.use('disabled, again', :'first', 'one');
UPDATE pganalytics.collectors SET enabled = true;
SELECT pg_temp.use('enabled', :'second', 'three');
SELECT u.what, u.status, u.message, u.collector_id = g.collector_id AS collector,
       u.request = f.request AS same_request
FROM used u, (SELECT DISTINCT collector_id FROM given) g, used f WHERE f.what = 'first';
SELECT c.name, convert_from(r.csr, 'UTF8') AS csr, r.origin, r.address, r.state
FROM pganalytics.certificate_requests r JOIN pganalytics.collectors c USING (collector_id)
ORDER BY csr;
SELECT name, state, used_from, certificate_request FROM pganalytics.enrollments ORDER BY name, state;

-- A renewal that is asked for again is the same one; a collector asks for 20 in an hour at most.
SELECT collector_id AS prod FROM pganalytics.collectors WHERE name = 'prod-1' \gset
SET ROLE pganalytics_ingest;
SELECT a.status, a.certificate_request_id = b.certificate_request_id AS same
FROM pganalytics.renew_certificate(:'prod', 'r', 'x') a, pganalytics.renew_certificate(:'prod', 'r', 'x') b;
SELECT status, message, count(*)
FROM generate_series(1, 20) n, pganalytics.renew_certificate(:'prod', int4send(n), 'x') GROUP BY 1, 2 ORDER BY 1;
RESET ROLE;
UPDATE pganalytics.certificate_requests SET requested_at = now() - interval '1 hour';
SELECT status FROM pganalytics.renew_certificate(:'prod', 'r', 'x');

-- Registration.
SET ROLE pganalytics_admin;
CREATE TEMP TABLE secret AS SELECT * FROM pganalytics.create_registration_secret('fleet', 2, '1 day');
SELECT secret ~ '^pgr_[0-9a-f]{64}$' AS well_formed, abs(extract(epoch FROM expires_at - now() - interval '1 day')) < 60 AS a_day FROM secret;
SELECT * FROM pganalytics.create_registration_secret('fleet');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pganalytics.create_registration_secret('');
SELECT * FROM pganalytics.create_registration_secret('x', 0);
SELECT * FROM pganalytics.create_registration_secret('x', NULL);
SELECT * FROM pganalytics.create_registration_secret('x', 1, '2 years');
RESET ROLE;
CREATE FUNCTION pg_temp.register(name text, csr bytea DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', e.status, e.message, 'token ' || left(e.token, 4),
                     CASE WHEN e.certificate_request_id IS NOT NULL THEN 'request' END)
    FROM secret s
    CROSS JOIN LATERAL pganalytics.register_collector(
        sha256(convert_to(s.secret, 'UTF8')), register.name, csr, 'x') AS e $$;
SELECT pg_temp.register('prod-1');
SELECT pg_temp.register('');
SELECT pg_temp.register(E'a\nb');
SELECT pg_temp.register(repeat('x', 254));
SELECT pg_temp.register('old-1');
SELECT pg_temp.register('old-2', 'csr');
SELECT name, has_token FROM pganalytics.collector_credentials WHERE name LIKE 'old%' ORDER BY name;
SELECT pg_temp.register('old-3');
SELECT name, uses_left, state FROM pganalytics.registrations;
SELECT c.name, r.origin, convert_from(r.csr, 'UTF8') AS csr
FROM pganalytics.certificate_requests r JOIN pganalytics.collectors c USING (collector_id)
WHERE c.name LIKE 'old%';
-- Once more under its name: with the same id, when an administrator lets it, once.
UPDATE pganalytics.registration_secrets SET uses_left = 2;
CREATE TEMP TABLE before AS SELECT * FROM pganalytics.collectors WHERE name = 'old-1';
SELECT pganalytics.allow_registration('old-1') - now() AS life;
SELECT pganalytics.allow_registration('nobody');
\echo :LAST_ERROR_SQLSTATE
SELECT pganalytics.set_collector_enabled('old-1', false);
SELECT pg_temp.register('old-1');
SELECT pganalytics.set_collector_enabled('old-1', true);
SELECT pg_temp.register('old-1');
SELECT pg_temp.register('old-1');
SELECT c.collector_id = b.collector_id AS same_id, c.token_sha256 <> b.token_sha256 AS other_token,
       c.tokens_valid_from > now() AS tokens_end
FROM pganalytics.collectors c JOIN before b USING (name);
-- One that could not be answered is taken back.
SELECT pganalytics.reopen_registration(c.collector_id, sha256(convert_to(s.secret, 'UTF8')))
FROM pganalytics.collectors c, secret s WHERE c.name = 'old-1';
SELECT name, has_token, registration_until > now() AS open
FROM pganalytics.collector_credentials WHERE name = 'old-1';
SELECT pg_temp.register('old-1');
UPDATE pganalytics.registration_secrets SET expires_at = now();
SELECT pg_temp.register('old-4');
SELECT name, uses_left, state FROM pganalytics.registrations;
SELECT pganalytics.revoke_registration_secret('fleet');
SELECT pganalytics.revoke_registration_secret('fleet');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.register('old-4');
SELECT name, uses_left, state FROM pganalytics.registrations;
UPDATE secret SET secret = 'another';
SELECT pg_temp.register('old-4');

DELETE FROM pganalytics.registration_secrets;
DELETE FROM pganalytics.enrollment_tokens;
DELETE FROM pganalytics.certificate_requests;
DELETE FROM pganalytics.trust;
DELETE FROM pganalytics.collectors;
