-- Certificates, tokens and keys. No secret is stored: only the SHA-256 of a token and the public
-- half of a key. There are no foreign keys, for the reason in sql/identity/collectors.sql.

CREATE TABLE pganalytics.enrollment_tokens (
    enrollment_token_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    token_sha256 bytea NOT NULL UNIQUE CHECK (pg_catalog.length(token_sha256) = 32),
    collector_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL DEFAULT current_user,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_from text,
    certificate_request_id uuid,
    revoked_at timestamptz
);
COMMENT ON TABLE pganalytics.enrollment_tokens IS
    'one-time tokens with which a collector asks for its first certificate; only their SHA-256 is kept';
COMMENT ON COLUMN pganalytics.enrollment_tokens.certificate_request_id IS
    'the request it was used for; the same request gets the same answer again, in case the answer was lost';
GRANT SELECT (enrollment_token_id, collector_id, created_at, created_by, expires_at, used_at, used_from,
              certificate_request_id, revoked_at),
      INSERT (token_sha256, collector_id, expires_at),
      UPDATE (revoked_at)
    ON pganalytics.enrollment_tokens TO pganalytics_admin;
GRANT DELETE, SELECT (expires_at) ON pganalytics.enrollment_tokens TO pganalytics_maintenance;

CREATE TABLE pganalytics.registration_secrets (
    registration_secret_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    secret_sha256 bytea NOT NULL UNIQUE CHECK (pg_catalog.length(secret_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL DEFAULT current_user,
    expires_at timestamptz NOT NULL,
    uses_left integer NOT NULL CHECK (uses_left >= 0),
    revoked_at timestamptz
);
COMMENT ON TABLE pganalytics.registration_secrets IS
    'secrets with which v3 collectors register; without a secret nobody can';
GRANT SELECT (registration_secret_id, name, created_at, created_by, expires_at, uses_left, revoked_at),
      INSERT (name, secret_sha256, expires_at, uses_left),
      UPDATE (revoked_at)
    ON pganalytics.registration_secrets TO pganalytics_admin;
GRANT DELETE, SELECT (expires_at) ON pganalytics.registration_secrets TO pganalytics_maintenance;

CREATE TABLE pganalytics.certificates (
    certificate_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    serial text NOT NULL CHECK (serial ~ '^[0-9a-f]{1,40}$'),
    issuer text NOT NULL,
    sha256 bytea NOT NULL UNIQUE CHECK (pg_catalog.length(sha256) = 32),
    spki_sha256 bytea NOT NULL CHECK (pg_catalog.length(spki_sha256) = 32),
    kind text NOT NULL CHECK (kind IN ('collector', 'server', 'authority')),
    collector_id uuid CHECK ((kind = 'collector') = (collector_id IS NOT NULL)),
    subject text NOT NULL,
    not_before timestamptz NOT NULL,
    not_after timestamptz NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked')),
    revoked_at timestamptz,
    revoked_by name,
    revocation_reason text CHECK (revocation_reason IN (
        'unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded',
        'cessationOfOperation', 'privilegeWithdrawn', 'aACompromise')),
    pem text NOT NULL,
    ended_alone boolean,
    UNIQUE (issuer, serial),
    CHECK ((state = 'revoked') = (revoked_at IS NOT NULL)),
    CHECK ((state = 'revoked') = (revocation_reason IS NOT NULL))
);
CREATE INDEX certificates_collector_id_idx ON pganalytics.certificates (collector_id);
CREATE INDEX certificates_ending_idx ON pganalytics.certificates (not_after)
    WHERE ended_alone IS NULL AND state = 'active';
CREATE INDEX certificates_revoked_idx ON pganalytics.certificates (sha256)
    WHERE state = 'revoked';
COMMENT ON TABLE pganalytics.certificates IS
    'recorded certificates: those issued here, and those of another authority that were seen';
COMMENT ON COLUMN pganalytics.certificates.serial IS 'lower-case hex without leading zeros';
COMMENT ON COLUMN pganalytics.certificates.issuer IS 'key identifier of the authority, lower-case hex';
COMMENT ON COLUMN pganalytics.certificates.sha256 IS 'of the certificate, in DER';
COMMENT ON COLUMN pganalytics.certificates.spki_sha256 IS
    'of its SubjectPublicKeyInfo: the value of a pin';
COMMENT ON COLUMN pganalytics.certificates.ended_alone IS
    'it has expired, and its holder had no other valid one; NULL: not expired, or not yet checked';
COMMENT ON COLUMN pganalytics.certificates.revocation_reason IS 'as in RFC 5280 section 5.3.1';
GRANT SELECT (certificate_id, sha256, collector_id, not_after, state, pem),
      INSERT (serial, issuer, sha256, spki_sha256, kind, collector_id, subject, not_before, not_after, pem)
    ON pganalytics.certificates TO pganalytics_ingest;
-- A certificate is signed and cannot change: only the columns of its revocation can be updated.
GRANT SELECT, UPDATE (state, revoked_at, revoked_by, revocation_reason) ON pganalytics.certificates
    TO pganalytics_admin;
GRANT DELETE,
      SELECT (certificate_id, kind, serial, issuer, sha256, subject, not_after, state, revoked_at,
              revocation_reason, collector_id, ended_alone),
      INSERT (kind, collector_id, serial, issuer, sha256, spki_sha256, subject, not_before, not_after, pem),
      UPDATE (state, revoked_at, revoked_by, revocation_reason, ended_alone)
    ON pganalytics.certificates TO pganalytics_maintenance;
GRANT SELECT (sha256, state, not_after) ON pganalytics.certificates TO pganalytics_api;

-- A request waits here for the maintenance worker, whose program uses the authority's key.
CREATE TABLE pganalytics.certificate_requests (
    certificate_request_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    collector_id uuid NOT NULL,
    csr bytea NOT NULL,
    origin text NOT NULL CHECK (origin IN ('token', 'renewal', 'registration', 'sql')),
    address text,
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'issued', 'refused')),
    certificate_id uuid,
    message text,
    decided_at timestamptz
);
CREATE INDEX certificate_requests_pending_idx ON pganalytics.certificate_requests (requested_at)
    WHERE state = 'pending';
