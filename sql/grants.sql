-- Who may do what. Nothing is left to PUBLIC; each role gets what it uses. Whatever a viewer may,
-- operators and administrators may too. The reports run with the rights of who calls them, so readers
-- have the tables too, without the hashes of the tokens.

REVOKE ALL ON ALL TABLES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pganalytics FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA pganalytics FROM PUBLIC;

-- Reading. Roles made here inherit nothing (NOINHERIT), so administrators are named as well.
GRANT SELECT ON
    pganalytics.servers, pganalytics.databases, pganalytics.query_texts, pganalytics.query_series,
    pganalytics.queries, pganalytics.query_stats, pganalytics.metric_series, pganalytics.partitions,
    pganalytics.retention, pganalytics.workers, pganalytics.rate_limits
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT SELECT ON
    pganalytics.series_names, pganalytics.database_stats, pganalytics.table_stats,
    pganalytics.index_stats, pganalytics.table_bloat, pganalytics.index_bloat,
    pganalytics.table_cache, pganalytics.index_cache, pganalytics.host_stats, pganalytics.disk_io,
    pganalytics.disk_usage, pganalytics.log_entries, pganalytics.replication_slots,
    pganalytics.replication_status, pganalytics.wal_status, pganalytics.wraparound_risk,
    pganalytics.subscriptions, pganalytics.collection_errors, pganalytics.locks,
    pganalytics.lock_waits, pganalytics.blocking_queries, pganalytics.connections,
    pganalytics.connection_totals, pganalytics.long_transactions, pganalytics.extension_history,
    pganalytics.extensions, pganalytics.schema_object_history, pganalytics.schema_objects,
    pganalytics.statements_info, pganalytics.unknown_metrics
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT SELECT ON
    pganalytics.query_samples, pganalytics.database_samples, pganalytics.table_samples,
    pganalytics.index_samples, pganalytics.table_bloat_samples, pganalytics.index_bloat_samples,
    pganalytics.table_cache_samples, pganalytics.index_cache_samples, pganalytics.host_samples,
    pganalytics.disk_io_samples, pganalytics.filesystem_samples, pganalytics.log_lines,
    pganalytics.replication_slot_samples, pganalytics.replication_samples, pganalytics.wal_samples,
    pganalytics.wraparound_samples, pganalytics.subscription_samples,
    pganalytics.collection_error_samples, pganalytics.lock_samples, pganalytics.lock_wait_samples,
    pganalytics.blocking_query_samples, pganalytics.connection_samples,
    pganalytics.connection_total_samples, pganalytics.long_transaction_samples,
    pganalytics.idle_transaction_samples, pganalytics.extension_samples, pganalytics.schema_samples,
    pganalytics.statements_info_samples, pganalytics.unknown_metric_samples
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT SELECT (collector_id, name, enabled, max_queries_per_db, created_at)
    ON pganalytics.collectors TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT SELECT ON pganalytics.collector_credentials TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
-- Accounting. completeness() reads what the views are made from.
GRANT SELECT ON
    pganalytics.push_accounts, pganalytics.ingest_accounting, pganalytics.ingest_gaps,
    pganalytics.accounting_violations, pganalytics.query_limit_exceeded
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.query_limit(integer),
    pganalytics.query_limit_threshold(),
    pganalytics.source_deallocations(integer, timestamptz, timestamptz),
    pganalytics.completeness(text, timestamptz, timestamptz),
    pganalytics.metrics_health(uuid)
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.query_deltas(timestamptz, timestamptz, boolean),
    pganalytics.query_activity(timestamptz, timestamptz),
    pganalytics.top_queries_between(timestamptz, timestamptz, integer, text),
    pganalytics.top_queries(interval, integer, text),
    pganalytics.partitioned_relations(),
    pganalytics.partition_range(regclass),
    pganalytics.retention_settings(),
    pganalytics.preloaded(),
    pganalytics.worker_states(),
    pganalytics.worker_counters(),
    pganalytics.rate_buckets(),
    pganalytics.wait_until_running(interval),
    pganalytics.metrics(),
    pganalytics.metric_columns()
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;

-- Administration.
GRANT INSERT (name, token_sha256),
      UPDATE (token_sha256, enabled, tokens_valid_from, registration_until, max_queries_per_db)
    ON pganalytics.collectors TO pganalytics_admin;
