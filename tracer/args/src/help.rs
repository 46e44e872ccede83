//! Examples and exit statuses in `--help`. A paragraph is one line here; clap wraps it.

pub(super) const EGRET: &str = "\
Examples:
  sudo egret trace                     connections of the whole host, live
  sudo egret trace -- curl -s URL      connections of one command and its descendants
  sudo egret run                       the daemon: a log of connections, metrics, spans
  egret log --since 1h                 connections that the daemon has recorded
  egret baseline readiness             whether the baseline is good enough to enforce
  egret mode enforce --confirm-within 5m   enforce the baseline, and revert unless confirmed
  egret doctor                         what this kernel and user allow
  egret config check                   check the configuration of egret run

Exit status: 0 done, 1 failed while running, 2 bad usage or configuration, \
3 kernel or privilege missing.";

pub(super) const RUN: &str = "\
Without a configuration egret observes: it writes a Parquet log to /var/lib/egret/log, serves metrics at \
127.0.0.1:9464, and listens at /run/egret/egret.sock. `egret config reference` lists all options.

On SIGTERM and SIGINT egret drains every sink and exits; a second signal ends it at once. On SIGHUP it reloads its \
configuration and reopens its JSON file.

Exit status: 0 stopped by a signal, 1 failed while running, 2 bad usage or configuration, \
3 kernel or privilege missing.";

pub(super) const STATUS: &str = "\
Exit status: 0 done, 1 no daemon answers, 2 bad usage.";

pub(super) const TRACE: &str = "\
Several values of one filter are alternatives; different filters must all match: --port 80,443 --user alice shows the \
connections of alice at either port. A filter on the process hides connections whose process is unknown.

A ! before a value excludes it: --exe '!nginx' hides nginx, --port '!53,!123' hides both ports. Quote it, because ! is special \
in shells. An attribute that is unknown excludes nothing.

