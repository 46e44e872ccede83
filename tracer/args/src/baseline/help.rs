//! Examples and exit statuses in `egret baseline --help`. A paragraph is one line here; clap wraps it.

pub(super) const BASELINE: &str = "\
A baseline is a text file with one rule a line: a subject, a destination, and the evidence for it. It can be read, edited, \
compared and kept in git:

  allow exe=/usr/bin/curl user=alice -> tcp example.org 443  # seen 12 times on 3 days, 2026-11-20T08:00:01Z to ...

From a log to a reviewed baseline:
  egret baseline learn                        learn the log of the daemon
  egret baseline readiness                    is the baseline good enough? if not, why?
  egret baseline replay                       what would it have blocked so far?
  egret baseline explain 17                   why does rule 17 exist?
  egret baseline deny --exe /usr/bin/curl --to '*.example.com'
  egret baseline diff reviewed.baseline       what is new since the review?

Exit status: 0 done, 1 failed while running, 2 bad usage or a baseline with errors.";

pub(super) const SHOW: &str = "\
explain, allow, deny and remove accept the numbers shown. Numbers change when rules are added or removed.

Examples:
  Everything about one program, by file name:
    egret baseline show --subject curl

  What services of one user may do:
    egret baseline show --subject 'user=www-data'

  Rules that were used once, as input for other programs:
    egret baseline show --json | jq -r 'select(.count == 1) | .rule'";

pub(super) const READINESS: &str = "\
The chance that no rule covers the next flow is estimated by the share of flows whose rule was used once \
(Good-Turing; I. J. Good, Biometrika 40, 1953, https://doi.org/10.1093/biomet/40.3-4.237). With a probability of 95 % the \
chance is no higher than the bound shown (McAllester and Schapire, COLT 2000, theorem 1). The bound is conservative: with \
fewer than 86 flows it is 100 %, and a bound of 10 % takes some 8,500 flows.

Both assume independent flows, but real flows come in bursts, and a monthly job gives no sign before it runs. So a \
baseline is ready only if 7 days were watched, the estimate is at most 1 %, the bound at most 10 %, at most 1 % of \
the flows of the last 3 days were new, and at most 1 % of records were lost. Hours of the day without a flow, and losses, \
are always shown.

Without --log the figures come from the evidence in the baseline. With --log the log is learned again, day by day, in \
addition to the rules that people wrote. This shows how much of each day was new, and the hours in which each subject was seen.

Examples:
  Is the baseline ready?
    egret baseline readiness

  How did the share of new flows change over the last four weeks?
    egret baseline readiness --log /var/lib/egret/log --since 28d

  Could one service be enforced before the rest?
    egret baseline readiness --subject unit=nginx.service

Exit status: 0 done, whether it is ready or not, 1 failed while running, 2 bad usage or a baseline with errors.";

pub(super) const DIFF: &str = "\
Evidence and comments are not compared. A line begins with + for a rule that only the second baseline has, - for a rule \
that only the first has, and ! for a rule whose action differs.

Examples:
  What was learned since the review?
    egret baseline diff reviewed.baseline

  What does this host do that a similar one does not?
    egret baseline diff other.baseline mine.baseline";

pub(super) const REPLAY: &str = "\
Every recorded outgoing flow is evaluated as in enforce mode. A flow that would be blocked is shown as the rule that would \
allow it, in the syntax of `egret baseline allow`. A flow whose process is unknown gets the verdict of \
enforce.unattributed and is counted separately.

Flows that enforcement never judges are counted by reason, such as other network namespaces, loopback, the host's name \
servers and bypassed users. The configuration decides this (--config FILE, or the default file).

A name is the one that was known when the connection was opened. During enforcement a name may become known earlier or later.

Examples:
  What would have been blocked in the last week?
    egret baseline replay --since 7d

  The ten most frequent blocked flows, for a script:
    egret baseline replay --json | jq -r '.blocked[:10][] | \"\\(.count) \\(.rule)\"'