GRANT SELECT (enrollment_token_id, collector_id, created_at, created_by, expires_at, used_at,
              used_from, certificate_request_id, revoked_at),
      INSERT (token_sha256, collector_id, expires_at), UPDATE (revoked_at)
    ON pganalytics.enrollment_tokens TO pganalytics_admin;
GRANT SELECT (registration_secret_id, name, created_at, created_by, expires_at, uses_left,
              revoked_at),
      INSERT (name, secret_sha256, expires_at, uses_left), UPDATE (revoked_at)
    ON pganalytics.registration_secrets TO pganalytics_admin;
GRANT SELECT ON pganalytics.enrollments, pganalytics.registrations TO pganalytics_admin;
GRANT SELECT ON pganalytics.push_ledger TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.new_token(text),
    pganalytics.token_cutoff(),
    pganalytics.create_collector(text),
    pganalytics.rotate_token(text),
    pganalytics.revoke_tokens(text),
    pganalytics.check_validity(interval, interval),
    pganalytics.server_url(),
    pganalytics.create_enrollment_token(text, interval),
    pganalytics.revoke_enrollment_token(text),
    pganalytics.create_registration_secret(text, integer, interval),
    pganalytics.revoke_registration_secret(text),
    pganalytics.allow_registration(text, interval),
    pganalytics.collector_named(text),
    pganalytics.set_collector_enabled(text, boolean),
    pganalytics.set_query_limit(text, integer),
    pganalytics.make_partition(text, date),
    pganalytics.make_partitions(integer, text),
    pganalytics.drop_partitions(text, date),
    pganalytics.expired_partitions(),
    pganalytics.drop_expired_partition(regclass),
    pganalytics.ca_certificate()
    TO pganalytics_admin;

-- Sessions of people.
GRANT SELECT ON pganalytics.sessions
    TO pganalytics_viewer, pganalytics_operator, pganalytics_admin;
GRANT SELECT (role_name, expires_at, ended_at), UPDATE (ended_at, end_reason)
    ON pganalytics.api_sessions TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION pganalytics.end_sessions(name) TO pganalytics_admin;

-- The ingest workers: the columns that their statements name, and nothing of what a push has
-- written can be removed. What has a default (identities, the time and the WAL position of a push) is
-- not theirs to choose, and they read back neither query texts nor samples; of log lines only whether
-- they are there. Samples as a whole: the bulk insert checks the privilege on the table.
GRANT SELECT (collector_id, name, token_sha256, enabled, tokens_valid_from, max_queries_per_db)
    ON pganalytics.collectors TO pganalytics_ingest;
GRANT SELECT (certificate_id, sha256, collector_id, not_after, state, pem),
      INSERT (serial, issuer, sha256, spki_sha256, kind, collector_id, subject, not_before,
              not_after, pem)
    ON pganalytics.certificates TO pganalytics_ingest;
GRANT SELECT (certificate_request_id, state, certificate_id, message)
    ON pganalytics.certificate_requests TO pganalytics_ingest;
GRANT SELECT (kid, public_key, signs_from, signs_until, verifies_until, revoked_at)
    ON pganalytics.token_keys TO pganalytics_ingest;
GRANT SELECT (version, authorities, authority_ids, pins) ON pganalytics.trust TO pganalytics_ingest;
GRANT SELECT (issuer, crl_number, der) ON pganalytics.revocation_lists TO pganalytics_ingest;
GRANT SELECT (server_id, collector_id, name, hostname, server_version, collector_version),
      INSERT (collector_id, name, hostname, server_version, collector_version),
      UPDATE (hostname, server_version, collector_version)
    ON pganalytics.servers TO pganalytics_ingest;
GRANT SELECT (database_id, server_id, name), INSERT (server_id, name)
    ON pganalytics.databases TO pganalytics_ingest;
GRANT SELECT (text_id, text_hash), INSERT (text_hash, text)
    ON pganalytics.query_texts TO pganalytics_ingest;
GRANT SELECT (server_id, series_id, database_id, username, queryid, toplevel, text_id, last_seen,
              reset_at),
      INSERT (server_id, database_id, username, queryid, toplevel, text_id, first_seen, last_seen,
              from_zero),
      UPDATE (text_id, last_seen, reset_at)
    ON pganalytics.query_series TO pganalytics_ingest;
