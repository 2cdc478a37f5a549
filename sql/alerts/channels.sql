-- Channels: checks on INSERT and UPDATE, secrets, and test messages. Administrators write the table
-- alert_channels directly. The address to which a URL resolves is not checked here: the courier
-- checks it when it connects.

CREATE FUNCTION pganalytics.check_alert_channel() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
BEGIN
    -- A URL may have only printable ASCII, so it has no line ends and no look-alike characters. An
    -- "@" before the path is refused, because the text before it would be a user name or a
    -- password.
    problem := CASE
        WHEN NEW.kind = 'email' AND NEW.url IS NOT NULL THEN 'a channel of kind email has no url'
        WHEN NEW.kind = 'email' AND coalesce(cardinality(NEW.mail_to), 0) NOT BETWEEN 1 AND 20 THEN
            'a channel of kind email has 1 to 20 addresses in mail_to'
        WHEN NEW.kind = 'email' AND NEW.authentication <> 'none' THEN
            'a channel of kind email has no authentication'
        WHEN NEW.kind <> 'email' AND NEW.mail_to IS NOT NULL THEN
            format('a channel of kind %s has no mail_to', NEW.kind)
        WHEN NEW.kind <> 'email' AND NEW.url IS NULL THEN
            format('a channel of kind %s has a url', NEW.kind)
        WHEN NEW.url ~ '^https?://[^/?#]*@' THEN 'the url has a user or a password in it'
        WHEN NEW.url !~ '^https?://' THEN 'the url does not begin with https:// or http://'
        WHEN length(NEW.url) > 2048 OR NEW.url !~
             '^https?://([a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_.])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?$' THEN
            'the url is malformed'
        WHEN NEW.url ~ '[#\\]' THEN 'the url has a fragment or a backslash'
        WHEN NEW.kind = 'alertmanager' AND NEW.url ~ '\?|/api/v[0-9]' THEN
            'the url of an Alertmanager is what comes before /api/v2/alerts'
        WHEN NEW.kind = 'alertmanager' AND NEW.anchors THEN 'an Alertmanager keeps no anchors'
        WHEN cardinality(NEW.group_by) > 16 OR NOT coalesce(
            (SELECT bool_and(coalesce(g.name ~ '^[a-zA-Z_][a-zA-Z0-9_]{0,62}$', false))
             FROM unnest(NEW.group_by) AS g(name)), true) THEN
            'group_by has at most 16 items, which are names of labels'
    END;
    IF problem IS NULL AND NEW.mail_to IS NOT NULL AND NOT (
        SELECT bool_and(coalesce(length(m.address) <= 254 AND m.address ~
                        '^[a-zA-Z0-9_+=][a-zA-Z0-9_.+=-]{0,63}@[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$',
                        false))
        FROM unnest(NEW.mail_to) AS m(address)) THEN
        problem := 'mail_to has an item that is no plain address like ops@example.com';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION pganalytics.check_alert_channel() IS 'refuses channels that nothing can be sent to';
GRANT EXECUTE ON FUNCTION pganalytics.check_alert_channel() TO pganalytics_admin;
CREATE TRIGGER check_channel BEFORE INSERT OR UPDATE ON pganalytics.alert_channels
    FOR EACH ROW EXECUTE FUNCTION pganalytics.check_alert_channel();

-- When a channel is deleted, follow_alert_channel() deletes its notifications, secret and state: a
-- new channel of the same name starts with nothing. When a channel is changed, its notifications
-- that wait for a retry become due at once.
CREATE FUNCTION pganalytics.follow_alert_channel() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM pganalytics.alert_outbox o WHERE o.channel = OLD.name;
        DELETE FROM pganalytics.alert_channel_secrets s WHERE s.channel = OLD.name;
        DELETE FROM pganalytics.alert_channel_states s WHERE s.channel = OLD.name;
    ELSE
        UPDATE pganalytics.alert_outbox AS o SET due_at = now()
        WHERE o.channel = NEW.name AND o.state = 'waiting' AND o.attempts > 0 AND o.due_at > now();
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION pganalytics.follow_alert_channel() IS
    'trigger: deletes what belongs to a deleted channel; retries at once for a changed one';
GRANT EXECUTE ON FUNCTION pganalytics.follow_alert_channel() TO pganalytics_admin;
CREATE TRIGGER follow_channel AFTER UPDATE OR DELETE ON pganalytics.alert_channels
    FOR EACH ROW EXECUTE FUNCTION pganalytics.follow_alert_channel();

