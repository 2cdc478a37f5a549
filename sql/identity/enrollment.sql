-- These functions enrol collectors with certificates and register v3 collectors. Tokens and secrets
-- leave the server once, as results.

-- Functions for administrators are SECURITY INVOKER: pganalytics_admin may write the columns that
-- they write. Functions for ingest workers are SECURITY DEFINER, so that pganalytics_ingest can
-- write tokens and requests in no other way. They take only values as arguments, and only
-- pganalytics_ingest may call them.

CREATE FUNCTION pganalytics.check_validity(valid_for interval, longest interval) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF valid_for IS NULL OR valid_for <= interval '0' OR valid_for > longest THEN
        RAISE EXCEPTION 'valid_for must be more than 0 and at most %, not %', longest,
                        coalesce(valid_for::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN now() + valid_for;
END
$$;
COMMENT ON FUNCTION pganalytics.check_validity(interval, interval) IS
    'when something made now ends, or an error if that is out of range';
GRANT EXECUTE ON FUNCTION pganalytics.check_validity(interval, interval) TO pganalytics_admin;

CREATE FUNCTION pganalytics.server_url() RETURNS text
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_server_url';
COMMENT ON FUNCTION pganalytics.server_url() IS
    'where collectors reach this server: the first of pganalytics.server_names, else the host''s name, and the port';
GRANT EXECUTE ON FUNCTION pganalytics.server_url() TO pganalytics_admin;

CREATE FUNCTION pganalytics.people_url() RETURNS text
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_people_url';
COMMENT ON FUNCTION pganalytics.people_url() IS
    'as server_url(), with the port for people; NULL: there is none, pganalytics.api_port is 0';
GRANT EXECUTE ON FUNCTION pganalytics.people_url() TO pganalytics_admin, pganalytics_alerts;

CREATE FUNCTION pganalytics.create_enrollment_token(
    name text, valid_for interval DEFAULT '1 hour',
    OUT collector_id uuid, OUT token text, OUT expires_at timestamptz, OUT pin text, OUT command text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(name, E' \t\r\n'), '') = '' THEN
        RAISE EXCEPTION 'name of a collector must not be empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use the name of the host it runs on, for example.';
    END IF;
    expires_at := pganalytics.check_validity(valid_for, interval '30 days');
    INSERT INTO pganalytics.collectors AS c (name)
    VALUES (create_enrollment_token.name)
    ON CONFLICT ON CONSTRAINT collectors_name_key DO NOTHING;
    collector_id := pganalytics.collector_named(name);
    IF NOT (SELECT c.enabled FROM pganalytics.collectors c
            WHERE c.collector_id = create_enrollment_token.collector_id) THEN
        RAISE EXCEPTION 'collector "%" is disabled', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use pganalytics.set_collector_enabled() first.';
    END IF;
    token := pganalytics.new_token('pge');
    INSERT INTO pganalytics.enrollment_tokens (token_sha256, collector_id, expires_at)
    VALUES (sha256(convert_to(create_enrollment_token.token, 'UTF8')),
            create_enrollment_token.collector_id, create_enrollment_token.expires_at);
    SELECT t.pins[1] INTO create_enrollment_token.pin
    FROM pganalytics.trust t ORDER BY t.version DESC LIMIT 1;
    IF pin IS NULL THEN
        RAISE WARNING 'there is no pin: this server has no certificate yet'
            USING HINT = 'SELECT pganalytics.wait_until_running() says why; then make another token.';
    END IF;
    -- The command does not hold the token: every user of a host can see the arguments of its
    -- programs.
    command := 'pganalytics-collector enroll --server ' || pganalytics.server_url()
               || coalesce(' --pin ' || pin, '') || ' --token-file -';
END
$$;
COMMENT ON FUNCTION pganalytics.create_enrollment_token(text, interval) IS
    'a token with which a collector, new or known, asks once for a certificate; shown this one time. Run the command on its host and give it the token';
GRANT EXECUTE ON FUNCTION pganalytics.create_enrollment_token(text, interval) TO pganalytics_admin;

CREATE FUNCTION pganalytics.revoke_enrollment_token(name text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    revoked integer;
BEGIN
    UPDATE pganalytics.enrollment_tokens t SET revoked_at = now()
    WHERE t.collector_id = pganalytics.collector_named(revoke_enrollment_token.name)
      AND t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now();
    GET DIAGNOSTICS revoked = ROW_COUNT;
    IF revoked = 0 THEN
        RAISE EXCEPTION 'collector "%" has no open enrollment token', name
            USING ERRCODE = 'undefined_object',
                  HINT = 'Those that were made are in pganalytics.enrollments. A certificate that was issued is revoked by pganalytics.revoke_certificate().';
    END IF;
    RETURN revoked;
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_enrollment_token(text) IS
    'revokes the unused enrolment tokens of a collector and returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_enrollment_token(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.create_registration_secret(
    name text, uses integer DEFAULT 1, valid_for interval DEFAULT '1 hour',
    OUT secret text, OUT expires_at timestamptz)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(name, E' \t\r\n'), '') = '' THEN
        RAISE EXCEPTION 'name of a registration secret must not be empty'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF uses IS NULL OR uses NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'uses must be between 1 and 100000, not %', coalesce(uses::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    expires_at := pganalytics.check_validity(valid_for, interval '365 days');
    secret := pganalytics.new_token('pgr');
    INSERT INTO pganalytics.registration_secrets (name, secret_sha256, expires_at, uses_left)
    VALUES (create_registration_secret.name,
            sha256(convert_to(create_registration_secret.secret, 'UTF8')),
            create_registration_secret.expires_at, create_registration_secret.uses)
    ON CONFLICT ON CONSTRAINT registration_secrets_name_key DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'registration secret "%" already exists', name
            USING ERRCODE = 'unique_violation',
                  HINT = 'A secret cannot be shown again: make one of another name.';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.create_registration_secret(text, integer, interval) IS
    'a secret with which v3 collectors register, so many times; shown this one time';
GRANT EXECUTE ON FUNCTION pganalytics.create_registration_secret(text, integer, interval)
    TO pganalytics_admin;

CREATE FUNCTION pganalytics.revoke_registration_secret(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.registration_secrets s SET revoked_at = now()
    WHERE s.name = revoke_registration_secret.name AND s.revoked_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no registration secret % to revoke',
                        coalesce('"' || name || '"', 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'Those that were made are in pganalytics.registrations.';
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_registration_secret(text) IS
    'revokes a registration secret from the commit on; collectors that have registered with it stay';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_registration_secret(text) TO pganalytics_admin;

-- A collector that registers states its own name. If no permission were needed for a name that
-- exists, anybody with the secret could take the place of any collector.
CREATE FUNCTION pganalytics.allow_registration(name text, valid_for interval DEFAULT '1 hour')
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ends timestamptz := pganalytics.check_validity(valid_for, interval '30 days');
BEGIN
    UPDATE pganalytics.collectors c SET registration_until = ends
    WHERE c.collector_id = pganalytics.collector_named(allow_registration.name);
    RETURN ends;
END
$$;
COMMENT ON FUNCTION pganalytics.allow_registration(text, interval) IS
    'lets a v3 collector that has lost its files register once more under its name; it keeps its id, and its old tokens end then';
GRANT EXECUTE ON FUNCTION pganalytics.allow_registration(text, interval) TO pganalytics_admin;

CREATE VIEW pganalytics.enrollments AS
    SELECT c.name, t.collector_id, t.created_at, t.created_by, t.expires_at, t.used_at, t.used_from,
           CASE WHEN t.used_at IS NOT NULL THEN 'used'
                WHEN t.revoked_at IS NOT NULL THEN 'revoked'
                WHEN t.expires_at <= now() THEN 'expired'
                ELSE 'open' END AS state,
           r.state AS certificate_request, r.message
    FROM pganalytics.enrollment_tokens t
    JOIN pganalytics.collectors c USING (collector_id)
    LEFT JOIN pganalytics.certificate_requests r USING (certificate_request_id);
COMMENT ON VIEW pganalytics.enrollments IS
    'enrolment tokens and their outcome';
GRANT SELECT ON pganalytics.enrollments TO pganalytics_admin;

CREATE VIEW pganalytics.registrations AS
    SELECT s.name, s.created_at, s.created_by, s.expires_at, s.uses_left,
           CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked'
                WHEN s.expires_at <= now() THEN 'expired'
                WHEN s.uses_left = 0 THEN 'used'
                ELSE 'open' END AS state
    FROM pganalytics.registration_secrets s;
COMMENT ON VIEW pganalytics.registrations IS 'registration secrets that were made';
GRANT SELECT ON pganalytics.registrations TO pganalytics_admin;

CREATE VIEW pganalytics.collector_credentials AS
    SELECT c.name, c.collector_id, c.enabled, c.token_sha256 IS NOT NULL AS has_token,
           nullif(c.tokens_valid_from, '-infinity') AS tokens_valid_from, c.registration_until,
           t.certificates, t.certificate_expires_at
    FROM pganalytics.collectors c
    LEFT JOIN LATERAL (
        SELECT count(*)::integer AS certificates, max(t.not_after) AS certificate_expires_at
        FROM pganalytics.certificates t
        WHERE t.collector_id = c.collector_id AND t.state = 'active' AND t.not_after > now()
    ) AS t ON true;
COMMENT ON VIEW pganalytics.collector_credentials IS 'the credentials that each collector has now';
COMMENT ON COLUMN pganalytics.collector_credentials.has_token IS
    'it has a long-lived token; rotate_token() replaces it, revoke_tokens() revokes it';
COMMENT ON COLUMN pganalytics.collector_credentials.certificates IS
    'its certificates that are valid now; two while one is being replaced';
GRANT SELECT ON pganalytics.collector_credentials
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- The functions below are for the ingest workers. status is an HTTP status; 202 means that the
-- request waits for its certificate. refusal is the kind of refusal for the audit log, one of the
-- names in src/protocol/refusals.hpp. message is only for people.

-- enroll_collector() lets only one caller use a token: a second UPDATE waits for the commit of the
-- first, and then finds the token used. The SELECT before it refuses wrong tokens without an
-- UPDATE: after any UPDATE, even of no row, a statement trigger makes every worker and gateway
-- reload identities, and a stranger must not cause that.
CREATE FUNCTION pganalytics.enroll_collector(
    token_sha256 bytea, csr bytea, address text,
    OUT status integer, OUT message text, OUT certificate_request_id uuid, OUT collector_id uuid,
    OUT refusal text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one record;
BEGIN
    FOR try IN 1..2 LOOP
        SELECT t.used_at, t.revoked_at, t.expires_at, t.collector_id, r.certificate_request_id,
               r.csr = enroll_collector.csr AS same, coalesce(c.enabled, false) AS enabled
        INTO one
        FROM pganalytics.enrollment_tokens t
        LEFT JOIN pganalytics.collectors c USING (collector_id)
        LEFT JOIN pganalytics.certificate_requests r USING (certificate_request_id)
        WHERE t.token_sha256 = enroll_collector.token_sha256;
        status := 403;
        IF NOT FOUND THEN
            message := 'enrollment token is not known';
            refusal := 'secret_unknown';
            RETURN;
        ELSIF one.revoked_at IS NOT NULL THEN
            message := 'enrollment token was revoked';
            refusal := 'secret_revoked';
            RETURN;
        ELSIF one.expires_at <= now() THEN
            message := 'enrollment token has expired';
            refusal := 'secret_expired';
            RETURN;
        ELSIF NOT one.enabled THEN
            message := 'collector is disabled';
            refusal := 'collector_disabled';
            RETURN;
        ELSIF one.same THEN
            -- This request has already used the token; its answer was lost, or its certificate is
            -- not issued yet.
            status := 202;
            collector_id := one.collector_id;
            certificate_request_id := one.certificate_request_id;
            RETURN;
        ELSIF one.used_at IS NOT NULL THEN
            message := 'enrollment token was used before';
            refusal := 'secret_used';
            RETURN;
        END IF;

        UPDATE pganalytics.enrollment_tokens t
        SET used_at = now(), used_from = address, certificate_request_id = gen_random_uuid()
        WHERE t.token_sha256 = enroll_collector.token_sha256 AND t.used_at IS NULL
          AND t.revoked_at IS NULL AND t.expires_at > now()
        RETURNING t.collector_id, t.certificate_request_id
        INTO enroll_collector.collector_id, enroll_collector.certificate_request_id;
        IF FOUND THEN
            INSERT INTO pganalytics.certificate_requests
                   (certificate_request_id, collector_id, csr, origin, address)
            VALUES (enroll_collector.certificate_request_id, enroll_collector.collector_id,
                    enroll_collector.csr, 'token', enroll_collector.address);
            status := 202;
            RETURN;
        END IF;
        -- Another transaction has used or changed the token since the SELECT: read the token again.
    END LOOP;
    status := 503;
    message := 'enrollment token is being changed';
END
$$;
COMMENT ON FUNCTION pganalytics.enroll_collector(bytea, bytea, text) IS
    'uses an enrolment token for a certificate request; for the ingest workers';
GRANT EXECUTE ON FUNCTION pganalytics.enroll_collector(bytea, bytea, text) TO pganalytics_ingest;

-- If a collector sends the same CSR again within an hour, it gets the same request. It may add at
-- most 20 requests an hour, so it cannot fill the table.
CREATE FUNCTION pganalytics.renew_certificate(
    collector_id uuid, csr bytea, address text,
    OUT status integer, OUT message text, OUT certificate_request_id uuid, OUT refusal text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    status := 202;
    SELECT r.certificate_request_id INTO renew_certificate.certificate_request_id
    FROM pganalytics.certificate_requests r
    WHERE r.collector_id = renew_certificate.collector_id AND r.csr = renew_certificate.csr
      AND r.state <> 'refused' AND r.requested_at BETWEEN now() - interval '1 hour' AND now()
    ORDER BY r.requested_at DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM pganalytics.certificate_requests r
        WHERE r.collector_id = renew_certificate.collector_id
          AND r.requested_at BETWEEN now() - interval '1 hour' AND now()) >= 20 THEN
        status := 429;
        message := 'this collector has asked for 20 certificates within an hour';
        refusal := 'too_many_renewals';
        RETURN;
    END IF;
    INSERT INTO pganalytics.certificate_requests AS r (collector_id, csr, origin, address)
    VALUES (renew_certificate.collector_id, renew_certificate.csr, 'renewal',
            renew_certificate.address)
    RETURNING r.certificate_request_id INTO renew_certificate.certificate_request_id;
END
$$;
COMMENT ON FUNCTION pganalytics.renew_certificate(uuid, bytea, text) IS
    'requests another certificate for a collector that has shown one; for the ingest workers';
GRANT EXECUTE ON FUNCTION pganalytics.renew_certificate(uuid, bytea, text) TO pganalytics_ingest;

-- Registrations with the same secret wait for each other (FOR UPDATE), so that a secret is not used
-- more often than it allows.
CREATE FUNCTION pganalytics.register_collector(
    secret_sha256 bytea, name text, csr bytea, address text,
    OUT status integer, OUT message text, OUT certificate_request_id uuid, OUT collector_id uuid,
    OUT token text, OUT refusal text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    one record;
    fresh text := pganalytics.new_token();
    taken text := 'a collector of this name exists; an administrator can let it register again with pganalytics.allow_registration()';
BEGIN
    SELECT s.registration_secret_id, s.revoked_at, s.expires_at, s.uses_left INTO one
    FROM pganalytics.registration_secrets s
    WHERE s.secret_sha256 = register_collector.secret_sha256 FOR UPDATE;
    status := 403;
    IF NOT FOUND THEN
        message := 'registration secret is not known';
        refusal := 'secret_unknown';
    ELSIF one.revoked_at IS NOT NULL THEN
        message := 'registration secret was revoked';
        refusal := 'secret_revoked';
    ELSIF one.expires_at <= now() THEN
        message := 'registration secret has expired';
        refusal := 'secret_expired';
    ELSIF one.uses_left = 0 THEN
        message := 'registration secret was used as often as it may be';
        refusal := 'secret_used';
    END IF;
    IF message IS NOT NULL THEN
        RETURN;
    END IF;
    IF coalesce(btrim(name, E' \t\r\n'), '') = '' OR name ~ '[[:cntrl:]]' OR octet_length(name) > 253 THEN
        status := 422;
        message := 'name of a collector has 1 to 253 bytes and no control characters';
        RETURN;
    END IF;
    -- Check the name before anything is written: any write, even of no row, makes every worker and
    -- gateway reload identities.
    IF EXISTS (SELECT FROM pganalytics.collectors c
               WHERE c.name = register_collector.name
                 AND (c.enabled AND c.registration_until > now()) IS NOT TRUE) THEN
        status := 409;
        message := taken;
        refusal := 'name_taken';
        RETURN;
    END IF;
    INSERT INTO pganalytics.collectors AS c (name, token_sha256)
    VALUES (register_collector.name, sha256(convert_to(fresh, 'UTF8')))
    ON CONFLICT ON CONSTRAINT collectors_name_key DO NOTHING
    RETURNING c.collector_id INTO register_collector.collector_id;
    IF NOT FOUND THEN
        UPDATE pganalytics.collectors c
        SET token_sha256 = sha256(convert_to(fresh, 'UTF8')), registration_until = NULL,
            tokens_valid_from = pganalytics.token_cutoff()
        WHERE c.name = register_collector.name AND c.enabled AND c.registration_until > now()
        RETURNING c.collector_id INTO register_collector.collector_id;
        IF NOT FOUND THEN
            status := 409;
            message := taken;
            refusal := 'name_taken';
            RETURN;
        END IF;
    END IF;
    UPDATE pganalytics.registration_secrets s SET uses_left = s.uses_left - 1
    WHERE s.registration_secret_id = one.registration_secret_id;
    token := fresh;
    status := 200;
    IF csr IS NOT NULL THEN
        INSERT INTO pganalytics.certificate_requests AS r (collector_id, csr, origin, address)
        VALUES (register_collector.collector_id, register_collector.csr, 'registration',
                register_collector.address)
        RETURNING r.certificate_request_id INTO register_collector.certificate_request_id;
        status := 202;
    END IF;
END
$$;
COMMENT ON FUNCTION pganalytics.register_collector(bytea, text, bytea, text) IS
    'creates a collector that registers with a secret, with a long-lived token; for the ingest workers';
GRANT EXECUTE ON FUNCTION pganalytics.register_collector(bytea, text, bytea, text) TO pganalytics_ingest;

-- reopen_registration() undoes a registration. If a certificate is required and a v3 collector gets
-- none, it registers again with the same secret and name, so its first registration must not count.
CREATE FUNCTION pganalytics.reopen_registration(collector_id uuid, secret_sha256 bytea) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE pganalytics.collectors c
    SET token_sha256 = NULL, registration_until = now() + interval '1 hour'
    WHERE c.collector_id = reopen_registration.collector_id;
    UPDATE pganalytics.registration_secrets s SET uses_left = s.uses_left + 1
    WHERE s.secret_sha256 = reopen_registration.secret_sha256;
$$;
COMMENT ON FUNCTION pganalytics.reopen_registration(uuid, bytea) IS
    'undoes a registration that could not be answered; for the ingest workers';
GRANT EXECUTE ON FUNCTION pganalytics.reopen_registration(uuid, bytea) TO pganalytics_ingest;
