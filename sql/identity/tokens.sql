-- Tokens of collectors. The functions for the keys that sign these tokens are in
-- sql/identity/certificates.sql.

CREATE FUNCTION pganalytics.revoke_tokens(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pganalytics.collectors c
    SET token_sha256 = NULL, tokens_valid_from = pganalytics.token_cutoff()
    WHERE c.collector_id = pganalytics.collector_named(revoke_tokens.name);
END
$$;
COMMENT ON FUNCTION pganalytics.revoke_tokens(text) IS
    'refuses every token that a collector has, signed or long-lived, from the commit on; its certificate stays, and rotate_token() gives it a token again';
GRANT EXECUTE ON FUNCTION pganalytics.revoke_tokens(text) TO pganalytics_admin;
