-- In a database with a publication FOR ALL TABLES, PostgreSQL refuses to delete or update rows of a
-- table whose rows it cannot name. So a table without a primary key names them by all columns. This
-- costs nothing while wal_level is below logical. Partitions do not inherit it: the functions that
-- make them set it, too.

DO $identity$
DECLARE
    keyless regclass;
BEGIN
    FOR keyless IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pganalytics'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY FULL', keyless);
    END LOOP;
END
$identity$;
