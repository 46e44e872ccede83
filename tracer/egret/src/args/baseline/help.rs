//! The part of `egret baseline --help` that teaches by example. Paragraphs are one line here, clap wraps them.

pub(super) const BASELINE: &str = "\
A baseline is a text file, a rule a line: who may talk to whom, and what was seen of it. It is made to be read, edited, \
compared and kept in git:

  allow exe=/usr/bin/curl user=alice -> tcp example.org 443  # seen 12 times on 3 days, 2026-11-20T08:00:01Z to ...

From a log to a decision:
  egret baseline learn                        learn what the daemon has recorded
  egret baseline readiness                    is that enough, and if not, why not?
  egret baseline replay                       what would have been blocked so far?
  egret baseline explain 17                   why is rule 17 there?
  egret baseline deny --exe /usr/bin/curl --to '*.example.com'
  egret baseline diff reviewed.baseline       what is new since the review?

Exit status: 0 done, 1 failed while running, 2 bad usage or a baseline with errors.";

pub(super) const SHOW: &str = "\
Numbers are those that explain, allow, deny and remove take. They change when rules come and go.

Examples:
  Everything about one program, by file name:
    egret baseline show --subject curl

  What services of one user may do:
    egret baseline show --subject 'user=www-data'

  Rules that were used once, for other programs:
    egret baseline show --json | jq -r 'select(.count == 1) | .rule'";

pub(super) const READINESS: &str = "\
The chance that the next flow is one that no rule covers is estimated by the share of flows whose rule was used once \
(Good-Turing; I. J. Good, Biometrika 40, 1953, https://doi.org/10.1093/biomet/40.3-4.237). With a probability of 95 % it is \
no higher than the bound shown (McAllester and Schapire, COLT 2000, theorem 1). The bound is honest, not tight: with \
fewer than 86 flows it is 100 % and says nothing, and for 10 % it takes some 8,500 flows.

Both take flows to be drawn independently, which they are not: they come in bursts, and nothing announces a monthly job. So a \
baseline is called ready only if 7 days were watched, the estimate is at most 1 %, the bound at most 10 %, at most 1 % of \
the flows of the last 3 days were new, and at most 1 % of records were lost. Hours of the day without any flow, and losses, \
are told whether it is ready or not.

Without --log the figures are those in the baseline. With it the log is learned anew, day by day, beside the rules that \
people wrote: this tells how much of each day was new to the days before, and which hours each subject was seen in.

Examples:
  Is it enough?
    egret baseline readiness

  How did the share of new flows fall over the last four weeks?
    egret baseline readiness --log /var/lib/egret/log --since 28d

  Could one service be enforced before the rest?
    egret baseline readiness --subject unit=nginx.service

Exit status: 0 told, whether it is ready or not, 1 failed while running, 2 bad usage or a baseline with errors.";

pub(super) const DIFF: &str = "\
Evidence and comments are no difference. Lines begin with + for rules that only the second has, - for rules that only the \
first has, ! for rules of which the second says something else.

Examples:
  What was learned since the reviewed copy?
    egret baseline diff reviewed.baseline

  What does this host do that its twin does not?
    egret baseline diff twin.baseline mine.baseline";

pub(super) const REPLAY: &str = "\
Each recorded flow that this host began is put to the baseline, as egret would in enforce mode. Flows that would be blocked \
are shown as the rules that would let them through, which is what `egret baseline allow` takes. A flow whose \
process is not known is treated as the configuration says of unknown ones, and told apart.

What enforcement never judges is left out, by reason: other network namespaces, loopback, the host's name servers, bypassed \
users, and so on, as the configuration has it (--config FILE, or the usual one).

Names are those that were known when a connection was opened; enforcement may know the name earlier or later.

Examples:
  What would have been blocked in the last week?
    egret baseline replay --since 7d

  The ten worst, for a script:
    egret baseline replay --json | jq -r '.blocked[:10][] | \"\\(.count) \\(.rule)\"'

