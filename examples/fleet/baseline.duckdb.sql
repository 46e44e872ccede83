-- What `egret baseline learn --exact` makes of a log about files of the host, in DuckDB, whichever hosts the log is of:
--
--   duckdb -cmd "SET VARIABLE log = '/var/lib/egret/log/**/*.parquet'" < baseline.duckdb.sql
--
-- A row a rule: the rule as a line of a baseline has it, what was seen of it, and on how many hosts. docs/fleet.md says
-- how a baseline comes of that, and why the query is as it is; docs/baseline.md, what a rule is.

-- A value as a line has it.
CREATE OR REPLACE TEMPORARY MACRO escaped(letter) AS
  CASE
    WHEN letter IN ('"', '\') THEN '\' || letter
    WHEN regexp_matches(letter, '\p{Cc}') THEN '\u{' || lower(to_hex(unicode(letter))) || '}'
    ELSE letter
  END;
CREATE OR REPLACE TEMPORARY MACRO quoted(value) AS
  CASE
    WHEN value NOT IN ('', '->') AND NOT regexp_matches(value, '[\s\p{Z}\p{Cc}"\\#=*?\[]') THEN value
    ELSE '"' || array_to_string(list_transform(string_split(value, ''), lambda letter: escaped(letter)), '') || '"'
  END;

WITH
-- Flows that the hosts began, each with its place in the order in which `egret baseline learn` reads them.
begun AS (
  SELECT
    process_executable_path AS executable,
    -- '' for a program that is no interpreter: as everywhere below, that is a rule that does not say.
    coalesce(egret_script, '') AS script,
    coalesce(process_user_name, CAST(process_user_id AS VARCHAR)) AS account,
    CASE WHEN systemd_unit LIKE '%.service' THEN systemd_unit ELSE '' END AS unit,
    network_transport AS transport,
    -- Rules match by names that are evidence alone.
    CASE WHEN coalesce(egret_name_unverified, false) THEN NULL ELSE server_address END AS name,
    -- A link-local peer is another host behind every interface.
    network_peer_address || coalesce('%' || egret_network_interface, '') AS address,
    coalesce(CAST(network_peer_port AS INTEGER), -1) AS port,
    timestamp,
    regexp_extract(filename, '([^/]*)-[0-9]+\.parquet$', 1) AS host,
    {'file': regexp_extract(filename, 'date=[^/]+/hour=[^/]+') || regexp_extract(filename, '-[0-9]+\.parquet$') || filename,
     'row': file_row_number} AS place
  FROM read_parquet(getvariable('log'), union_by_name = true, filename = true, file_row_number = true)
  WHERE event_name IN ('connection.open', 'datagram.send') AND NOT egret_inbound AND error_type IS NULL
    AND NOT coalesce(egret_connect_outstanding, false)
    -- What was blocked, would have been, or passed because a person was asked, teaches nothing.
    AND coalesce(egret_verdict, 'allow') = 'allow' AND coalesce(egret_verdict_reason, '') <> 'answer'
    -- Files of the host alone: rules with `file` are made by `egret baseline learn`.
    AND (
      coalesce(egret_executable_origin, CASE WHEN container_id IS NULL THEN 'host' ELSE 'private' END) IN ('host', 'replaced')
        AND (egret_script IS NULL OR container_id IS NULL)
      OR egret_executable_origin = 'shared' AND egret_script IS NULL
    )
    -- So are rules with `image` and `pod`.
    AND container_image_name IS NULL AND k8s_pod_name IS NULL
),
-- Those of which enough is known for a rule.
flows AS (
  SELECT * FROM begun
  WHERE executable IS NOT NULL AND account IS NOT NULL AND transport IS NOT NULL AND address IS NOT NULL
    AND script <> '?' AND (port >= 0 OR transport NOT IN ('tcp', 'mptcp', 'udp', 'udplite', 'sctp'))
),
-- Rules for addresses: one for the first of its flows, unless a wider one was there before.
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
-- Rules for names, in the same way: an address covers a flow to it whatever name was asked for.
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
-- A flow counts for one rule that was there, or that it made: one for its name before one for its address, and of
-- several the oldest.
covering AS (
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, {'by': 1, 'made': rule.made} AS preference,
    rule.executable AS executable, rule.account AS account, rule.transport AS transport, rule.script AS script,
    rule.unit AS unit, rule.port AS port, rule.peer AS peer
  FROM flows AS flow JOIN name_rules AS rule
    ON rule.executable = flow.executable AND rule.account = flow.account AND rule.transport = flow.transport
    AND rule.peer = flow.name AND rule.made <= flow.place
    AND rule.script IN ('', flow.script) AND rule.unit IN ('', flow.unit) AND rule.port IN (-1, flow.port)
  UNION ALL
  SELECT flow.place AS place, flow.timestamp AS timestamp, flow.host AS host, {'by': 2, 'made': rule.made} AS preference,
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
    || ' -> ' || transport || ' ' || quoted(peer) || ' ' || CASE WHEN port < 0 THEN '*' ELSE CAST(port AS VARCHAR) END
    AS rule,
  count(*) AS flows,
  count(DISTINCT strftime(timestamp AT TIME ZONE 'UTC', '%Y-%m-%d')) AS days,
  strftime(min(timestamp) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS first_seen,
  strftime(max(timestamp) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS last_seen,
  count(DISTINCT host) AS hosts
FROM counted
GROUP BY executable, script, account, unit, transport, peer, port
ORDER BY executable, script, account, unit, transport, peer, port;
