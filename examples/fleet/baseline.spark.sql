-- What `egret baseline learn --exact` makes of a log, in Spark SQL (4.0 and later), whichever hosts the log is of:
--
--   spark-sql --hivevar log=s3a://BUCKET/PREFIX -f baseline.spark.sql
--
-- baseline.duckdb.sql is the same query with more words about it.

SET spark.sql.session.timeZone = UTC;
-- Spark has no timestamps as fine as the log's: they become numbers.
SET spark.sql.legacy.parquet.nanosAsLong = true;
-- Files of older versions of egret lack columns.
SET spark.sql.parquet.mergeSchema = true;

CREATE OR REPLACE TEMPORARY FUNCTION quoted(value STRING) RETURNS STRING RETURN
  CASE
    WHEN value NOT IN ('', '->') AND NOT value RLIKE r'[\s\p{Z}\p{Cc}"\\#=*?\[]' THEN value
    ELSE '"' || array_join(transform(split(value, ''), letter -> CASE
        WHEN letter IN ('"', r'\') THEN r'\' || letter
        WHEN letter RLIKE r'\p{Cc}' THEN r'\u{' || lower(hex(ascii(letter))) || '}'
        ELSE letter
      END), '') || '"'
  END;

WITH
begun AS (
  SELECT
    process_executable_path AS executable,
    coalesce(egret_script, '') AS script,
    coalesce(process_user_name, CAST(process_user_id AS STRING)) AS account,
    CASE WHEN systemd_unit LIKE '%.service' THEN systemd_unit ELSE '' END AS unit,
    network_transport AS transport,
    -- Rules match by names that are evidence alone.
    CASE WHEN coalesce(egret_name_unverified, false) THEN NULL ELSE server_address END AS name,
    -- A link-local peer is another host behind every interface.
    concat(network_peer_address, coalesce(concat('%', egret_network_interface), '')) AS address,
    coalesce(CAST(network_peer_port AS INT), -1) AS port,
    timestamp_seconds(timestamp DIV 1000000000) AS timestamp,
    regexp_extract(_metadata.file_path, r'([^/]*)-[0-9]+\.parquet$', 1) AS host,
    named_struct(
      'file', concat(regexp_extract(_metadata.file_path, 'date=[^/]+/hour=[^/]+', 0),
                     regexp_extract(_metadata.file_path, r'-[0-9]+\.parquet$', 0), _metadata.file_path),
      'row', _metadata.row_index) AS place
  FROM parquet.`${log}`
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
    AND script <> '?' AND (port >= 0 OR transport NOT IN ('tcp', 'mptcp', 'udp', 'udplite', 'sctp'))
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
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, named_struct('by', 1, 'made', rule.made) AS preference,
    rule.executable AS executable, rule.account AS account, rule.transport AS transport, rule.script AS script,
    rule.unit AS unit, rule.port AS port, rule.peer AS peer
  FROM flows AS flow JOIN name_rules AS rule
    ON rule.executable = flow.executable AND rule.account = flow.account AND rule.transport = flow.transport
    AND rule.peer = flow.name AND rule.made <= flow.place
    AND rule.script IN ('', flow.script) AND rule.unit IN ('', flow.unit) AND rule.port IN (-1, flow.port)
  UNION ALL
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, named_struct('by', 2, 'made', rule.made) AS preference,
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
  'allow exe=' || quoted(executable)
    || CASE WHEN script = '' THEN '' ELSE ' script=' || quoted(script) END
    || ' user=' || quoted(account)
    || CASE WHEN unit = '' THEN '' ELSE ' unit=' || quoted(unit) END
    || ' -> ' || transport || ' ' || quoted(peer) || ' ' || CASE WHEN port < 0 THEN '*' ELSE CAST(port AS STRING) END
    AS rule,
  count(*) AS flows,
  count(DISTINCT to_date(timestamp)) AS days,
  date_format(min(timestamp), "yyyy-MM-dd'T'HH:mm:ss'Z'") AS first_seen,
  date_format(max(timestamp), "yyyy-MM-dd'T'HH:mm:ss'Z'") AS last_seen,
  count(DISTINCT host) AS hosts
FROM counted
GROUP BY executable, script, account, unit, transport, peer, port
ORDER BY executable, script, account, unit, transport, peer, port;
