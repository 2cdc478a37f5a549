-- The certificate authority: what it has published, what administrators can request from it, and
-- when certificates and keys expire. Only the maintenance worker's program uses private keys. So a
-- function whose work needs a private key only inserts a row. The worker does the work after the
-- commit.

CREATE TABLE pganalytics.trust (
    version bigint PRIMARY KEY CHECK (version > 0),
    authorities text[] NOT NULL,
    authority_ids text[] NOT NULL,
    pins text[] NOT NULL,
    server_sha256 bytea CHECK (pg_catalog.length(server_sha256) = 32),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE pganalytics.trust IS
    'by what collectors verify this server, and which authorities it trusts; the newest version counts';
COMMENT ON COLUMN pganalytics.trust.authorities IS
    'certificates in PEM that verify the server: those of the authorities, or the chain of a given server certificate';
COMMENT ON COLUMN pganalytics.trust.authority_ids IS
    'key identifiers of the authorities whose keys are here, lower-case hex, first the one that issues';
COMMENT ON COLUMN pganalytics.trust.pins IS
    'of the server''s key, and of the one that comes after it if it is made here: sha256/BASE64';
COMMENT ON COLUMN pganalytics.trust.server_sha256 IS 'of the server certificate, in DER';
GRANT SELECT (version, authorities, authority_ids, pins) ON pganalytics.trust TO pganalytics_ingest;
GRANT SELECT ON pganalytics.trust TO pganalytics_admin;
GRANT SELECT, DELETE, INSERT (version, authorities, authority_ids, pins, server_sha256) ON pganalytics.trust
    TO pganalytics_maintenance;

CREATE TABLE pganalytics.authority_jobs (
    authority_job_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    operation text NOT NULL CHECK (operation IN (
        'rotate_server_certificate', 'rotate_ca', 'finish_ca_rotation', 'rotate_token_key')),
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    requested_by name NOT NULL DEFAULT current_user,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    message text,
    decided_at timestamptz
);
CREATE INDEX authority_jobs_pending_idx ON pganalytics.authority_jobs (authority_job_id)
    WHERE state = 'pending';
COMMENT ON TABLE pganalytics.authority_jobs IS
    'jobs that administrators have requested of the certificate authority, and their outcome';
GRANT SELECT, INSERT (operation) ON pganalytics.authority_jobs TO pganalytics_admin;
GRANT DELETE,
      SELECT (authority_job_id, operation, state, decided_at),
      UPDATE (state, message, decided_at)
    ON pganalytics.authority_jobs TO pganalytics_maintenance;

CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pganalytics.trust
    FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.identity_changed();
CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON pganalytics.authority_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.identity_changed();

-- A revocation cannot be undone: clients that have read the revocation list would still refuse the
-- certificate. In RFC 5280 only a certificateHold can be undone, and that is not supported.
CREATE FUNCTION pganalytics.keep_revocation() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'revoked' AND (NEW.state, NEW.revoked_at, NEW.serial, NEW.issuer, NEW.sha256)
            IS DISTINCT FROM (OLD.state, OLD.revoked_at, OLD.serial, OLD.issuer, OLD.sha256) THEN
        RAISE EXCEPTION 'certificate % is revoked and stays revoked', OLD.serial
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Issue another one.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION pganalytics.keep_revocation() IS 'refuses to take a revocation back';
CREATE TRIGGER keep_revocation BEFORE UPDATE ON pganalytics.certificates
    FOR EACH ROW EXECUTE FUNCTION pganalytics.keep_revocation();

CREATE FUNCTION pganalytics.trust_document() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT json_build_object('version', t.version, 'authorities', t.authorities, 'pins', t.pins)::text
    FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION pganalytics.trust_document() IS
    'by what collectors verify this server: the document of GET /api/v1/pki/trust; NULL before there is one';
GRANT EXECUTE ON FUNCTION pganalytics.trust_document() TO pganalytics_admin, pganalytics_ingest;

CREATE FUNCTION pganalytics.ca_certificate_file() RETURNS text
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_ca_certificate_file';
COMMENT ON FUNCTION pganalytics.ca_certificate_file() IS
    'path of the certificates that verify the server, relative to the data directory or absolute';

-- The path comes only from postgresql.conf, never from the caller. Many programs want the private
-- key in the same file as the certificates, so only the certificates are returned.
CREATE FUNCTION pganalytics.ca_certificate() RETURNS text
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(c.pem[1], E'\n' ORDER BY c.n)
    FROM regexp_matches(pg_read_file(pganalytics.ca_certificate_file()),
                        '-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----', 'g')
         WITH ORDINALITY AS c(pem, n)
$$;
COMMENT ON FUNCTION pganalytics.ca_certificate() IS
    'the certificates in PEM that verify the server, for the ca_file of collectors';
GRANT EXECUTE ON FUNCTION pganalytics.ca_certificate() TO pganalytics_admin;

CREATE FUNCTION pganalytics.revoke_certificate(
    serial text, reason text DEFAULT 'unspecified', issuer text DEFAULT NULL)
    RETURNS TABLE (kind text, subject text, not_after timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Accept the serial as other programs write it: with 0x, colons, capitals or leading zeros.
    wanted text := coalesce(nullif(ltrim(regexp_replace(
        lower(replace(revoke_certificate.serial, ':', '')), '^0x', ''), '0'), ''), '0');
    reasons text[] := ARRAY['unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged',
                            'superseded', 'cessationOfOperation', 'privilegeWithdrawn',
                            'aACompromise'];
    one pganalytics.certificates;
    others bigint;
BEGIN
    IF reason IS NULL OR reason <> ALL (reasons) THEN
        RAISE EXCEPTION '% is not a reason for a revocation', coalesce('"' || reason || '"', 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Reasons are: ' || array_to_string(reasons, ', ') || '.';
    END IF;
    SELECT count(*) INTO others FROM pganalytics.certificates c
    WHERE c.serial = wanted
      AND (revoke_certificate.issuer IS NULL OR c.issuer = revoke_certificate.issuer);
    IF others > 1 THEN
        RAISE EXCEPTION '% certificates have serial number %', others, wanted
            USING ERRCODE = 'ambiguous_parameter',
                  HINT = 'Name the issuer too: the column issuer of pganalytics.certificates.';
    END IF;
    SELECT c.* INTO one FROM pganalytics.certificates c
    WHERE c.serial = wanted
      AND (revoke_certificate.issuer IS NULL OR c.issuer = revoke_certificate.issuer)
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'certificate with serial number % does not exist',
                        coalesce('"' || revoke_certificate.serial || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Serial numbers are in pganalytics.certificates.';
    END IF;
    IF one.kind = 'authority' THEN
        RAISE EXCEPTION 'certificate of an authority cannot be revoked by itself'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Replace it: pganalytics.rotate_ca(), then pganalytics.finish_ca_rotation(true).';
    END IF;
    IF one.state = 'revoked' THEN
        RAISE EXCEPTION 'certificate % was revoked at % (%)', wanted, one.revoked_at,
                        one.revocation_reason
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE pganalytics.certificates AS c
    SET state = 'revoked', revoked_at = now(), revoked_by = current_user, revocation_reason = reason
    WHERE c.certificate_id = one.certificate_id;
    -- If gateways use this certificate, they would go on using it: request a new one.
    IF one.sha256 = (SELECT t.server_sha256 FROM pganalytics.trust t
                       ORDER BY t.version DESC LIMIT 1) THEN
        PERFORM pganalytics.rotate_server_certificate();
    END IF;
    RETURN QUERY SELECT one.kind, one.subject, one.not_after;
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_certificate(text, text, text) IS
    'revokes a certificate: from the commit on it is refused, on open connections too; reasons as in RFC 5280';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_certificate(text, text, text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.issue_certificate(name text, csr text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    body text := substring(csr FROM '^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$');
    request uuid;
BEGIN
    IF body IS NULL OR length(csr) > 16384 THEN
        RAISE EXCEPTION 'csr is not one certificate request in PEM'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It begins with -----BEGIN CERTIFICATE REQUEST-----, as "openssl req -new" writes it.';
    END IF;
    INSERT INTO pganalytics.certificate_requests AS r (collector_id, csr, origin)
    VALUES (pganalytics.collector_named(issue_certificate.name),
            decode(regexp_replace(body, '\s', '', 'g'), 'base64'), 'sql')
    RETURNING r.certificate_request_id INTO request;
    RETURN request;
END
$$;
COMMENT ON FUNCTION pganalytics.issue_certificate(text, text) IS
    'requests a certificate for a collector; after the commit pganalytics.issued_certificate() returns it';
GRANT EXECUTE ON FUNCTION pganalytics.issue_certificate(text, text) TO pganalytics_admin;

-- Each iteration of the loop sees what was committed meanwhile, because the function is VOLATILE.
CREATE FUNCTION pganalytics.issued_certificate(request uuid, timeout interval DEFAULT '10 s')
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Count the timeout in sleeps of 20 ms, because the clock may be set meanwhile. The limit is for
    -- the infinite intervals of PostgreSQL 17, which no bigint holds.
    turns_left bigint := ceil(least(greatest(EXTRACT(epoch FROM coalesce(timeout, '0 s')) / 0.02, 0), 1e9));
    one pganalytics.certificate_requests;
BEGIN
    LOOP
        SELECT r.* INTO one FROM pganalytics.certificate_requests r
        WHERE r.certificate_request_id = request;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'certificate request % does not exist', coalesce(request::text, 'NULL')
                USING ERRCODE = 'undefined_object',
                      HINT = 'They are in pganalytics.certificate_requests.';
        END IF;
        IF one.state = 'issued' THEN
            RETURN (SELECT c.pem FROM pganalytics.certificates c
                    WHERE c.certificate_id = one.certificate_id);
        ELSIF one.state = 'refused' THEN
            RAISE EXCEPTION 'certificate was not issued: %', one.message
                USING ERRCODE = 'invalid_parameter_value';
        ELSIF turns_left <= 0 THEN
            RAISE EXCEPTION 'certificate request % is not decided yet', request
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'The row of kind maintenance in pganalytics.workers says what it waits for.';
        END IF;
        PERFORM pg_sleep(0.02);
        turns_left := turns_left - 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION pganalytics.issued_certificate(uuid, interval) IS
    'the certificate in PEM that issue_certificate() has requested; waits for it up to the given time';
GRANT EXECUTE ON FUNCTION pganalytics.issued_certificate(uuid, interval) TO pganalytics_admin;

CREATE FUNCTION pganalytics.rotate_server_certificate() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.authority_jobs (operation) VALUES ('rotate_server_certificate')
    RETURNING authority_job_id
$$;
COMMENT ON FUNCTION pganalytics.rotate_server_certificate() IS
    'requests a server certificate with the next key, whose pin collectors know already; returns the job';
GRANT EXECUTE ON FUNCTION pganalytics.rotate_server_certificate() TO pganalytics_admin;

CREATE FUNCTION pganalytics.rotate_ca() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    IF coalesce(current_setting('pganalytics.ca_key_file', true), '') <> '' THEN
        RAISE EXCEPTION 'certificate authority was given by pganalytics.ca_key_file'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Put the new authority first into the file of pganalytics.ssl_ca_file and reload.';
    END IF;
    IF (SELECT cardinality(t.authority_ids) > 1 FROM pganalytics.trust t
        ORDER BY t.version DESC LIMIT 1) THEN
        RAISE EXCEPTION 'rotation of the certificate authority has begun already'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'End it with pganalytics.finish_ca_rotation().';
    END IF;
    INSERT INTO pganalytics.authority_jobs AS j (operation) VALUES ('rotate_ca')
    RETURNING j.authority_job_id INTO job;
    RETURN job;
END
$$;
COMMENT ON FUNCTION pganalytics.rotate_ca() IS
    'requests another authority, which issues the certificates of collectors from then on; both are trusted';
GRANT EXECUTE ON FUNCTION pganalytics.rotate_ca() TO pganalytics_admin;

CREATE FUNCTION pganalytics.finish_ca_rotation(force boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    issuing text;
    trusted integer;
    waiting bigint;
    example text;
    job bigint;
BEGIN
    SELECT t.authority_ids[1], cardinality(t.authority_ids) INTO issuing, trusted
    FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1;
    IF coalesce(trusted, 0) < 2 THEN
        SELECT max(j.authority_job_id) INTO job FROM pganalytics.authority_jobs j
        WHERE j.operation = 'rotate_ca' AND j.state = 'pending';
        IF job IS NOT NULL THEN
            RAISE EXCEPTION 'rotation of the certificate authority was requested and has not begun yet'
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = format('Wait until job %s in pganalytics.authority_jobs is done.', job);
        END IF;
        RAISE EXCEPTION 'no rotation of the certificate authority has begun'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Begin it with pganalytics.rotate_ca().';
    END IF;
    SELECT count(*), min(l.name) INTO waiting, example
    FROM pganalytics.collectors l
    WHERE l.enabled
      AND EXISTS (SELECT FROM pganalytics.certificates c
                  WHERE c.collector_id = l.collector_id AND c.state = 'active'
                    AND c.not_after > now())
      AND NOT EXISTS (SELECT FROM pganalytics.certificates c
                      WHERE c.collector_id = l.collector_id AND c.state = 'active'
                        AND c.not_after > now() AND c.issuer = issuing);
    IF waiting > 0 AND force IS NOT TRUE THEN
        RAISE EXCEPTION '%', CASE WHEN waiting = 1
            THEN format('collector "%s" has no certificate of the new authority yet', example)
            ELSE format('%s collectors have no certificate of the new authority yet, "%s" among them',
                        waiting, example) END
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A collector gets one when it renews. finish_ca_rotation(true) does not wait for it.';
    END IF;
    INSERT INTO pganalytics.authority_jobs AS j (operation) VALUES ('finish_ca_rotation')
    RETURNING j.authority_job_id INTO job;
    RETURN job;
END
$$;
COMMENT ON FUNCTION pganalytics.finish_ca_rotation(boolean) IS
    'requests to end the trust in the former authority; an error while collectors depend on it, unless forced';
GRANT EXECUTE ON FUNCTION pganalytics.finish_ca_rotation(boolean) TO pganalytics_admin;

CREATE FUNCTION pganalytics.rotate_token_key() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO pganalytics.authority_jobs (operation) VALUES ('rotate_token_key')
    RETURNING authority_job_id
$$;
COMMENT ON FUNCTION pganalytics.rotate_token_key() IS
    'requests another key to sign tokens with; tokens of the former key stay valid';
GRANT EXECUTE ON FUNCTION pganalytics.rotate_token_key() TO pganalytics_admin;

CREATE FUNCTION pganalytics.revoke_token_key(kid text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was timestamptz;
BEGIN
    SELECT k.revoked_at INTO was FROM pganalytics.token_keys k
    WHERE k.kid = revoke_token_key.kid FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'token key % does not exist', coalesce('"' || kid || '"', 'NULL')
            USING ERRCODE = 'undefined_object', HINT = 'They are in pganalytics.token_keys.';
    END IF;
    IF was IS NOT NULL THEN
        RAISE EXCEPTION 'token key "%" was revoked at %', kid, was
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE pganalytics.token_keys AS k SET revoked_at = now() WHERE k.kid = revoke_token_key.kid;
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_token_key(text) IS
    'refuses every token that the key has signed, as soon as gateways know, after the commit; another key is made if this one signs';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_token_key(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.certificate_revocation_list() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(E'-----BEGIN X509 CRL-----\n' ||
                      regexp_replace(replace(encode(l.der, 'base64'), E'\n', ''), '(.{1,64})',
                                     E'\\1\n', 'g') ||
                      '-----END X509 CRL-----', E'\n' ORDER BY a.n)
    FROM (SELECT * FROM pganalytics.trust ORDER BY version DESC LIMIT 1) AS t
    CROSS JOIN LATERAL unnest(t.authority_ids) WITH ORDINALITY AS a(issuer, n)
    CROSS JOIN LATERAL (SELECT r.der FROM pganalytics.revocation_lists r
                        WHERE r.issuer = a.issuer ORDER BY r.crl_number DESC LIMIT 1) AS l
$$;
COMMENT ON FUNCTION pganalytics.certificate_revocation_list() IS
    'the newest revocation lists in PEM, of every authority that is trusted';
GRANT EXECUTE ON FUNCTION pganalytics.certificate_revocation_list() TO pganalytics_admin;

CREATE VIEW pganalytics.certificate_expiry AS
    WITH trusted AS (SELECT * FROM pganalytics.trust ORDER BY version DESC LIMIT 1),
    ends AS (
        SELECT c.kind, coalesce(l.name, c.subject) AS name, c.serial, c.not_before AS since,
               c.not_after AS expires_at
        FROM pganalytics.certificates c
        LEFT JOIN pganalytics.collectors l ON l.collector_id = c.collector_id
        WHERE c.state = 'active' AND CASE c.kind
            WHEN 'authority' THEN c.issuer = ANY (ARRAY(SELECT unnest(t.authority_ids) FROM trusted t))
            WHEN 'server' THEN c.sha256 = (SELECT t.server_sha256 FROM trusted t)
            -- A collector uses its newest certificate, so leave out its older ones: they may
            -- expire.
            ELSE l.enabled AND NOT EXISTS (
                SELECT FROM pganalytics.certificates n
                WHERE n.collector_id = c.collector_id AND n.state = 'active'
                  AND n.not_after > c.not_after)
            END
        UNION ALL
        SELECT 'token key', k.kid, NULL, k.signs_from, k.signs_until
        FROM pganalytics.token_keys k
        WHERE k.revoked_at IS NULL AND k.signs_until > now()
        UNION ALL
        SELECT 'revocation list', 'number ' || r.crl_number, NULL, r.this_update, r.next_update
        FROM pganalytics.revocation_lists r
        WHERE r.issuer = ANY (ARRAY(SELECT unnest(t.authority_ids) FROM trusted t))
          AND NOT EXISTS (SELECT FROM pganalytics.revocation_lists n
                          WHERE n.issuer = r.issuer AND n.crl_number > r.crl_number))
    SELECT e.kind, e.name, e.serial, e.expires_at,
           e.since + (e.expires_at - e.since) * 2 / 3 AS renew_at,
           pg_catalog.floor(EXTRACT(epoch FROM e.expires_at - pg_catalog.now()) / 86400)::integer
               AS days_left
    FROM ends e;
COMMENT ON VIEW pganalytics.certificate_expiry IS
    'what expires when: authorities, the server''s and collectors'' certificates, token keys, revocation lists';
COMMENT ON COLUMN pganalytics.certificate_expiry.renew_at IS
    'when it is replaced by itself: after two thirds of its life';
COMMENT ON COLUMN pganalytics.certificate_expiry.days_left IS 'whole days; negative when it has expired';
GRANT SELECT ON pganalytics.certificate_expiry TO pganalytics_admin;