Exit status: 0 done, whether anything would have been blocked or not, 1 something could not be read, 2 bad usage or a \
baseline with errors.";

pub(super) const LEARN: &str = "\
What no rule covers becomes a rule that covers just it: the executable (and script, where it is an interpreter), the user \
and the systemd service; the name that was asked for, else the address; transport and port. Then several such rules become \
one where there are enough of them: 8 names below one registered domain, 16 addresses of a /24 or /64 network, 8 ports from \
1024 up of one host. --exact leaves that out; docs/baseline.md has every rule, and `egret baseline explain` tells what was \
made of what.

An existing file is gone on with: rules and comments that people wrote stay, rules that deny are not learned around, and \
flows that the file counts already are not counted again. What failed is noted as `tried`, which allows nothing until one like it \
succeeds; what was blocked, or would have been, is not learned. A log does not say what egret lost; a file of the log that cannot \
be read becomes a `gap` line of its hour.

Examples:
  Learn the log of this host:
    egret baseline learn

  The last two weeks, into a file to look at first:
    egret baseline learn --since 14d --output /tmp/new.baseline
    egret baseline diff /var/lib/egret/baseline /tmp/new.baseline

Exit status: 0 done, 1 something could not be read or written, 2 bad usage or a baseline with errors, which is left as it is.";

pub(super) const EXPLAIN: &str = "\
Examples:
  egret baseline explain 17
  egret baseline explain 'exe=/usr/bin/curl user=alice -> tcp *.example.org 443' --log /var/lib/egret/log
  egret baseline explain --exe /usr/bin/curl --user alice --to '*.example.org:443' --transport tcp";

pub(super) const ALLOW: &str = "\
A rule that denies wins over any that allows; if one covers the whole of the new rule, this is told.

Examples:
  egret baseline allow 'exe=/usr/bin/curl user=alice -> tcp example.org 443'
  egret baseline allow --exe /usr/bin/curl --user alice --to example.org:443 --note 'asked for by anna'
  egret baseline allow 'unit=backup.service -> tcp 192.0.2.0/24 22'
  egret baseline allow 'exe=/usr/bin/curl -> .example.org 443'   the domain with its subdomains, any transport
  egret baseline allow '* -> udp 192.0.2.53 53'
  egret baseline allow 17             make rule 17 one that allows";

pub(super) const DENY: &str = "\
What a rule denies is not learned, so that removing a rule and denying it differ: what is removed may be learned again.

Examples:
  egret baseline deny 'exe=/usr/bin/python3.11 script=/srv/app.py -> * * *'
  egret baseline deny --exe /usr/bin/curl --to '*.example.com'
  egret baseline deny 17              turn rule 17 around";

pub(super) const REMOVE: &str = "\
What is removed may be learned again, while egret learns; deny keeps it out.

Examples:
  egret baseline remove 17
  egret baseline remove 3 5 8          three at once, by the numbers of before
  egret baseline remove --by alice --answered-since 2026-11-29
  egret baseline remove 'exe=/usr/bin/curl user=alice -> tcp example.org 443'";

pub(super) const MERGE: &str = "\
Rules of which the baselines say opposite things deny in the result, and are named on standard error. Evidence is added up.

Example:
  egret baseline merge web1.baseline web2.baseline --output web.baseline";

pub(super) const PRUNE: &str = "\
Rules that deny stay, and so do rules that nothing has ever used: somebody wrote them on purpose. The time is counted back from \
the last flow that the baseline knows, so that a host that was switched off keeps what it had learned.

Examples:
  egret baseline prune --unused 30d --dry-run
  egret baseline prune --unused 90d";

pub(super) const CHECK: &str = "\
What is wrong goes to standard error, one line each, as FILE:LINE: WHAT.

Exit status: 0 nothing is wrong, 1 the file cannot be read, 2 something is wrong.";
