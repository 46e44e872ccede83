//! The part of `--help` that teaches by example. Paragraphs are one line here, clap wraps them.

pub(super) const EGRET: &str = "\
Examples:
  sudo egret trace                     connections of the whole host, live
  sudo egret trace -- curl -s URL      connections of one command and its descendants
  egret doctor                         what this kernel and user allow, and what is lost without

Exit status: 0 done, 1 failed while running, 2 bad usage or configuration, \
3 kernel or privilege missing.";

pub(super) const TRACE: &str = "\
Several values of one filter are alternatives, different filters add up: --port 80,443 --user alice shows \
what alice has to do with either port. A filter on the process hides connections whose process is unknown.

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

  Every name look-up that goes out by UDP:
    sudo egret trace --transport udp --port 53 --every-send

Exit status: that of COMMAND where one is given, else 0 done, 1 failed while running, 2 bad usage, \
3 kernel or privilege missing.";
