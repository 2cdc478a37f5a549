-- What pg_dump keeps. The rows of these tables and the state of their sequences belong to the user,
-- though the tables belong to the extension. query_samples and push_ledger have no rows of their
-- own: their partitions are ordinary tables and are dumped as such.

DO $dump$
DECLARE
    kept regclass;
BEGIN
    FOR kept IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace
          AND c.relkind IN ('r', 'S')
          -- Who has logged in here has not logged in elsewhere.
          AND c.relname <> 'api_sessions'
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(kept, '');
    END LOOP;
END
$dump$;
