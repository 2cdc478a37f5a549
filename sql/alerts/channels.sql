-- Channels: checks on INSERT and UPDATE, secrets, and test messages. Administrators write the table
-- alert_channels directly. The address to which a URL resolves is not checked here: the courier
-- checks it when it connects.

-- Both functions are in C and judge as the courier does (core/host_list.hpp).
CREATE FUNCTION pganalytics.url_has_host(url text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_url_has_host';
COMMENT ON FUNCTION pganalytics.url_has_host(text) IS
    'whether the host of a URL is a name or an address, and its port from 1 to 65535';
GRANT EXECUTE ON FUNCTION pganalytics.url_has_host(text) TO pganalytics_admin;

CREATE FUNCTION pganalytics.url_may_be_reached(url text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pganalytics_url_may_be_reached';
COMMENT ON FUNCTION pganalytics.url_may_be_reached(text) IS
    'whether pganalytics.alert_allowed_hosts lets the courier connect to a URL; true, too, if only the address of its name will tell';
GRANT EXECUTE ON FUNCTION pganalytics.url_may_be_reached(text) TO pganalytics_admin;

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
    -- The first ones are constraints of the table, too; a violated constraint would say only its name.
    problem := CASE
        WHEN (NEW.name ~ '^[a-zA-Z0-9_.-]{1,63}$') IS NOT TRUE THEN
            'the name of a channel has 1 to 63 letters, digits, dots, hyphens and underscores'
        WHEN (NEW.kind IN ('alertmanager', 'webhook', 'slack', 'email')) IS NOT TRUE THEN
            format('there is no kind of channel %L; it is alertmanager, webhook, slack or email', NEW.kind)
        WHEN (NEW.authentication IN ('none', 'hmac', 'bearer')) IS NOT TRUE THEN
            format('there is no authentication %L; it is none, hmac or bearer', NEW.authentication)
        WHEN (NEW.group_wait BETWEEN '0' AND '1 hour') IS NOT TRUE THEN 'group_wait is 0 to 1 hour'
        WHEN (NEW.repeat_every >= '0') IS NOT TRUE THEN 'repeat_every is not negative; 0 means never'
        WHEN NOT NEW.escalate_after BETWEEN '0' AND '7 days' THEN 'escalate_after is 0 to 7 days'
        WHEN (NEW.give_up_after BETWEEN '1 s' AND '30 days') IS NOT TRUE THEN
            'give_up_after is 1 second to 30 days'
        WHEN NOT NEW.heartbeat_every BETWEEN '30 s' AND '1 day' THEN
            'heartbeat_every is 30 seconds to 1 day'
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
        WHEN NOT pganalytics.url_has_host(NEW.url) THEN
            'the url has a port or an address that cannot be'
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
    -- This is no error: a dump is restored before the settings of its server are made again.
    IF NEW.url IS NOT NULL AND NEW.enabled AND NOT pganalytics.url_may_be_reached(NEW.url) THEN
        RAISE WARNING 'nothing can be delivered to channel "%" yet', NEW.name
            USING DETAIL = CASE WHEN NEW.url ~ '^http:'
                           THEN 'http, without TLS, is for hosts that pganalytics.alert_allowed_hosts names.'
                           ELSE 'It is no public address, and pganalytics.alert_allowed_hosts does not name it.'
                           END,
                  HINT = 'ALTER SYSTEM SET pganalytics.alert_allowed_hosts, and reload; or change the url.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION pganalytics.check_alert_channel() IS 'refuses channels that nothing can be sent to';
CREATE TRIGGER check_channel BEFORE INSERT OR UPDATE ON pganalytics.alert_channels
    FOR EACH ROW EXECUTE FUNCTION pganalytics.check_alert_channel();

-- SECURITY DEFINER: administrators may not write the outbox, secrets and states themselves.
-- When a channel is deleted, follow_alert_channel() deletes its notifications, secret and state: a
-- new channel of the same name starts with nothing. When a channel is changed, its notifications
-- that wait for a retry become due at once.
CREATE FUNCTION pganalytics.follow_alert_channel() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
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
CREATE TRIGGER follow_channel AFTER UPDATE OR DELETE ON pganalytics.alert_channels
    FOR EACH ROW EXECUTE FUNCTION pganalytics.follow_alert_channel();

CREATE TABLE pganalytics.alert_channel_states (
    channel text PRIMARY KEY,
    resend_at timestamptz NOT NULL DEFAULT '-infinity',
    attempts integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error text,
    anchor text,
    anchored_at timestamptz,
    resend_after bigint NOT NULL DEFAULT 0,
    resend_next bigint
);
COMMENT ON TABLE pganalytics.alert_channel_states IS
    'when firing alerts are next resent to an Alertmanager, and which head of the audit log was queued last';
COMMENT ON COLUMN pganalytics.alert_channel_states.attempts IS 'resends in a row that have failed';
COMMENT ON COLUMN pganalytics.alert_channel_states.resend_after IS
    'the next resend begins after this alert; 0: with the first one';
COMMENT ON COLUMN pganalytics.alert_channel_states.resend_next IS
    'the last alert of the resend in progress, if more follow';
GRANT SELECT ON pganalytics.alert_channel_states TO pganalytics_admin;
GRANT SELECT, INSERT,
      UPDATE (resend_at, attempts, last_status, last_error, anchor, anchored_at, resend_after, resend_next)
    ON pganalytics.alert_channel_states TO pganalytics_alerts;

-- SECURITY DEFINER: administrators write secrets only through this function.
-- The function checks the secret itself instead of leaving that to a constraint: the error of a
-- violated constraint would show the whole row, with the secret.
CREATE FUNCTION pganalytics.set_channel_secret(channel text, secret text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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

-- SECURITY DEFINER: administrators write the outbox only through functions.
CREATE FUNCTION pganalytics.test_channel(channel text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