CREATE INDEX certificate_requests_collector_id_idx
    ON pganalytics.certificate_requests (collector_id);
COMMENT ON TABLE pganalytics.certificate_requests IS
    'requests for certificates (PKCS #10) and their outcome';
GRANT SELECT (certificate_request_id, state, certificate_id, message) ON pganalytics.certificate_requests
    TO pganalytics_ingest;
GRANT SELECT, INSERT (collector_id, csr, origin) ON pganalytics.certificate_requests TO pganalytics_admin;
GRANT DELETE,
      SELECT (certificate_request_id, collector_id, csr, origin, requested_at, state, decided_at),
      UPDATE (state, certificate_id, message, decided_at)
    ON pganalytics.certificate_requests TO pganalytics_maintenance;

CREATE TABLE pganalytics.revocation_lists (
    issuer text NOT NULL,
    crl_number bigint NOT NULL CHECK (crl_number > 0),
    this_update timestamptz NOT NULL,
    next_update timestamptz NOT NULL,
    entries integer NOT NULL,
    content_sha256 bytea NOT NULL CHECK (pg_catalog.length(content_sha256) = 32),
    der bytea NOT NULL,
    PRIMARY KEY (issuer, crl_number)
);
COMMENT ON TABLE pganalytics.revocation_lists IS
    'certificate revocation lists (RFC 5280); the newest of each authority counts';
COMMENT ON COLUMN pganalytics.revocation_lists.content_sha256 IS
    'of what it lists, to see whether another one is needed';
GRANT SELECT (issuer, crl_number, der) ON pganalytics.revocation_lists TO pganalytics_ingest;
GRANT SELECT ON pganalytics.revocation_lists TO pganalytics_admin;
GRANT SELECT, DELETE,
      INSERT (issuer, crl_number, this_update, next_update, entries, content_sha256, der)
    ON pganalytics.revocation_lists TO pganalytics_maintenance;

CREATE TABLE pganalytics.token_keys (
    kid text PRIMARY KEY CHECK (kid ~ '^[0-9a-f]{15}$'),
    public_key bytea NOT NULL CHECK (pg_catalog.length(public_key) = 65),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    signs_from timestamptz NOT NULL DEFAULT pg_catalog.now(),
    signs_until timestamptz NOT NULL,
    verifies_until timestamptz NOT NULL,
    revoked_at timestamptz
);
COMMENT ON TABLE pganalytics.token_keys IS
    'public halves of the keys that sign tokens (ES256); the other halves are files in the data directory';
COMMENT ON COLUMN pganalytics.token_keys.signs_from IS
    'later than its creation if another key signs until then: every gateway must know it first';
GRANT SELECT (kid, public_key, signs_from, signs_until, verifies_until, revoked_at) ON pganalytics.token_keys
    TO pganalytics_ingest, pganalytics_api;
GRANT SELECT, UPDATE (revoked_at) ON pganalytics.token_keys TO pganalytics_admin;
GRANT DELETE,
      SELECT (kid, signs_from, signs_until, verifies_until, revoked_at),
      INSERT (kid, public_key, signs_from, signs_until, verifies_until)
    ON pganalytics.token_keys TO pganalytics_maintenance;

-- After a commit that changes one of these tables, all workers read the tables again at once.
CREATE FUNCTION pganalytics.identity_changed() RETURNS trigger
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_identity_changed';
COMMENT ON FUNCTION pganalytics.identity_changed() IS
    'trigger: makes the background workers read keys, certificates and collectors again after the commit';

DO $triggers$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['collectors', 'enrollment_tokens', 'registration_secrets',
                                   'certificates', 'certificate_requests', 'revocation_lists',
                                   'token_keys'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE '
            'ON pganalytics.%I FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.identity_changed()',
            watched);
    END LOOP;
END
$triggers$;
