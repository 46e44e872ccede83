//! The part of `--help` that teaches by example. Paragraphs are one line here, clap wraps them.

pub(super) const EGRET: &str = "\
Examples:
  sudo egret trace                     connections of the whole host, live
  sudo egret trace -- curl -s URL      connections of one command and its descendants
  sudo egret run                       the daemon: a log of connections, metrics, spans
  egret log --since 1h                 what the daemon has recorded
  egret baseline readiness             whether what was learned is enough to hold the host to
  egret mode enforce --confirm-within 5m   hold the host to its baseline, and go back unless confirmed
  egret doctor                         what this kernel and user allow, and what is lost without
  egret config check                   whether the configuration of egret run is right

Exit status: 0 done, 1 failed while running, 2 bad usage or configuration, \
3 kernel or privilege missing.";

pub(super) const RUN: &str = "\
Without any configuration egret observes: it writes a Parquet log to /var/lib/egret/log, serves metrics at \
127.0.0.1:9464, and answers at /run/egret/egret.sock. `egret config reference` tells what can be set.

SIGTERM and SIGINT have every sink send what it has, and end egret; a second one ends it at once. SIGHUP has it read \
its configuration again and open its JSON file anew.

Exit status: 0 stopped as asked, 1 failed while running, 2 bad usage or configuration, \
3 kernel or privilege missing.";

pub(super) const STATUS: &str = "\
Exit status: 0 done, 1 no daemon answers, 2 bad usage.";

pub(super) const TRACE: &str = "\
Several values of one filter are alternatives, different filters add up: --port 80,443 --user alice shows \
what alice has to do with either port. A filter on the process hides connections whose process is unknown.

A ! before a value excludes what it names: --exe '!nginx' hides nginx, --port '!53,!123' both ports. Quote it: shells have a \
meaning of their own for it. What an event does not know excludes nothing.

With --sum-by, nothing is shown until the end, and then sums: connections that began, failed ones and those that already \
stand among them, and bytes, of what is still open too (with --attach up to the daemon's last report of it). At most 100,000 \
sums are told apart; what comes beyond is added up as (other).

Events go to standard output, messages to standard error. At the end one line says what was captured, \
delivered and lost.

Examples:
  Everything, live, with the connections that already stand listed first:
    sudo egret trace

  What a build talks to:
    sudo egret trace -- make

  Who speaks to the database network:
    sudo egret trace --peer 10.20.0.0/16 --port 5432

  What a service does for a minute, as JSON for other programs:
    sudo egret trace --exe /usr/sbin/nginx --duration 1m --format json | jq -c .

  What the daemon captures, without capturing a second time:
    egret trace --attach --port 443

  What a workload of Kubernetes opens besides look-ups:
    sudo egret trace --container shop/web --direction out --port '!53'

  Who sends most within a minute, and to whom:
    sudo egret trace --duration 1m --sum-by exe,name --sort sent --top 20

  Every name look-up that goes out by UDP:
    sudo egret trace --transport udp --port 53 --every-send

Exit status: that of COMMAND where one is given (127 if there is none of that name, 126 if it cannot be executed), \
else 0 done, 1 failed while running, 2 bad usage, \
3 kernel or privilege missing.";

pub(super) const CONFIG_CHECK: &str = "\
Environment variables count as they would for egret run; run it with env -i to check the file alone. What is wrong \
goes to standard error, one line each, as FILE:LINE:COLUMN: WHAT.

Exit status: 0 nothing is wrong, 2 something is.";

pub(super) const LOG: &str = "\
Events come in the order of their files, which is that of time but for moments. Several values of one filter are \
alternatives, different filters add up, and a ! before a value excludes what it names: --exe '!nginx'.

With --sum-by, connections are counted when they begin, failed ones too, and bytes as rows report them, of open ones up to the last row. \
At most 100,000 sums are told apart; what comes beyond is added up as (other).

A file that cannot be read is named on standard error, the others are shown all the same, and the exit status is 1.

Examples:
  Who spoke to the database network today:
    egret log --since 2026-11-24T00:00 --peer 10.20.0.0/16 --port 5432

  Where a program connected to, by name:
    egret log --exe curl --event connection.open --format json | jq -r '.\"server.address\"' | sort | uniq -c

  What was blocked, or would have been, because no rule of the baseline covers it:
    egret log --verdict block,would_block --reason no_rule

  Who sent most today, and to whom:
    egret log --since 2026-11-24T00:00 --sum-by exe,name --sort sent --top 20

  Everything below a domain in the last two days, for a spreadsheet:
    egret log --since 2d --name '*.example.org' --format csv >example.csv

Exit status: 0 done, 1 something could not be read, 2 bad usage.";

pub(super) const MODE: &str = "\
From one mode to the next nothing is lost: connections that stand go on, and what was learned stays. The mode is kept over \
a restart of egret.

Over a connection to this host, switch with --confirm-within: if something you need is blocked, wait, and egret goes back \
by itself, also if it crashes or the host restarts meanwhile. Connections that others opened to this host, an SSH session \
say, are never judged in any mode.

Examples:
  What a switch would block, before anything is:
    egret baseline replay --log /var/lib/egret/log

  Rehearse, and look at what would be blocked:
    sudo egret mode shadow
    egret log --verdict would_block

  Hold the host to its baseline, for good once you have seen that all works:
    sudo egret mode enforce --confirm-within 5m
    sudo egret mode confirm

  One program only:
    sudo egret mode enforce --only exe=/usr/bin/curl

  At once back to looking on:
    sudo egret mode observe

Exit status: 0 done, 1 egret refuses or does not answer, 2 bad usage.";

pub(super) const ASK: &str = "\
In enforce, a connection that no rule covers is blocked and becomes a question. An answer holds at once, for the next time \
that the program tries; `always` makes it a rule of the baseline. Without a subcommand each question is put to you, one by \
one, on a terminal; elsewhere they are listed.

An answer is for the program, the host and the port that were asked about. --domain, --any-port and --any-host make it one for more \
of the same program; whatever else it answers of what is open is answered with it. Of several answers that are in force, one that \
denies wins.

Examples:
  sudo egret ask                              one after the other
  egret ask --list                            what is open, and which answers hold
  sudo egret ask allow 7 --for 1h             question 7, for an hour
  sudo egret ask allow 7 --domain             the domain of the name and everything below it, at this port
  sudo egret ask allow 7 --any-port --once    this host at any port, for one connection
  sudo egret ask allow 7 --any-host --for 10m this port of any host, for ten minutes
  sudo egret ask deny 7 --any-host --any-port whatever the program does, for good
  sudo egret ask deny exe=/usr/bin/telemetry  all questions of a program, for good
  egret ask --watch                           in a desktop session: a notification for each new question

Exit status: 0 done, 1 egret refuses or does not answer, 2 bad usage.";

pub(super) const FIREWALL_SHOW: &str = "\
What `egret mode learn`, `shadow` and `enforce` install, word for word, on a host where there is nothing of egret's yet. \
`egret mode observe` and a clean stop remove all of it.

Exit status: 0 done, 1 no firewall works here, 2 bad configuration.";

pub(super) const FIREWALL_REMOVE: &str = "\
A daemon that runs puts its rules back within seconds: use `egret mode observe` with one. Rules of others are not \
touched.

Exit status: 0 done, also if there was nothing, 1 something could not be removed.";