CREATE TABLE pganalytics.alert_channel_states (
    channel text PRIMARY KEY,
    resend_at timestamptz NOT NULL DEFAULT '-infinity',
    attempts integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error text,
    anchor text,
    anchored_at timestamptz
);
COMMENT ON TABLE pganalytics.alert_channel_states IS
    'when firing alerts are next resent to an Alertmanager, and which head of the audit log was queued last';
COMMENT ON COLUMN pganalytics.alert_channel_states.attempts IS 'resends in a row that have failed';
GRANT SELECT, DELETE ON pganalytics.alert_channel_states TO pganalytics_admin;
GRANT SELECT, INSERT,
      UPDATE (resend_at, attempts, last_status, last_error, anchor, anchored_at)
    ON pganalytics.alert_channel_states TO pganalytics_alerts;

-- The function checks the secret itself instead of leaving that to a constraint: the error of a
-- violated constraint would show the whole row, with the secret.
CREATE FUNCTION pganalytics.set_channel_secret(channel text, secret text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_channel pganalytics.alert_channels;
BEGIN
    SELECT c.* INTO found_channel FROM pganalytics.alert_channels c
    WHERE c.name = set_channel_secret.channel FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', channel USING ERRCODE = 'undefined_object';
    END IF;
    IF secret IS NULL THEN
        DELETE FROM pganalytics.alert_channel_secrets s WHERE s.channel = set_channel_secret.channel;
        RETURN;
    END IF;
    IF found_channel.authentication = 'none' THEN
        RAISE EXCEPTION 'channel "%" has no authentication', channel
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Set authentication to hmac or bearer first.';
    END IF;
    -- A bearer token is sent in a header, so the secret may hold only characters that a header
    -- allows.
    IF length(secret) NOT BETWEEN 16 AND 4096 OR secret !~ '^[!-~]+$' THEN
        RAISE EXCEPTION 'a secret is 16 to 4096 printable characters of ASCII without spaces'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO pganalytics.alert_channel_secrets AS s (channel, secret)
    VALUES (set_channel_secret.channel, set_channel_secret.secret)
    ON CONFLICT ON CONSTRAINT alert_channel_secrets_pkey DO UPDATE SET secret = excluded.secret;
    UPDATE pganalytics.alert_outbox AS o SET due_at = now()
    WHERE o.channel = set_channel_secret.channel AND o.state = 'waiting' AND o.attempts > 0
      AND o.due_at > now();
END
$$;
COMMENT ON FUNCTION pganalytics.set_channel_secret(text, text) IS
    'sets the key of a channel''s signatures or its bearer token; NULL removes it, and nothing more is sent';
GRANT EXECUTE ON FUNCTION pganalytics.set_channel_secret(text, text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.test_channel(channel text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_channel pganalytics.alert_channels;
    queued bigint;
BEGIN
    SELECT c.* INTO found_channel FROM pganalytics.alert_channels c
    WHERE c.name = test_channel.channel FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', channel USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT found_channel.enabled THEN
        RAISE EXCEPTION 'channel "%" is not enabled', channel
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO pganalytics.alert_outbox AS o (channel, fingerprint, group_key, status, alert, latest,
        created_at, waiting_since, due_at)
    VALUES (found_channel.name, '0000000000000000',
            CASE found_channel.kind WHEN 'alertmanager' THEN '{}:{}'
                                    ELSE '{}:{alertname="channel_test"}' END, 'firing',
            jsonb_build_object(
                'status', 'firing',
                'labels', jsonb_build_object('alertname', 'channel_test', 'severity', 'info',
                                             'channel', found_channel.name),
                'annotations', jsonb_build_object(
                    'summary', 'A test: this channel receives alerts of pganalytics.'),
                'startsAt', pganalytics.alert_time(now()), 'endsAt', '0001-01-01T00:00:00Z',
                'generatorURL', pganalytics.external_url(), 'fingerprint', '0000000000000000'),
            false, now(), now(), now())
    RETURNING o.notification_id INTO queued;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION pganalytics.test_channel(text) IS
    'queues an alert "channel_test" for a channel; what becomes of it is in pganalytics.alert_deliveries';
GRANT EXECUTE ON FUNCTION pganalytics.test_channel(text) TO pganalytics_admin;
