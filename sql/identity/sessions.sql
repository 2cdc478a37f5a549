-- Sessions of people. Users are roles of PostgreSQL: there is no other list of users, and no
-- password is stored here. The table has the SHA-256 of the refresh token and that of the password
-- verifier of the role. A session ends when the verifier of the role has changed.

CREATE TABLE pganalytics.api_sessions (
    session_id uuid PRIMARY KEY,
    role_oid oid NOT NULL,
    role_name name NOT NULL,
    refresh_sha256 bytea NOT NULL CHECK (pg_catalog.length(refresh_sha256) = 32),
    verifier_sha256 bytea NOT NULL CHECK (pg_catalog.length(verifier_sha256) = 32),
    previous_sha256 bytea CHECK (pg_catalog.length(previous_sha256) = 32),
    next_masked bytea CHECK (pg_catalog.length(next_masked) = 32),
    refreshed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_used_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL,
    address text NOT NULL,
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('logout', 'replay', 'role', 'password', 'administrator')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX api_sessions_expires_at_idx ON pganalytics.api_sessions (expires_at);
CREATE INDEX api_sessions_role_oid_idx ON pganalytics.api_sessions (role_oid);
COMMENT ON TABLE pganalytics.api_sessions IS
    'logins of people at the port for people; rows stay for seven days after their end';
COMMENT ON COLUMN pganalytics.api_sessions.role_oid IS
    'the role; one of the same name that was made later is another';
COMMENT ON COLUMN pganalytics.api_sessions.refresh_sha256 IS
    'of the refresh token that is valid next; any other one of the session ends the session, except the one before within ten seconds';
COMMENT ON COLUMN pganalytics.api_sessions.verifier_sha256 IS
    'of the role''s password as PostgreSQL stores it; another one ends the session';
COMMENT ON COLUMN pganalytics.api_sessions.previous_sha256 IS 'of the refresh token before the valid one';
COMMENT ON COLUMN pganalytics.api_sessions.next_masked IS
    'the secret of the valid refresh token, masked by a hash of the one before: who sends that one again gets this one again';
COMMENT ON COLUMN pganalytics.api_sessions.refreshed_at IS 'when the one before was exchanged';
COMMENT ON COLUMN pganalytics.api_sessions.last_used_at IS 'to the minute';
COMMENT ON COLUMN pganalytics.api_sessions.address IS 'of the client that logged in';
COMMENT ON COLUMN pganalytics.api_sessions.end_reason IS
    'logout; replay: a refresh token came a second time; role: it may no longer log in, or is another one; password: it was changed; administrator: end_sessions()';
GRANT SELECT (role_name, expires_at, ended_at), UPDATE (ended_at, end_reason) ON pganalytics.api_sessions
    TO pganalytics_admin;
GRANT SELECT (session_id, role_oid, role_name, refresh_sha256, verifier_sha256, previous_sha256,
              next_masked, refreshed_at, created_at, last_used_at, expires_at, ended_at),
      INSERT (session_id, role_oid, role_name, refresh_sha256, verifier_sha256, expires_at, address),
      UPDATE (refresh_sha256, verifier_sha256, previous_sha256, next_masked, refreshed_at, last_used_at,
              ended_at, end_reason)
    ON pganalytics.api_sessions TO pganalytics_api;
GRANT DELETE, SELECT (expires_at) ON pganalytics.api_sessions TO pganalytics_maintenance;

-- security_barrier: PostgreSQL does not evaluate a reader's own conditions for rows that the reader
-- may not see.
CREATE VIEW pganalytics.sessions WITH (security_barrier) AS
    SELECT session_id, role_name, created_at, last_used_at, expires_at, address, ended_at, end_reason,
           ended_at IS NULL AND expires_at > pg_catalog.now() AS live
    FROM pganalytics.api_sessions
    WHERE pg_catalog.pg_has_role('pganalytics_admin', 'USAGE')
       OR role_oid = pg_catalog.to_regrole(pg_catalog.quote_ident(current_user));
COMMENT ON VIEW pganalytics.sessions IS
    'who has logged in at the port for people, and until when: one''s own sessions, for administrators all';
GRANT SELECT ON pganalytics.sessions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_rules;

-- SECURITY INVOKER: pganalytics_admin may write the columns that are written here.
CREATE FUNCTION pganalytics.end_sessions(role_name name) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended integer;
BEGIN
    UPDATE pganalytics.api_sessions AS s SET ended_at = now(), end_reason = 'administrator'
    WHERE s.role_name = end_sessions.role_name AND s.ended_at IS NULL AND s.expires_at > now();
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION pganalytics.end_sessions(name) IS
    'ends every session of a role, from the commit on; returns how many';
GRANT EXECUTE ON FUNCTION pganalytics.end_sessions(name) TO pganalytics_admin;
