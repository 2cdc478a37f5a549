-- The certificate authority in SQL: what is asked for, revoked and shown. Nobody serves here, so
-- rows are written as the maintenance worker writes them.
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = error;

-- No trust yet.
SELECT pganalytics.trust_document() IS NULL AS no_trust, pganalytics.certificate_revocation_list() IS NULL AS no_list;
SELECT pganalytics.finish_ca_rotation();

-- What the worker records at its start.
CREATE FUNCTION pem(text) RETURNS text LANGUAGE sql AS $$
    SELECT E'-----BEGIN CERTIFICATE-----\n' || encode($1::bytea, 'base64') ||
           E'\n-----END CERTIFICATE-----\n' $$;
CREATE FUNCTION record(kind text, serial text, issuer text, collector uuid DEFAULT NULL,
                       days integer DEFAULT 30) RETURNS boolean LANGUAGE sql AS $$
    SELECT pganalytics.record_certificate(kind, collector, serial, issuer, sha256(convert_to(serial || issuer, 'UTF8')),
        sha256('spki'), 'CN=' || kind, now() - interval '1 day', now() + make_interval(days => days),
        pem(serial)) IS NOT NULL $$;
SELECT record('authority', 'a1', 'aa'), record('server', '51', 'aa');
SELECT record('server', '51', 'aa') AS again;
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/now sha256/next', sha256('51aa'), false) AS version;
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/now sha256/next', sha256('51aa'), false) AS nothing_new;
SELECT pganalytics.trust_document();
-- A given certificate that cannot be read leaves what is, for other authorities too; one with a chain.
SELECT pganalytics.publish_trust('', '{aa}', '', NULL, false) AS nothing_new;
SELECT pganalytics.publish_trust('', '{cc}', '', NULL, false) AS version;
SELECT cardinality(authorities), authority_ids, pins, server_sha256 = sha256('51aa') AS same FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT pganalytics.publish_trust(pem('leaf') || pem('root'), '{aa}', 'sha256/now', sha256('leaf'), false) AS version;
SELECT cardinality(authorities), pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT pganalytics.finish_ca_rotation();
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/now sha256/next', sha256('51aa'), false) AS version;

-- Another key: the pin before stays while gateways may serve it, once, and then goes.
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/next sha256/third', sha256('52aa'), true) AS version;
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/next sha256/third', sha256('52aa'), true) AS nothing_new;
SELECT cardinality(authorities), pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT pganalytics.publish_trust(pem('a2'), '{aa}', 'sha256/next sha256/third', sha256('52aa'), true) AS version;
SELECT authorities = ARRAY[pem('a2'), pem('a1')] AS both, pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT pganalytics.publish_trust(pem('a1'), '{aa}', 'sha256/now sha256/next', sha256('51aa'), false) AS version;
SELECT cardinality(authorities), pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT cardinality(pganalytics.with_former(ARRAY['x'], ARRAY(SELECT i::text FROM generate_series(1, 20) i))) AS at_most,
       pganalytics.with_former('{a,b}', '{b,c}'), pganalytics.with_former('{a}', NULL), pganalytics.with_former('{}', '{}');

-- Requests.
INSERT INTO pganalytics.collectors (name) VALUES ('north'), ('south');
SELECT pganalytics.issue_certificate('north', NULL);
SELECT pganalytics.issue_certificate('north', 'nothing');
SELECT pganalytics.issue_certificate('nobody', E'-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----');
SELECT pganalytics.issue_certificate('north', E'-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\nand more');
SELECT pganalytics.issue_certificate('north', E'\n-----BEGIN CERTIFICATE REQUEST-----\r\nMA\nA=\n-----END CERTIFICATE REQUEST-----\n') AS request \gset
SELECT name, csr, enabled FROM pganalytics.pending_certificate_requests();
\set request '''' :request ''''
SELECT pganalytics.issued_certificate('00000000-0000-0000-0000-000000000000');
DO $$ BEGIN PERFORM pganalytics.issued_certificate(certificate_request_id, '0 s')
      FROM pganalytics.certificate_requests; EXCEPTION WHEN object_not_in_prerequisite_state THEN
      RAISE EXCEPTION 'not decided yet'; END $$;
