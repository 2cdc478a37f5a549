-- These triggers record each changed row of identities in the audit log, whatever role or statement
-- changed it. They are ENABLE ALWAYS, so they also fire if session_replication_role is replica.
-- They also record rows that pg_restore inserts, because a restored identity may push from then on.

CREATE FUNCTION pganalytics.audit_change() RETURNS trigger
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_change';
COMMENT ON FUNCTION pganalytics.audit_change() IS
    'trigger: records what differs in a changed row in the audit log, but never a hash of a token';

DO $triggers$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['collectors', 'certificates', 'certificate_requests',
                                   'enrollment_tokens', 'registration_secrets', 'token_keys',
                                   'api_sessions', 'servers', 'forget_jobs', 'text_removals'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_change AFTER %s ON pganalytics.%I '
            'FOR EACH ROW EXECUTE FUNCTION pganalytics.audit_change()',
            -- The audit log records the outcome of a certificate request, not the request itself.
            -- Of a job that removes rows it records the end: the DELETE that made it is recorded.
            CASE watched WHEN 'certificate_requests' THEN 'UPDATE'
                         WHEN 'forget_jobs' THEN 'UPDATE'
                         WHEN 'servers' THEN 'DELETE'
                         ELSE 'INSERT OR UPDATE OR DELETE' END, watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_change',
                                  watched);
        CONTINUE WHEN watched IN ('certificate_requests', 'servers', 'forget_jobs');
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_truncate AFTER TRUNCATE ON pganalytics.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.audit_change()', watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_truncate',
                                  watched);
    END LOOP;
END
$triggers$;

-- The function runs a SELECT before the UPDATE, because a statement trigger on this table makes
-- every worker and gateway reload identities, even after an UPDATE of no row.
CREATE FUNCTION pganalytics.note_expired_certificates() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pganalytics.certificates c
                   WHERE c.ended_alone IS NULL AND c.state = 'active' AND c.not_after <= now()) THEN
        RETURN;
    END IF;
    UPDATE pganalytics.certificates AS c
    SET ended_alone = NOT EXISTS (
        SELECT FROM pganalytics.certificates n
        WHERE n.kind = c.kind AND n.collector_id IS NOT DISTINCT FROM c.collector_id
          AND n.state = 'active' AND n.not_after > now())
    WHERE c.ended_alone IS NULL AND c.state = 'active' AND c.not_after <= now();
END
$$;
COMMENT ON FUNCTION pganalytics.note_expired_certificates() IS
    'marks certificates that have expired, each once, so that a trigger records it in the audit log; for the maintenance worker';
GRANT EXECUTE ON FUNCTION pganalytics.note_expired_certificates() TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.audit_events(
    OUT event text, OUT severity text, OUT undone_by_rollback boolean, OUT optional boolean,
    OUT meaning text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_events';
COMMENT ON FUNCTION pganalytics.audit_events() IS
    'the kinds of events of the audit log; undone_by_rollback: a transaction.rolled_back may follow; optional: pganalytics.audit_kinds may leave it out';
GRANT EXECUTE ON FUNCTION pganalytics.audit_events() TO pganalytics_admin;
