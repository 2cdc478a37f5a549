-- The last file of the script: PUBLIC gets nothing. PostgreSQL lets everybody execute a new function,
-- so a file that forgets about privileges gives none here.

REVOKE ALL ON ALL TABLES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA pganalytics FROM PUBLIC;
