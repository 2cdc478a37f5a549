-- What the audit log is told of identities: rows of these tables, whoever changes them and by
-- whatever statement. ENABLE ALWAYS: session_replication_role = replica hides nothing, and what
-- pg_restore brings in is told of, too: from then on it may push here.

CREATE FUNCTION pganalytics.audit_change() RETURNS trigger
    LANGUAGE c SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_change';
COMMENT ON FUNCTION pganalytics.audit_change() IS
    'tells the audit log of a changed row: of what differs, and never a hash of a token';

DO $triggers$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['collectors', 'certificates', 'certificate_requests',
                                   'enrollment_tokens', 'registration_secrets', 'token_keys',
                                   'api_sessions'] LOOP
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_change AFTER %s ON pganalytics.%I '
            'FOR EACH ROW EXECUTE FUNCTION pganalytics.audit_change()',
            -- Of a request only what has become of it is of interest.
            CASE watched WHEN 'certificate_requests' THEN 'UPDATE'
                         ELSE 'INSERT OR UPDATE OR DELETE' END, watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_change',
                                  watched);
        CONTINUE WHEN watched = 'certificate_requests';
        EXECUTE pg_catalog.format(
            'CREATE TRIGGER audit_truncate AFTER TRUNCATE ON pganalytics.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION pganalytics.audit_change()', watched);
        EXECUTE pg_catalog.format('ALTER TABLE pganalytics.%I ENABLE ALWAYS TRIGGER audit_truncate',
                                  watched);
    END LOOP;
END
$triggers$;

-- Looked at before: an UPDATE, even of no row, is told to every worker and gateway.
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
    'marks certificates that have expired, each once, so that the audit log is told; for the maintenance worker';
GRANT EXECUTE ON FUNCTION pganalytics.note_expired_certificates() TO pganalytics_maintenance;

CREATE FUNCTION pganalytics.audit_events(
    OUT event text, OUT severity text, OUT undone_by_rollback boolean, OUT meaning text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_audit_events';
COMMENT ON FUNCTION pganalytics.audit_events() IS
    'the kinds of events of the audit log; undone_by_rollback: a transaction.rolled_back may follow';
GRANT EXECUTE ON FUNCTION pganalytics.audit_events() TO pganalytics_admin;
