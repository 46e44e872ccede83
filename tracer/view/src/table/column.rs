//! The columns of the table: titles and widths.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Time,
    Process,
    Pid,
    User,
    Transport,
    Outcome,
    Local,
    Peer,
    Name,
    Duration,
    Sent,
    Received,
    Container,
}

/// Widths of a column, in terminal columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widths {
    /// A narrower column is useless.
    pub(super) least: usize,
    /// Enough for most values; also the width in a pipe, where longer values shift the following columns.
    pub(super) usual: usize,
    /// Enough for nearly all values.
    pub(super) most: usize,
}

const fn widths(least: usize, usual: usize, most: usize) -> Widths {
    Widths { least, usual, most }
}

impl Column {
    /// All columns, from left to right.
    pub(super) const ALL: [Self; 13] = [
        Self::Time,
        Self::Process,
        Self::Pid,
        Self::User,
        Self::Transport,
        Self::Outcome,
        Self::Local,
        Self::Peer,
        Self::Name,
        Self::Duration,
        Self::Sent,
        Self::Received,
        Self::Container,
    ];

    /// Groups of columns that are removed on a narrow terminal, in this order. Process, outcome and peer always stay.
    pub(super) const EXPENDABLE: [&[Self]; 9] = [
        &[Self::Container],
        &[Self::User],
        &[Self::Local],
        &[Self::Sent, Self::Received],
        &[Self::Name],
        &[Self::Duration],
        &[Self::Transport],
        &[Self::Pid],
        &[Self::Time],
    ];

    /// Columns in the order in which they get spare width.
    pub(super) const GREEDY: [Self; 8] = [
        Self::Peer,
        Self::Name,
        Self::Process,
        Self::Outcome,
        Self::Local,
        Self::User,
        Self::Transport,
        Self::Container,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Time => "TIME",
            Self::Process => "PROCESS",
            Self::Pid => "PID",
            Self::User => "USER",
            Self::Transport => "PROTO",
            Self::Outcome => "EVENT",
            Self::Local => "LOCAL",
            Self::Peer => "PEER",
            Self::Name => "NAME",
            Self::Duration => "DURATION",
            Self::Sent => "SENT",
            Self::Received => "RECEIVED",
            Self::Container => "CONTAINER",
        }
    }

    /// An IPv4 address and port take 21 columns, an IPv6 address and port at most 47.
    pub(super) const fn widths(self) -> Widths {
        match self {
            Self::Time => widths(12, 12, 12),
            Self::Process => widths(10, 16, 30),
            Self::Pid => widths(7, 7, 7),
            Self::User => widths(6, 10, 16),
            Self::Transport => widths(5, 5, 7),
            Self::Outcome => widths(10, 13, 24),
            Self::Local => widths(15, 21, 47),
            Self::Peer => widths(18, 21, 47),
            Self::Name => widths(14, 30, 60),
            Self::Duration | Self::Sent | Self::Received => widths(8, 8, 8),
            Self::Container => widths(9, 20, 60),
        }
    }

    /// Figures are aligned to the right.
    pub(super) const fn is_figure(self) -> bool {
        matches!(self, Self::Pid | Self::Duration | Self::Sent | Self::Received)
    }
}