With --sum-by only sums are shown, at the end: connections, including failed and preexisting ones, and bytes, including those \
of open connections (with --attach up to the daemon's last report). At most 100,000 sums are kept; everything else is added \
up as (other).

Events go to standard output, messages to standard error. The last line has the numbers of captured, delivered and lost \
events.

Examples:
  Everything, live, with open connections listed first:
    sudo egret trace

  The connections of a build:
    sudo egret trace -- make

  Which processes connect to the database network:
    sudo egret trace --peer 10.20.0.0/16 --port 5432

  The connections of a service for a minute, as JSON for other programs:
    sudo egret trace --exe /usr/sbin/nginx --duration 1m --format json | jq -c .

  Events of the daemon, without a second capture:
    egret trace --attach --port 443

  What a Kubernetes workload connects to, without DNS:
    sudo egret trace --container shop/web --direction out --port '!53'

  Which programs send most within a minute, and to which peers:
    sudo egret trace --duration 1m --sum-by exe,name --sort sent --top 20

  Every DNS query over UDP:
    sudo egret trace --transport udp --port 53 --every-send

Exit status: that of COMMAND where one is given (127 if it is not found, 126 if it cannot be executed), \
else 0 done, 1 failed while running, 2 bad usage, \
3 kernel or privilege missing.";

pub(super) const CONFIG_CHECK: &str = "\
Environment variables apply as for egret run; use env -i to check only the file. Errors go to standard error, one line \
each: FILE:LINE:COLUMN: ERROR.

Exit status: 0 no errors, 2 errors.";

pub(super) const LOG: &str = "\
Events have the order of their files, which is the order of time except within moments. Several values of one filter are \
alternatives; different filters must all match; a ! before a value excludes it: --exe '!nginx'.

With --sum-by a connection counts when it begins or fails. Bytes of an open connection count up to its last row. At most \
100,000 sums are kept; everything else is added up as (other).

A file that cannot be read is named on standard error. All other files are shown, and the exit status is 1.

Examples:
  Which processes connected to the database network today:
    egret log --since 2026-11-24T00:00 --peer 10.20.0.0/16 --port 5432

  The peers of a program, by name:
    egret log --exe curl --event connection.open --format json | jq -r '.\"server.address\"' | sort | uniq -c

  Flows that were blocked, or would have been, because no rule covers them:
    egret log --verdict block,would_block --reason no_rule

  Which programs sent most today, and to which peers:
    egret log --since 2026-11-24T00:00 --sum-by exe,name --sort sent --top 20

  Everything below a domain in the last two days, for a spreadsheet:
    egret log --since 2d --name '*.example.org' --format csv >example.csv

Exit status: 0 done, 1 something could not be read, 2 bad usage.";

pub(super) const REPORT: &str = "\
The page shows connections and bytes over time, destinations on the internet and in private networks, programs, what the \
baseline had not seen before, blocked flows, rules written by people, and what is missing: lost events, unreadable files, \
connections of unknown programs. It has no arguments of programs.

An HTML page is one file without scripts that loads nothing. Bytes of open connections count up to their last row. Each \
table has at most 20 rows, and says how many are left out.

Examples:
  The last week, for a browser or a printer:
    sudo egret report --output week.html

  Yesterday as text, for a mail:
    sudo egret report --since 2026-11-23T00:00 --until 2026-11-24T00:00 --format markdown

  A host's log in a bucket:
    egret report --log s3://flows/web-1 --baseline web-1.baseline --output web-1.html

Exit status: 0 done, 1 something could not be read, 2 bad usage.";

pub(super) const MODE: &str = "\
A switch keeps open connections and the baseline. The mode is kept over a restart of egret.

When you work over a connection to this host, switch with --confirm-within: if something you need is blocked, egret reverts \
the switch after that time, even if egret crashes or the host restarts meanwhile. Connections to this host, such as an SSH \
session, are never judged in any mode.

Examples:
  What a switch would block, from the log:
    egret baseline replay --log /var/lib/egret/log

  Rehearse, and show what would be blocked:
    sudo egret mode shadow
    egret log --verdict would_block

  Enforce the baseline, and confirm once everything works:
    sudo egret mode enforce --confirm-within 5m
    sudo egret mode confirm

  One program only:
    sudo egret mode enforce --only exe=/usr/bin/curl

  Stop enforcement at once:
    sudo egret mode observe

Exit status: 0 done, 1 the daemon refuses or does not answer, 2 bad usage.";

pub(super) const ASK: &str = "\
In enforce, a connection that no rule covers is blocked and becomes a question. An answer applies from the program's next \
attempt on; a permanent one is a rule of the baseline. Without a subcommand egret asks the questions one by one if it runs on \
a terminal, and lists them otherwise.

An answer applies to the program, host and port of the question. --domain, --any-port and --any-host extend it to more flows \
of the program. It also answers all other open questions that it covers. Of several answers in force, one that denies has \
precedence.

Examples:
  sudo egret ask                              ask one question after the other
  egret ask --list                            list open questions and answers in force
  sudo egret ask allow 7 --for 1h             allow question 7 for an hour
  sudo egret ask allow 7 --domain             allow the domain of the name and all names below it, at this port
  sudo egret ask allow 7 --any-port --once    allow this host at any port, for one connection
  sudo egret ask allow 7 --any-host --for 10m allow this port of any host, for ten minutes
  sudo egret ask deny 7 --any-host --any-port deny every flow of the program, permanently
  sudo egret ask deny exe=/usr/bin/telemetry  deny all questions of a program, permanently
  egret ask --watch                           notify about each new question in a desktop session

Exit status: 0 done, 1 the daemon refuses or does not answer, 2 bad usage.";

pub(super) const FIREWALL_SHOW: &str = "\
The rules that `egret mode learn`, `shadow` and `enforce` install on a host without rules of egret. `egret mode observe` and \
a clean stop remove all of them.

Exit status: 0 done, 1 no firewall works here, 2 bad configuration.";

pub(super) const FIREWALL_REMOVE: &str = "\
A running daemon restores its rules within seconds: use `egret mode observe` instead. Rules of other programs are not \
touched.

Exit status: 0 done, also if there were no rules, 1 a rule could not be removed.";
