-- What `egret baseline learn --exact` makes of a log, in ClickHouse, whichever hosts the log is of:
--
--   clickhouse local --param_log '/var/lib/egret/log/**/*.parquet' --queries-file baseline.clickhouse.sql
--
-- For a bucket, write s3(...) or s3Cluster(...) for file(...). The functions stay on a server, so their names begin
-- with `egret_`. baseline.duckdb.sql is the same query with more words about it.

CREATE OR REPLACE FUNCTION egret_escaped AS (letter) ->
  multiIf(
    letter IN ('"', '\\'), '\\' || letter,
    match(letter, '\\p{Cc}'), '\\u{' || replaceRegexpOne(lower(hex(reinterpret(reverse(convertCharset(letter, 'utf-8', 'utf-32be')), 'UInt32'))), '^0+', '') || '}',
    letter
  );

CREATE OR REPLACE FUNCTION egret_quoted AS (value) ->
  if(
    value NOT IN ('', '->') AND NOT match(value, '[\\s\\p{Z}\\p{Cc}"\\\\#=*?\\[]'),
    value,
    '"' || arrayStringConcat(arrayMap(letter -> egret_escaped(letter), extractAll(value, '(?s).'))) || '"'
  );

WITH
begun AS (
  SELECT
    process_executable_path AS executable,
    ifNull(egret_script, '') AS script,
    coalesce(process_user_name, toString(process_user_id)) AS account,
    if(systemd_unit LIKE '%.service', assumeNotNull(systemd_unit), '') AS unit,
    network_transport AS transport,
    -- Rules match by names that are evidence alone.
    CASE WHEN coalesce(egret_name_unverified, false) THEN NULL ELSE server_address END AS name,
    -- A link-local peer is another host behind every interface.
    concat(network_peer_address, ifNull(concat('%', egret_network_interface), '')) AS address,
    ifNull(toInt32(network_peer_port), -1) AS port,
    timestamp,
    extract(_path, '([^/]*)-[0-9]+\\.parquet$') AS host,
    (extract(_path, 'date=[^/]+/hour=[^/]+') || extract(_path, '-[0-9]+\\.parquet$') || _path, _row_number) AS place
  FROM file({log:String}, Parquet)
  WHERE event_name IN ('connection.open', 'datagram.send') AND NOT egret_inbound AND error_type IS NULL
    AND NOT coalesce(egret_connect_outstanding, false)
    AND coalesce(egret_verdict, 'allow') = 'allow' AND coalesce(egret_verdict_reason, '') <> 'answer'
    AND (
      coalesce(egret_executable_origin, CASE WHEN container_id IS NULL THEN 'host' ELSE 'private' END) IN ('host', 'replaced')
        AND (egret_script IS NULL OR container_id IS NULL)
      OR egret_executable_origin = 'shared' AND egret_script IS NULL
    )
    AND container_image_name IS NULL AND k8s_pod_name IS NULL
),
flows AS (
  SELECT * FROM begun
  WHERE executable IS NOT NULL AND account IS NOT NULL AND transport IS NOT NULL AND address IS NOT NULL
    AND script != '?' AND (port >= 0 OR transport NOT IN ('tcp', 'mptcp', 'udp', 'udplite', 'sctp'))
),
addresses AS (
  SELECT executable, account, transport, script, unit, port, address AS peer, min(place) AS made
  FROM flows WHERE name IS NULL GROUP BY ALL
),
address_rules AS (
  SELECT * FROM addresses AS rule WHERE NOT EXISTS (
    SELECT 1 FROM addresses AS wider
    WHERE wider.executable = rule.executable AND wider.account = rule.account AND wider.transport = rule.transport
      AND wider.peer = rule.peer AND wider.made < rule.made
      AND wider.script IN ('', rule.script) AND wider.unit IN ('', rule.unit) AND wider.port IN (-1, rule.port)
  )
),
names AS (
  SELECT executable, account, transport, script, unit, port, name AS peer, min(place) AS made
  FROM flows AS flow WHERE name IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM address_rules AS wider
    WHERE wider.executable = flow.executable AND wider.account = flow.account AND wider.transport = flow.transport
      AND wider.peer = flow.address AND wider.made < flow.place
      AND wider.script IN ('', flow.script) AND wider.unit IN ('', flow.unit) AND wider.port IN (-1, flow.port)
  )
  GROUP BY ALL
),
name_rules AS (
  SELECT * FROM names AS rule WHERE NOT EXISTS (
    SELECT 1 FROM names AS wider
    WHERE wider.executable = rule.executable AND wider.account = rule.account AND wider.transport = rule.transport
      AND wider.peer = rule.peer AND wider.made < rule.made
      AND wider.script IN ('', rule.script) AND wider.unit IN ('', rule.unit) AND wider.port IN (-1, rule.port)
  )
),
covering AS (
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, (1, rule.made) AS preference,
    rule.executable AS executable, rule.account AS account, rule.transport AS transport, rule.script AS script,
    rule.unit AS unit, rule.port AS port, rule.peer AS peer
  FROM flows AS flow JOIN name_rules AS rule
    ON rule.executable = flow.executable AND rule.account = flow.account AND rule.transport = flow.transport
    AND rule.peer = flow.name AND rule.made <= flow.place
    AND rule.script IN ('', flow.script) AND rule.unit IN ('', flow.unit) AND rule.port IN (-1, flow.port)
  UNION ALL
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, (2, rule.made) AS preference,
    rule.executable AS executable, rule.account AS account, rule.transport AS transport, rule.script AS script,
    rule.unit AS unit, rule.port AS port, rule.peer AS peer
  FROM flows AS flow JOIN address_rules AS rule
    ON rule.executable = flow.executable AND rule.account = flow.account AND rule.transport = flow.transport
    AND rule.peer = flow.address AND rule.made <= flow.place
    AND rule.script IN ('', flow.script) AND rule.unit IN ('', flow.unit) AND rule.port IN (-1, flow.port)
),
counted AS (
  SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY place ORDER BY preference) AS choice FROM covering)
  WHERE choice = 1
)
SELECT
  'allow exe=' || egret_quoted(executable)
    || CASE WHEN script = '' THEN '' ELSE ' script=' || egret_quoted(script) END
    || ' user=' || egret_quoted(account)
    || CASE WHEN unit = '' THEN '' ELSE ' unit=' || egret_quoted(unit) END
    || ' -> ' || transport || ' ' || egret_quoted(peer) || ' ' || CASE WHEN port < 0 THEN '*' ELSE toString(port) END
    AS rule,
  count(*) AS flows,
  count(DISTINCT toDate(timestamp, 'UTC')) AS days,
  formatDateTime(min(timestamp), '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS first_seen,
  formatDateTime(max(timestamp), '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS last_seen,
  count(DISTINCT host) AS hosts
FROM counted
GROUP BY executable, script, account, unit, transport, peer, port
ORDER BY executable, script, account, unit, transport, peer, port;