SELECT pganalytics.record_certificate('collector', collector_id, 'c1', 'aa', sha256('c1'), sha256('k'),
    'CN=north', now(), now() + interval '30 days', 'the certificate') AS certificate
FROM pganalytics.collectors WHERE name = 'north' \gset
SELECT pganalytics.decide_certificate_request(:request, :'certificate', NULL) AS first,
       pganalytics.decide_certificate_request(:request, NULL, 'no') AS second;
SELECT pganalytics.issued_certificate(:request);
SELECT pganalytics.issue_certificate('south', E'-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----') AS request \gset
SELECT pganalytics.decide_certificate_request(:'request', NULL, 'not one request in DER');
SELECT pganalytics.issued_certificate(:'request');

-- Revocation: serial numbers as other programs write them, reasons of RFC 5280, once and for all.
SELECT pganalytics.revoke_certificate('c1', 'because');
SELECT pganalytics.revoke_certificate('c1', NULL);
SELECT pganalytics.revoke_certificate(NULL);
SELECT pganalytics.revoke_certificate('c2');
SELECT pganalytics.revoke_certificate('a1');
SELECT kind, subject FROM pganalytics.revoke_certificate('0x0:C1', 'keyCompromise');
DO $$ BEGIN PERFORM pganalytics.revoke_certificate('c1'); EXCEPTION
      WHEN object_not_in_prerequisite_state THEN RAISE EXCEPTION 'revoked before'; END $$;
SELECT state, revoked_by, revocation_reason, revoked_at IS NOT NULL AS has_time
FROM pganalytics.certificates WHERE serial = 'c1';
UPDATE pganalytics.certificates SET state = 'active', revoked_at = NULL, revocation_reason = NULL
WHERE serial = 'c1';
UPDATE pganalytics.certificates SET serial = 'c9' WHERE serial = 'c1';
SELECT record('collector', 'd1', 'aa', (SELECT collector_id FROM pganalytics.collectors WHERE name = 'south')),
       record('collector', 'd1', 'bb', (SELECT collector_id FROM pganalytics.collectors WHERE name = 'south'));
SELECT pganalytics.revoke_certificate('d1');
SELECT kind FROM pganalytics.revoke_certificate('d1', 'superseded', 'bb');
-- That of the server is followed by another.
SELECT kind FROM pganalytics.revoke_certificate('51', 'keyCompromise');
SELECT operation, state FROM pganalytics.authority_jobs;
SELECT pganalytics.decide_authority_job(authority_job_id, NULL) FROM pganalytics.pending_authority_job();
SELECT operation, state, message FROM pganalytics.authority_jobs;

-- Lists: due when what they hold has changed, numbers never twice.
SELECT issuer, serial, reason FROM pganalytics.revocation_entries('{aa,bb}');
SELECT issuer, due, next_number FROM pganalytics.revocation_list_states('{aa,bb}');
SELECT pganalytics.record_revocation_list(s.issuer, s.next_number, now(), now() + interval '7 days', 1,
                                          s.content, 'a list')
FROM pganalytics.revocation_list_states('{aa,bb}') s;
SELECT issuer, due, next_number FROM pganalytics.revocation_list_states('{aa,bb}');
SELECT pganalytics.certificate_revocation_list();
SELECT kind FROM pganalytics.revoke_certificate('d1', 'cessationOfOperation', 'aa');
SELECT issuer, due FROM pganalytics.revocation_list_states('{aa,bb}');
UPDATE pganalytics.revocation_lists SET this_update = now() - interval '5 days', next_update = now() + interval '2 days';
SELECT issuer, due FROM pganalytics.revocation_list_states('{bb}');

