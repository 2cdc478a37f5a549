-- Included by the tests of metrics: takes back what fleet.sql and the test have made.
RESET ROLE;
DO $$
DECLARE
    fact text;
BEGIN
    FOR fact IN SELECT relation FROM pganalytics.metrics() LOOP
        EXECUTE format('TRUNCATE pganalytics.%I', fact);
    END LOOP;
END
$$;
TRUNCATE pganalytics.metric_series, pganalytics.databases, pganalytics.servers, pganalytics.collectors;
