-- What kind of failure an attempt's log shows: what deliveries are filtered and counted by. Null of one that was delivered.
CREATE OR REPLACE FUNCTION error_class(outcome text, http_status integer, error text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN outcome = 'delivered' THEN NULL
    WHEN http_status IS NOT NULL THEN 'http_' || (http_status / 100)::text || 'xx'
    WHEN split_part(error, ':', 1) IN ('blocked_destination', 'connect_refused', 'connect_timeout', 'connection_reset', 'dns_error', 'dns_timeout',
      'proxy_error', 'request_timeout', 'response_invalid', 'response_timeout', 'tls_error') THEN split_part(error, ':', 1)
    WHEN split_part(error, ':', 1) = 'nacked' THEN 'nacked'
    ELSE 'unknown' END
$$;
