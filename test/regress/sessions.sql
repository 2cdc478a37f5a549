-- Sessions of people: what administrators see of them and can do about them. Who logs in, and what
-- ends a session by itself, is tested end to end, in test/e2e/test_api_*.py.
\set SHOW_CONTEXT never
\pset format unaligned
CREATE ROLE regress_ann;
INSERT INTO pganalytics.api_sessions (session_id, role_oid, role_name, refresh_sha256, verifier_sha256,
    expires_at, address, ended_at, end_reason)
SELECT id, coalesce(to_regrole(name)::oid, 1), name, sha256(id::text::bytea), sha256('x'), expires_at, '127.0.0.1', ended_at, end_reason
FROM (VALUES
    ('00000000-0000-4000-8000-000000000001'::uuid, 'regress_ann', now() + interval '1 h', NULL::timestamptz, NULL),
    ('00000000-0000-4000-8000-000000000002', 'regress_ann', now() + interval '1 h', NULL, NULL),
    ('00000000-0000-4000-8000-000000000003', 'regress_ann', now() - interval '1 h', NULL, NULL),
    ('00000000-0000-4000-8000-000000000004', 'regress_ann', now() + interval '1 h', now(), 'logout'),
    ('00000000-0000-4000-8000-000000000005', 'regress_bob', now() + interval '1 h', NULL, NULL)
) AS s(id, name, expires_at, ended_at, end_reason);

SET ROLE pganalytics_admin;
SELECT right(session_id::text, 1) AS session, role_name, live, end_reason FROM pganalytics.sessions
ORDER BY session_id;
SELECT pganalytics.end_sessions('regress_ann');
SELECT pganalytics.end_sessions('regress_ann');
SELECT pganalytics.end_sessions('regress_nobody');
SELECT pganalytics.end_sessions(NULL);
SELECT right(session_id::text, 1) AS session, role_name, live, end_reason FROM pganalytics.sessions
ORDER BY session_id;
-- The hashes are nobody's.
SELECT refresh_sha256 FROM pganalytics.api_sessions;
SELECT verifier_sha256 FROM pganalytics.api_sessions;
UPDATE pganalytics.api_sessions SET expires_at = now() + interval '1 year';
DELETE FROM pganalytics.api_sessions;
RESET ROLE;

-- Others see their own sessions; a condition of theirs is asked about no other.
GRANT pganalytics_viewer TO regress_ann;
CREATE FUNCTION public.tell(name) RETURNS boolean LANGUAGE plpgsql COST 0.0001
    AS $$ BEGIN RAISE NOTICE 'asked about %', $1; RETURN true; END $$;
SET ROLE regress_ann;
SELECT right(session_id::text, 1) AS session, role_name, live FROM pganalytics.sessions
WHERE public.tell(role_name) ORDER BY session_id;
SELECT FROM pganalytics.api_sessions;
SELECT pganalytics.end_sessions('regress_bob');
SELECT pganalytics.end_sessions('regress_ann');
SET ROLE pganalytics_operator;
SELECT count(*) FROM pganalytics.sessions;
RESET ROLE;
DROP FUNCTION public.tell(name);

-- An ended session says why, and a live one has no reason to.
\set VERBOSITY terse
UPDATE pganalytics.api_sessions SET ended_at = now() WHERE role_name = 'regress_bob';
UPDATE pganalytics.api_sessions SET ended_at = now(), end_reason = 'tired' WHERE role_name = 'regress_bob';

\set VERBOSITY default

-- A week after its end a session goes. The worker that guards what goes for its age removes it, not the
-- one that begins sessions.
INSERT INTO pganalytics.api_sessions (session_id, role_oid, role_name, refresh_sha256, verifier_sha256,
    expires_at, address)
SELECT format('00000000-0000-4000-8000-00000000000%s', days)::uuid, 1, 'regress_eve', sha256('x'), sha256('x'),
       now() - days * interval '1 day', '127.0.0.1'
FROM unnest(ARRAY[6, 8]) AS days;
SET ROLE pganalytics_api;
DELETE FROM pganalytics.api_sessions;
SET ROLE pganalytics_maintenance;
SELECT pganalytics.prune_identities();
RESET ROLE;
SELECT right(session_id::text, 1) AS session FROM pganalytics.api_sessions WHERE role_name = 'regress_eve';

-- Sessions stay where they were begun.
SELECT 'pganalytics.api_sessions'::regclass = ANY (extconfig) AS dumped FROM pg_extension
WHERE extname = 'pganalytics';

DELETE FROM pganalytics.api_sessions;
REVOKE pganalytics_viewer FROM regress_ann;
DROP ROLE regress_ann;