GRANT SELECT (received_at, server_id, push_key, body_hash, observed, stored, unchanged, merged,
              discarded_too_old, discarded_in_future, discarded_too_large),
      INSERT (server_id, push_key, body_hash, collector_id, epoch, sequence, body_bytes, observed,
              stored, unchanged, merged, discarded_too_old, discarded_in_future,
              discarded_too_large, unstored)
    ON pganalytics.push_ledger TO pganalytics_ingest;
GRANT INSERT (server_id, push_key, database_id, observed, stored, unchanged, merged, beyond_limit,
              discarded_too_old, discarded_in_future, discarded_too_large, queries)
    ON pganalytics.push_accounts TO pganalytics_ingest;
GRANT SELECT (server_id, series_id, relation, database_id, label_hash, value_hash, stored_at,
              gone_at),
      INSERT (server_id, relation, database_id, labels, label_hash, first_seen),
      UPDATE (value_hash, stored_at, gone_at)
    ON pganalytics.metric_series TO pganalytics_ingest;
GRANT SELECT (server_id, series_id, sampled_at, content_hash)
    ON pganalytics.log_lines TO pganalytics_ingest;
GRANT INSERT ON
    pganalytics.query_samples,
    pganalytics.database_samples,
    pganalytics.table_samples,
    pganalytics.index_samples,
    pganalytics.table_bloat_samples,
    pganalytics.index_bloat_samples,
    pganalytics.table_cache_samples,
    pganalytics.index_cache_samples,
    pganalytics.host_samples,
    pganalytics.disk_io_samples,
    pganalytics.filesystem_samples,
    pganalytics.log_lines,
    pganalytics.replication_slot_samples,
    pganalytics.replication_samples,
    pganalytics.wal_samples,
    pganalytics.wraparound_samples,
    pganalytics.subscription_samples,
    pganalytics.collection_error_samples,
    pganalytics.lock_samples,
    pganalytics.lock_wait_samples,
    pganalytics.blocking_query_samples,
    pganalytics.connection_samples,
    pganalytics.connection_total_samples,
    pganalytics.long_transaction_samples,
    pganalytics.idle_transaction_samples,
    pganalytics.extension_samples,
    pganalytics.schema_samples,
    pganalytics.statements_info_samples,
    pganalytics.unknown_metric_samples
    TO pganalytics_ingest;
GRANT SELECT ON pganalytics.push_accounts TO pganalytics_ingest;
GRANT EXECUTE ON FUNCTION
    pganalytics.make_partition(text, date),
    pganalytics.metrics_health(uuid),
    pganalytics.query_limit(integer),
    pganalytics.query_limit_threshold(),
    pganalytics.trust_document(),
    pganalytics.enroll_collector(bytea, bytea, text),
    pganalytics.renew_certificate(uuid, bytea, text),
    pganalytics.register_collector(bytea, text, bytea, text),
    pganalytics.reopen_registration(uuid, bytea)
    TO pganalytics_ingest;

-- The certificate authority. Requests and what became of them are an administrator's to read;
-- what a certificate says is signed, and only its revocation can be written.
GRANT SELECT ON
    pganalytics.certificates, pganalytics.certificate_requests, pganalytics.revocation_lists,
    pganalytics.token_keys, pganalytics.trust, pganalytics.authority_jobs,
    pganalytics.certificate_expiry
    TO pganalytics_admin;
GRANT UPDATE (state, revoked_at, revoked_by, revocation_reason)
    ON pganalytics.certificates TO pganalytics_admin;
GRANT UPDATE (revoked_at) ON pganalytics.token_keys TO pganalytics_admin;
GRANT INSERT (collector_id, csr, origin) ON pganalytics.certificate_requests TO pganalytics_admin;
GRANT INSERT (operation) ON pganalytics.authority_jobs TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.trust_document(),
    pganalytics.revoke_certificate(text, text, text),
    pganalytics.issue_certificate(text, text),
    pganalytics.issued_certificate(uuid, interval),
    pganalytics.rotate_server_certificate(),
    pganalytics.rotate_ca(),
    pganalytics.finish_ca_rotation(boolean),
    pganalytics.rotate_token_key(),
    pganalytics.revoke_token_key(text),
    pganalytics.certificate_revocation_list()
    TO pganalytics_admin;

-- The maintenance worker.
GRANT EXECUTE ON FUNCTION
    pganalytics.partitioned_relations(),
    pganalytics.make_partitions(integer, text),
    pganalytics.expired_partitions(),
    pganalytics.drop_expired_partition(regclass)
    TO pganalytics_maintenance;
