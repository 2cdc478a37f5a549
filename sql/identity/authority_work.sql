-- The functions by which the maintenance worker reads and records data of the certificate
-- authority. Only this worker may call them. They run with its own rights.

CREATE FUNCTION pganalytics.pending_certificate_requests()
    RETURNS TABLE (certificate_request_id uuid, collector_id uuid, name text, csr bytea, enabled boolean,
                   can_renew boolean)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.certificate_request_id, r.collector_id, coalesce(c.name, ''), r.csr,
           coalesce(c.enabled, false), r.origin <> 'registration'
    FROM pganalytics.certificate_requests r
    LEFT JOIN pganalytics.collectors c ON c.collector_id = r.collector_id
    WHERE r.state = 'pending' ORDER BY r.requested_at LIMIT 100
$$;
COMMENT ON FUNCTION pganalytics.pending_certificate_requests() IS
    'the oldest requests that wait for a certificate';
GRANT EXECUTE ON FUNCTION pganalytics.pending_certificate_requests() TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.record_certificate(
    kind text, collector_id uuid, serial text, issuer text, sha256 bytea, spki_sha256 bytea,
    subject text, not_before timestamptz, not_after timestamptz, pem text)
    RETURNS uuid
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.certificates AS c (kind, collector_id, serial, issuer, sha256,
        spki_sha256, subject, not_before, not_after, pem)
    VALUES (record_certificate.kind, record_certificate.collector_id, record_certificate.serial,
            record_certificate.issuer, record_certificate.sha256, record_certificate.spki_sha256,
            record_certificate.subject, record_certificate.not_before,
            record_certificate.not_after, record_certificate.pem)
    ON CONFLICT ON CONSTRAINT certificates_sha256_key DO NOTHING
    RETURNING c.certificate_id
$$;
COMMENT ON FUNCTION pganalytics.record_certificate(
    text, uuid, text, text, bytea, bytea, text, timestamptz, timestamptz, text) IS
    'records a certificate and returns its id; NULL if it is recorded already';
GRANT EXECUTE ON FUNCTION
    pganalytics.record_certificate(text, uuid, text, text, bytea, bytea, text, timestamptz, timestamptz, text)
    TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.decide_certificate_request(request uuid, certificate uuid, message text)
    RETURNS boolean
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH decided AS (
        UPDATE pganalytics.certificate_requests AS r
        SET state = CASE WHEN certificate IS NULL THEN 'refused' ELSE 'issued' END,
            certificate_id = certificate, message = decide_certificate_request.message,
            decided_at = now()
        WHERE r.certificate_request_id = request AND r.state = 'pending'
        RETURNING r.state)
    SELECT EXISTS (SELECT FROM decided)
$$;
COMMENT ON FUNCTION pganalytics.decide_certificate_request(uuid, uuid, text) IS
    'ends a request, with a certificate or with the reason of a refusal; false if it no longer waits';
