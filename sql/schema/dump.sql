-- What pg_dump keeps. The rows of these tables and the state of their sequences belong to the user,
-- though the tables belong to the extension. query_samples and push_ledger have no rows of their
-- own: their partitions are ordinary tables and are dumped as such. Of the built-in rules and
-- inhibitions of alerts those are kept that were changed; guard_alert_rules() and
-- guard_alert_inhibitions() put them in the place of those that are there.

DO $dump$
DECLARE
    kept regclass;
    condition text;
BEGIN
    FOR kept, condition IN
        SELECT c.oid, CASE WHEN c.relname IN ('alert_rules', 'alert_inhibitions')
                           THEN 'WHERE NOT builtin OR changed_at IS NOT NULL' ELSE '' END
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND c.relkind IN ('r', 'S')
          -- Who has logged in here has not logged in elsewhere, what these workers count and deliver
          -- is theirs, and a secret is not for a file that anybody reads.
          AND c.relname NOT IN ('api_sessions', 'self_samples', 'alert_channel_secrets',
                                'alert_channel_states', 'alert_outbox_state')
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(kept, condition);
    END LOOP;
END
$dump$;
