-- The last file of the script revokes everything from PUBLIC. PostgreSQL lets PUBLIC execute every
-- new function; this file takes that back even if the function's own file forgot to.

REVOKE ALL ON ALL TABLES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA pganalytics FROM PUBLIC;