GRANT SELECT (certificate_request_id, collector_id, csr, origin, requested_at, state, decided_at),
      UPDATE (state, certificate_id, message, decided_at), DELETE
    ON pganalytics.certificate_requests TO pganalytics_maintenance;
GRANT SELECT (collector_id, name, enabled) ON pganalytics.collectors TO pganalytics_maintenance;
GRANT SELECT (certificate_id, kind, serial, issuer, sha256, subject, not_after, state, revoked_at,
              revocation_reason, collector_id, ended_alone),
      INSERT (kind, collector_id, serial, issuer, sha256, spki_sha256, subject, not_before,
              not_after, pem),
      UPDATE (state, revoked_at, revoked_by, revocation_reason, ended_alone), DELETE
    ON pganalytics.certificates TO pganalytics_maintenance;
GRANT SELECT, INSERT (version, authorities, authority_ids, pins, server_sha256), DELETE
    ON pganalytics.trust TO pganalytics_maintenance;
GRANT SELECT,
      INSERT (issuer, crl_number, this_update, next_update, entries, content_sha256, der), DELETE
    ON pganalytics.revocation_lists TO pganalytics_maintenance;
GRANT SELECT (authority_job_id, operation, state, decided_at),
      UPDATE (state, message, decided_at), DELETE
    ON pganalytics.authority_jobs TO pganalytics_maintenance;
GRANT SELECT (kid, signs_from, signs_until, verifies_until, revoked_at),
      INSERT (kid, public_key, signs_from, signs_until, verifies_until), DELETE
    ON pganalytics.token_keys TO pganalytics_maintenance;
GRANT SELECT (expires_at), DELETE ON pganalytics.enrollment_tokens TO pganalytics_maintenance;
GRANT SELECT (expires_at), DELETE ON pganalytics.registration_secrets TO pganalytics_maintenance;
GRANT EXECUTE ON FUNCTION
    pganalytics.pending_certificate_requests(),
    pganalytics.record_certificate(
        text, uuid, text, text, bytea, bytea, text, timestamptz, timestamptz, text),
    pganalytics.decide_certificate_request(uuid, uuid, text),
    pganalytics.publish_trust(text, text[], text, bytea, boolean),
    pganalytics.with_former(text[], text[]),
    pganalytics.retire_authorities(text[]),
    pganalytics.revocation_entries(text[]),
    pganalytics.revocation_list_states(text[]),
    pganalytics.record_revocation_list(
        text, bigint, timestamptz, timestamptz, integer, bytea, bytea),
    pganalytics.pending_authority_job(),
    pganalytics.decide_authority_job(bigint, text),
    pganalytics.signing_token_keys(),
    pganalytics.record_token_key(text, bytea, interval, interval),
    pganalytics.ended_token_keys(),
    pganalytics.prune_identities(),
    pganalytics.note_expired_certificates()
    TO pganalytics_maintenance;

-- The API worker: what it needs to know of a login. What people read, they read with their own
-- privileges.
GRANT SELECT (session_id, role_oid, role_name, refresh_sha256, verifier_sha256, created_at, last_used_at,
              expires_at, ended_at),
      INSERT (session_id, role_oid, role_name, refresh_sha256, verifier_sha256, expires_at, address),
      UPDATE (refresh_sha256, verifier_sha256, last_used_at, ended_at, end_reason),
      DELETE
    ON pganalytics.api_sessions TO pganalytics_api;
GRANT SELECT (kid, public_key, signs_from, signs_until, verifies_until, revoked_at)
    ON pganalytics.token_keys TO pganalytics_api;

-- The audit log: its worker can append and nothing else, administrators can read.
GRANT SELECT ON pganalytics.audit_log TO pganalytics_admin;
GRANT EXECUTE ON FUNCTION
    pganalytics.audit_row_text(pganalytics.audit_log),
    pganalytics.audit_events(),
    pganalytics.audit_head(),
    pganalytics.verify_audit_log(text)
    TO pganalytics_admin;
GRANT INSERT ON pganalytics.audit_log TO pganalytics_audit;
GRANT EXECUTE ON FUNCTION
    pganalytics.make_audit_partition(date),
    pganalytics.audit_row_text(pganalytics.audit_log),
    pganalytics.append_audit_records(bigint, bytea, timestamptz, timestamptz[], text[], text[],
        text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], text[],
        text[]),
    pganalytics.audit_tail(bigint),
    pganalytics.drop_expired_audit_month()
    TO pganalytics_audit;
