-- What the queries of rules may read: what viewers may, and what the built-in rules need besides:
-- the audit log, what expires when, and which notifications are dead. Nothing else; whoever writes a
-- rule of their own about other tables grants it.

GRANT SELECT ON pganalytics.audit_log, pganalytics.certificate_expiry TO pganalytics_rules;
GRANT SELECT (channel, state, settled_at) ON pganalytics.alert_outbox TO pganalytics_rules;
DO $rules$
DECLARE
    readable text;
BEGIN
    FOR readable IN
        SELECT pg_catalog.format('SELECT ON %s', c.oid::pg_catalog.regclass)
        FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND a.grantee = 'pganalytics_viewer'::pg_catalog.regrole AND a.privilege_type = 'SELECT'
        UNION ALL
        SELECT pg_catalog.format('SELECT (%s) ON %s',
                                 pg_catalog.string_agg(pg_catalog.quote_ident(t.attname), ', '),
                                 c.oid::pg_catalog.regclass)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid,
             pg_catalog.aclexplode(t.attacl) a
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND a.grantee = 'pganalytics_viewer'::pg_catalog.regrole AND a.privilege_type = 'SELECT'
        GROUP BY c.oid
        UNION ALL
        SELECT pg_catalog.format('EXECUTE ON FUNCTION %s', p.oid::pg_catalog.regprocedure)
        FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
        WHERE p.pronamespace = 'pganalytics'::pg_catalog.regnamespace
          AND a.grantee = 'pganalytics_viewer'::pg_catalog.regrole AND NOT p.prosecdef
    LOOP
        EXECUTE 'GRANT ' || readable || ' TO pganalytics_rules';
    END LOOP;
END
$rules$;
