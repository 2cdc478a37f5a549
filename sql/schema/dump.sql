-- This tells pg_dump to keep the rows of these tables and the state of their sequences: they belong
-- to the user, although the tables belong to the extension. Partitioned tables need no entry: their
-- partitions are ordinary tables, which pg_dump keeps by itself.

DO $dump$
DECLARE
    kept regclass;
    condition text;
    -- Keep a built-in rule or inhibition only if it was changed. At a restore, the triggers
    -- guard_alert_rules() and guard_alert_inhibitions() write it over the newly installed one.
BEGIN
    FOR kept, condition IN
        SELECT c.oid, CASE WHEN c.relname IN ('alert_rules', 'alert_inhibitions')
                           THEN 'WHERE NOT builtin OR changed_at IS NOT NULL' ELSE '' END
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND c.relkind IN ('r', 'S')
          -- Sessions, counters of workers and states of deliveries belong to this server alone, and
          -- a dump must not hold secrets.
          AND c.relname NOT IN ('api_sessions', 'self_samples', 'alert_channel_secrets',
                                'alert_channel_states', 'alert_outbox_state')
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(kept, condition);
    END LOOP;
END
$dump$;