-- Rotation of the authority: it ends when no collector depends on the old one.
SELECT pganalytics.rotate_ca() > 0 AS job;
SELECT pganalytics.finish_ca_rotation();
SELECT record('authority', 'a2', 'bb');
SELECT pganalytics.publish_trust(pem('a2') || pem('a1'), '{bb,aa}', 'sha256/now sha256/next', sha256('51aa'), false);
SELECT cardinality(authorities), authority_ids FROM pganalytics.trust ORDER BY version DESC LIMIT 1;
SELECT pganalytics.rotate_ca();
SELECT record('collector', 'e1', 'aa', (SELECT collector_id FROM pganalytics.collectors WHERE name = 'south'));
SELECT pganalytics.finish_ca_rotation();
SELECT pganalytics.finish_ca_rotation(true) > 0 AS forced;
SELECT record('collector', 'e2', 'bb', (SELECT collector_id FROM pganalytics.collectors WHERE name = 'south'));
SELECT pganalytics.finish_ca_rotation() > 0 AS job;
SELECT pganalytics.retire_authorities('{bb}');
SELECT serial, state, revocation_reason FROM pganalytics.certificates WHERE kind = 'authority' ORDER BY serial;

-- Keys for tokens: the second waits until every gateway knows it.
SELECT pganalytics.record_token_key('00000000000000a', '\x04' || sha256('x') || sha256('y'), '30 days', '8 days');
SELECT pganalytics.record_token_key('00000000000000b', '\x04' || sha256('x') || sha256('z'), '30 days', '8 days');
SELECT kid, signs_from - created_at AS waits, verifies_until - signs_until AS verifies FROM pganalytics.token_keys ORDER BY kid;
SELECT * FROM pganalytics.signing_token_keys();
UPDATE pganalytics.token_keys SET signs_until = now() + interval '20 hours' WHERE kid = '00000000000000a';
SELECT pganalytics.revoke_token_key('nothing');
SELECT pganalytics.revoke_token_key('00000000000000b');
SELECT * FROM pganalytics.signing_token_keys();
SELECT * FROM pganalytics.ended_token_keys();
DO $$ BEGIN PERFORM pganalytics.revoke_token_key('00000000000000b'); EXCEPTION
      WHEN object_not_in_prerequisite_state THEN RAISE EXCEPTION 'revoked before'; END $$;

SELECT kind, name, serial, renew_at < expires_at AS in_time, days_left
FROM pganalytics.certificate_expiry ORDER BY kind, name, serial;

-- What is old goes; of the lists the newest stay.
UPDATE pganalytics.revocation_lists SET next_update = now() - interval '31 days', this_update = now() - interval '38 days';
INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, subject, not_before, not_after, pem)
VALUES ('0', 'aa', sha256('old'), sha256('old'), 'server', 'CN=old', '2020-01-01', now() - interval '401 days', 'old');
UPDATE pganalytics.certificate_requests SET decided_at = now() - interval '31 days' WHERE state = 'refused';
SELECT count(*) FROM pganalytics.certificates;
SELECT pganalytics.prune_identities();
SELECT (SELECT count(*) FROM pganalytics.certificates) AS certificates,
       (SELECT count(*) FROM pganalytics.certificate_requests) AS requests,
       (SELECT count(*) FROM pganalytics.revocation_lists) AS lists;

-- A change of identities is told by its COMMIT, so it cannot be prepared.
BEGIN;
SELECT kind FROM pganalytics.revoke_certificate('e1');
PREPARE TRANSACTION 'revocation';

DROP FUNCTION record, pem;
TRUNCATE pganalytics.certificates, pganalytics.certificate_requests, pganalytics.revocation_lists,
    pganalytics.trust, pganalytics.authority_jobs, pganalytics.token_keys, pganalytics.collectors;
