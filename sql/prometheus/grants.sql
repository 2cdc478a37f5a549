-- Who may do what with metrics. The API worker reads them for programs, which have no role: the
-- functions of the view are called with its own rights.

REVOKE ALL ON pganalytics.scrape_tokens, pganalytics.prometheus_samples FROM PUBLIC;
GRANT SELECT ON pganalytics.prometheus_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_api;
GRANT EXECUTE ON FUNCTION pganalytics.prometheus_metrics(), pganalytics.audit_buffer()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin, pganalytics_api;
GRANT EXECUTE ON FUNCTION pganalytics.worker_states(), pganalytics.worker_counters() TO pganalytics_api;
GRANT SELECT (name, token_sha256, last_used_at, revoked_at), UPDATE (last_used_at)
    ON pganalytics.scrape_tokens TO pganalytics_api;
GRANT SELECT (sha256, state, not_after) ON pganalytics.certificates TO pganalytics_api;
GRANT SELECT (name, created_at, created_by, last_used_at, revoked_at), INSERT (name, token_sha256),
      UPDATE (revoked_at)
    ON pganalytics.scrape_tokens TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.create_scrape_token(text), pganalytics.revoke_scrape_token(text)
    TO pganalytics_admin;