Exit status: 0 done, whether anything would have been blocked or not, 1 something could not be read, 2 bad usage or a \
baseline with errors.";

pub(super) const LEARN: &str = "\
A flow that no rule covers becomes an exact rule: the executable (and the script of an interpreter), the user and the \
systemd service; the name that was looked up, else the address; transport and port. Then similar rules are generalised: 8 \
names below one registered domain, 16 addresses of a /24 or /64 network, or 8 ports from 1024 up of one host become one rule. \
--exact turns this off. docs/baseline.md explains every generalisation, and `egret baseline explain` shows the one of a rule.

Learning continues with an existing file: rules and comments that people wrote are kept, flows that a rule denies are not \
learned, and flows that the file has counted are not counted again. A failed flow is noted as `tried`, which allows nothing \
until a flow like it succeeds. A flow that was blocked, or would have been, is not learned. A log does not record what egret \
lost; a log file that cannot be read becomes a `gap` line for its hour.

Examples:
  Learn the log of this host:
    egret baseline learn

  The last two weeks, into a separate file for review:
    egret baseline learn --since 14d --output /tmp/new.baseline
    egret baseline diff /var/lib/egret/baseline /tmp/new.baseline

Exit status: 0 done, 1 something could not be read or written, 2 bad usage or a baseline with errors, which is left as it is.";

pub(super) const EXPLAIN: &str = "\
Examples:
  egret baseline explain 17
  egret baseline explain 'exe=/usr/bin/curl user=alice -> tcp *.example.org 443' --log /var/lib/egret/log
  egret baseline explain --exe /usr/bin/curl --user alice --to '*.example.org:443' --transport tcp";

pub(super) const ALLOW: &str = "\
A rule that denies has precedence over every rule that allows. There is a warning if one covers all of the new rule.

Examples:
  egret baseline allow 'exe=/usr/bin/curl user=alice -> tcp example.org 443'
  egret baseline allow --exe /usr/bin/curl --user alice --to example.org:443 --note 'asked for by anna'
  egret baseline allow 'unit=backup.service -> tcp 192.0.2.0/24 22'
  egret baseline allow 'exe=/usr/bin/curl -> .example.org 443'   the domain with its subdomains, any transport
  egret baseline allow '* -> udp 192.0.2.53 53'
  egret baseline allow 17             make rule 17 allow";

pub(super) const DENY: &str = "\
Flows that a rule denies are not learned. A rule that is only removed may be learned again.

Examples:
  egret baseline deny 'exe=/usr/bin/python3.11 script=/srv/app.py -> * * *'
  egret baseline deny --exe /usr/bin/curl --to '*.example.com'
  egret baseline deny 17              make rule 17 deny";

pub(super) const REMOVE: &str = "\
While egret learns, a removed rule may be learned again. Use deny to prevent this.

Examples:
  egret baseline remove 17
  egret baseline remove 3 5 8          three rules; numbers do not change in between
  egret baseline remove --by alice --answered-since 2026-11-29
  egret baseline remove 'exe=/usr/bin/curl user=alice -> tcp example.org 443'";

pub(super) const MERGE: &str = "\
A rule that one baseline allows and another denies is denied in the result and named on standard error. Evidence is added up.

Example:
  egret baseline merge web1.baseline web2.baseline --output web.baseline";

pub(super) const PRUNE: &str = "\
Rules that deny are kept, and so are rules that were never used, because somebody wrote them. The time is counted back from \
the last flow in the baseline, so that a host that was switched off keeps its rules.

Examples:
  egret baseline prune --unused 30d --dry-run
  egret baseline prune --unused 90d";

pub(super) const CHECK: &str = "\
Errors go to standard error, one line each: FILE:LINE: ERROR.

Exit status: 0 no errors, 1 the file cannot be read, 2 errors.";
