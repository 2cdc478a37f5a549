-- What the extension brings, that all of it is explained, and who may use it.
\set SHOW_CONTEXT never
\pset format unaligned
-- The test preload shows what else it says.
SET client_min_messages = error;
CREATE EXTENSION pganalytics;
RESET client_min_messages;

-- The types of tables, which PostgreSQL 17 takes for members, come and go with them.
SELECT pg_describe_object(d.classid, d.objid, 0) COLLATE "C" AS object
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND e.extname = 'pganalytics'
  AND NOT EXISTS (SELECT FROM pg_type t WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
                    AND (t.typrelid <> 0 OR t.typcategory = 'A'))
ORDER BY object;

-- It makes no partition: a restore would find them in its way.
SELECT count(*) FROM pganalytics.partitions;

-- Every object has a comment.
SELECT c.oid::regclass::text AS unexplained FROM pg_class c
WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind NOT IN ('i', 'I', 'S', 't')
  AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'pganalytics'::regnamespace
  AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT obj_description('pganalytics'::regnamespace, 'pg_namespace') IS NOT NULL AS explained;

-- Every function fixes its search_path but the one that queries call for each row, and some run with
-- their owner's rights.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'pganalytics'::regnamespace
  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);
SELECT p.oid::regprocedure AS definer FROM pg_proc p
WHERE p.pronamespace = 'pganalytics'::regnamespace AND p.prosecdef
ORDER BY p.proname COLLATE "C";

-- The roles can do nothing by themselves.
SELECT rolname, rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolreplication,
       rolbypassrls
FROM pg_roles WHERE rolname LIKE 'pganalytics\_%' ORDER BY rolname COLLATE "C";

-- Grants on the schema, on relations and their columns, and on functions. Nothing to PUBLIC.
CREATE VIEW grants AS
    SELECT 'schema' AS kind, n.nspname::text AS object, a.grantee, a.privilege_type AS privilege
    FROM pg_namespace n, aclexplode(n.nspacl) a
    WHERE n.nspname = 'pganalytics' AND a.grantee <> n.nspowner
    UNION ALL
    SELECT 'relation', c.relname, a.grantee, a.privilege_type
    FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'pganalytics'::regnamespace AND a.grantee <> c.relowner
    UNION ALL
    SELECT 'relation', c.relname, x.grantee,
           format('%s (%s)', x.privilege_type, string_agg(t.attname, ', ' ORDER BY t.attnum))
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) x
    WHERE c.relnamespace = 'pganalytics'::regnamespace AND x.grantee <> c.relowner
    GROUP BY c.relname, x.grantee, x.privilege_type
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, a.grantee, a.privilege_type
    FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE p.pronamespace = 'pganalytics'::regnamespace AND a.grantee <> p.proowner;
SELECT kind, object,
       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS grantee,
       string_agg(privilege, ', ' ORDER BY privilege COLLATE "C") AS privileges
FROM grants GROUP BY kind, object, grantee
ORDER BY kind, object COLLATE "C", 3;
DROP VIEW grants;

-- Existing roles are used again by the next installation.
DROP EXTENSION pganalytics;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'pganalytics\_%';
SELECT to_regnamespace('pganalytics');
SET client_min_messages = error;
CREATE EXTENSION pganalytics;
RESET client_min_messages;