GRANT EXECUTE ON FUNCTION pganalytics.decide_certificate_request(uuid, uuid, text) TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.with_former(newest text[], former text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (newest || ARRAY(SELECT f.item FROM unnest(former) WITH ORDINALITY AS f(item, n)
                            WHERE f.item <> ALL (newest) ORDER BY f.n))[1:16]
$$;
COMMENT ON FUNCTION pganalytics.with_former(text[], text[]) IS
    'the items of the first array, then those of the second that are not in it; at most 16, which is what collectors accept';
GRANT EXECUTE ON FUNCTION pganalytics.with_former(text[], text[]) TO pganalytics_maintenance;

-- Gateways change their certificate one after the other, so a client may still be shown the former
-- one. With keep_former, the document therefore keeps the former authorities and pins after the new
-- ones, up to the number that collectors accept.
CREATE FUNCTION pganalytics.publish_trust(
    authorities text, authority_ids text[], pins text, server_sha256 bytea, keep_former boolean)
    RETURNS bigint
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.trust AS t (version, authorities, authority_ids, pins, server_sha256)
    SELECT coalesce(newest.version, 0) + 1, a.authorities, publish_trust.authority_ids, a.pins,
           a.server_sha256
    FROM (SELECT ARRAY(SELECT m.pem[1] || E'\n'
                       FROM regexp_matches(publish_trust.authorities,
                                '-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----', 'g')
                            WITH ORDINALITY AS m(pem, n) ORDER BY m.n),
                 CASE publish_trust.pins WHEN '' THEN '{}'::text[]
                      ELSE string_to_array(publish_trust.pins, ' ') END) AS n(authorities, pins)
    LEFT JOIN (SELECT o.* FROM pganalytics.trust o ORDER BY o.version DESC LIMIT 1) AS newest ON true
    CROSS JOIN LATERAL (
        -- authorities is '' if a configured certificate cannot be read. Then no gateway serves:
        -- keep what was published before.
        SELECT newest.authorities, newest.pins, newest.server_sha256
        WHERE publish_trust.authorities = '' AND newest.version IS NOT NULL
        UNION ALL
        SELECT CASE WHEN keep_former THEN pganalytics.with_former(n.authorities, newest.authorities)
                    ELSE n.authorities END,
               CASE WHEN keep_former THEN pganalytics.with_former(n.pins, newest.pins)
                    ELSE n.pins END, publish_trust.server_sha256
        WHERE publish_trust.authorities <> '' OR newest.version IS NULL)
        AS a(authorities, pins, server_sha256)
    WHERE (newest.authorities, newest.authority_ids, newest.pins, newest.server_sha256)
          IS DISTINCT FROM
          (a.authorities, publish_trust.authority_ids, a.pins, a.server_sha256)
    RETURNING t.version
$$;
COMMENT ON FUNCTION pganalytics.publish_trust(text, text[], text, bytea, boolean) IS
    'records by what collectors verify this server; keep_former keeps what was published before; returns the new version, or NULL if nothing has changed';
GRANT EXECUTE ON FUNCTION pganalytics.publish_trust(text, text[], text, bytea, boolean)
    TO pganalytics_maintenance;

-- No revocation list names an authority that is no longer trusted, because such an authority
-- publishes no list. So the row of its certificate is marked as revoked.
CREATE FUNCTION pganalytics.retire_authorities(authority_ids text[]) RETURNS text
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH retired AS (
        UPDATE pganalytics.certificates AS c
        SET state = 'revoked', revoked_at = now(), revoked_by = current_user,
            revocation_reason = 'superseded'
        WHERE c.kind = 'authority' AND c.state = 'active' AND c.issuer <> ALL (authority_ids)
        RETURNING c.subject, c.issuer)
    SELECT string_agg(r.subject || ' (' || r.issuer || ')', ', ') FROM retired r
$$;
COMMENT ON FUNCTION pganalytics.retire_authorities(text[]) IS
    'marks recorded authorities that are no longer trusted as revoked, and returns their names';
GRANT EXECUTE ON FUNCTION pganalytics.retire_authorities(text[]) TO pganalytics_maintenance;

-- A revoked certificate stays in its authority's revocation lists until eight days after the
-- certificate expires. So at least one list that is issued after the expiry still has it (RFC 5280
-- section 3.3).
CREATE FUNCTION pganalytics.revocation_entries(authority_ids text[])
    RETURNS TABLE (issuer text, serial text, revoked_at timestamptz, reason integer)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.issuer, c.serial, c.revoked_at,
           array_position(ARRAY['unspecified', 'keyCompromise', 'cACompromise',
                                'affiliationChanged', 'superseded', 'cessationOfOperation', NULL,
                                NULL, NULL, 'privilegeWithdrawn', 'aACompromise'],
                          c.revocation_reason) - 1
    FROM pganalytics.certificates c
    WHERE c.state = 'revoked' AND c.kind <> 'authority' AND c.issuer = ANY (authority_ids)
      AND c.not_after > now() - interval '8 days'
    ORDER BY c.issuer, c.serial
$$;
COMMENT ON FUNCTION pganalytics.revocation_entries(text[]) IS
    'what the revocation lists of these authorities hold';
GRANT EXECUTE ON FUNCTION pganalytics.revocation_entries(text[]) TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.revocation_list_states(authority_ids text[])
    RETURNS TABLE (issuer text, content bytea, due boolean, next_number bigint)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.issuer, w.content,
           l.content_sha256 IS DISTINCT FROM w.content
               OR now() >= l.this_update + (l.next_update - l.this_update) * 2 / 3
               OR now() < l.this_update,
           coalesce((SELECT max(n.crl_number) FROM pganalytics.revocation_lists n), 0) + 1
    FROM (SELECT i.issuer, sha256(convert_to(coalesce(string_agg(
                     concat_ws(' ', e.serial, e.revoked_at, e.reason), ',' ORDER BY e.serial), ''),
                     'UTF8')) AS content
          FROM unnest(authority_ids) AS i(issuer)
          LEFT JOIN pganalytics.revocation_entries(authority_ids) e ON e.issuer = i.issuer
          GROUP BY i.issuer) AS w
    LEFT JOIN LATERAL (SELECT r.* FROM pganalytics.revocation_lists r WHERE r.issuer = w.issuer
                       ORDER BY r.crl_number DESC LIMIT 1) AS l ON true
$$;
COMMENT ON FUNCTION pganalytics.revocation_list_states(text[]) IS
    'whether the revocation lists of these authorities are due, and the number of the next ones';
GRANT EXECUTE ON FUNCTION pganalytics.revocation_list_states(text[]) TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.record_revocation_list(
    issuer text, crl_number bigint, this_update timestamptz, next_update timestamptz,
    entries integer, content bytea, der bytea)
    RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.revocation_lists (issuer, crl_number, this_update, next_update, entries,
        content_sha256, der)
    VALUES (record_revocation_list.issuer, record_revocation_list.crl_number,
            record_revocation_list.this_update, record_revocation_list.next_update,
            record_revocation_list.entries, record_revocation_list.content,
            record_revocation_list.der)
$$;
COMMENT ON FUNCTION pganalytics.record_revocation_list(
    text, bigint, timestamptz, timestamptz, integer, bytea, bytea) IS 'records a revocation list';
GRANT EXECUTE ON FUNCTION
    pganalytics.record_revocation_list(text, bigint, timestamptz, timestamptz, integer, bytea, bytea)
    TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.pending_authority_job()
    RETURNS TABLE (authority_job_id bigint, operation text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT j.authority_job_id, j.operation FROM pganalytics.authority_jobs j
    WHERE j.state = 'pending' ORDER BY j.authority_job_id LIMIT 1
$$;
COMMENT ON FUNCTION pganalytics.pending_authority_job() IS
    'the oldest pending job of administrators';
GRANT EXECUTE ON FUNCTION pganalytics.pending_authority_job() TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.decide_authority_job(job bigint, failure text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE pganalytics.authority_jobs AS j
    SET state = CASE WHEN failure IS NULL THEN 'done' ELSE 'failed' END, message = failure,
        decided_at = now()
    WHERE j.authority_job_id = job AND j.state = 'pending'
$$;
COMMENT ON FUNCTION pganalytics.decide_authority_job(bigint, text) IS
    'ends a job; failure says why it was not done';
GRANT EXECUTE ON FUNCTION pganalytics.decide_authority_job(bigint, text) TO pganalytics_maintenance;

-- signing_token_keys() returns the keys that need no successor yet. A key needs one when only a
-- tenth of its signing time is left, or one day if that is less.
CREATE FUNCTION pganalytics.signing_token_keys() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.kid FROM pganalytics.token_keys k
    WHERE k.revoked_at IS NULL
      AND k.signs_until > now() + least(interval '1 day', (k.signs_until - k.signs_from) / 10)
$$;
COMMENT ON FUNCTION pganalytics.signing_token_keys() IS 'keys for tokens that need no successor yet';
GRANT EXECUTE ON FUNCTION pganalytics.signing_token_keys() TO pganalytics_maintenance;

-- If another key still signs, the new key starts to sign only 10 s later, so that every gateway
-- knows the new key by then.
CREATE FUNCTION pganalytics.record_token_key(
    kid text, public_key bytea, signs_for interval, verifies_for interval)
    RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.token_keys (kid, public_key, signs_from, signs_until, verifies_until)
    SELECT record_token_key.kid, record_token_key.public_key, f.signs_from,
           f.signs_from + signs_for, f.signs_from + signs_for + verifies_for
    FROM (SELECT now() + CASE WHEN EXISTS (SELECT FROM pganalytics.token_keys k
                                           WHERE k.revoked_at IS NULL AND k.signs_until > now())
                              THEN interval '10 s' ELSE interval '0 s' END) AS f(signs_from)
$$;
COMMENT ON FUNCTION pganalytics.record_token_key(text, bytea, interval, interval) IS
    'records the public half of a key for tokens';
GRANT EXECUTE ON FUNCTION pganalytics.record_token_key(text, bytea, interval, interval)
    TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.ended_token_keys() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.kid FROM pganalytics.token_keys k
    WHERE k.revoked_at IS NOT NULL OR k.signs_until <= now()
$$;
COMMENT ON FUNCTION pganalytics.ended_token_keys() IS 'keys that no longer sign, whose files can be removed';
GRANT EXECUTE ON FUNCTION pganalytics.ended_token_keys() TO pganalytics_maintenance;

-- Certificates, jobs and published trust are kept for 400 days after their end, sessions of people
-- for 7 days, everything else for 30 days.
CREATE FUNCTION pganalytics.prune_identities() RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM pganalytics.certificates WHERE not_after < now() - interval '400 days';
    DELETE FROM pganalytics.certificate_requests WHERE decided_at < now() - interval '30 days';
    DELETE FROM pganalytics.enrollment_tokens WHERE expires_at < now() - interval '30 days';
    DELETE FROM pganalytics.registration_secrets WHERE expires_at < now() - interval '30 days';
    DELETE FROM pganalytics.api_sessions WHERE expires_at < now() - interval '7 days';
    DELETE FROM pganalytics.authority_jobs WHERE decided_at < now() - interval '400 days';
    DELETE FROM pganalytics.forget_jobs WHERE ended_at < now() - interval '400 days';
    DELETE FROM pganalytics.token_keys
    WHERE least(verifies_until, revoked_at) < now() - interval '30 days';
    -- Keep the newest list of each authority, however old it is.
    DELETE FROM pganalytics.revocation_lists l
    WHERE l.next_update < now() - interval '30 days'
      AND EXISTS (SELECT FROM pganalytics.revocation_lists n
                  WHERE n.issuer = l.issuer AND n.crl_number > l.crl_number);
    DELETE FROM pganalytics.trust t
    WHERE t.changed_at < now() - interval '400 days'
      AND t.version < (SELECT max(n.version) FROM pganalytics.trust n);
$$;
COMMENT ON FUNCTION pganalytics.prune_identities() IS
    'removes certificates, requests, tokens, sessions and lists that have long expired';
GRANT EXECUTE ON FUNCTION pganalytics.prune_identities() TO pganalytics_maintenance;
