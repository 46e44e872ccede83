//! The columns of the table: their titles and how much room they want.

/// A column.
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

/// Room that a column wants, in terminal columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Below this the column says nothing.
    pub(super) least: usize,
    /// Enough for most values; also its width in a pipe, where longer values push what follows to the right.
    pub(super) usual: usize,
    /// Enough for nearly all values.
    pub(super) most: usize,
}

const fn room(least: usize, usual: usize, most: usize) -> Room {
    Room { least, usual, most }
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

    /// What a narrow terminal goes without, first to go first, together what makes sense only together.
    /// Who, what and with whom always stay.
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

    /// Who gets spare room first.
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

    /// 21 columns hold an IPv4 address and a port, 47 hold any IPv6 address and a port.
    pub(super) const fn room(self) -> Room {
        match self {
            Self::Time => room(12, 12, 12),
            Self::Process => room(10, 16, 30),
            Self::Pid => room(7, 7, 7),
            Self::User => room(6, 10, 16),
            Self::Transport => room(5, 5, 7),
            Self::Outcome => room(10, 13, 24),
            Self::Local => room(15, 21, 47),
            Self::Peer => room(18, 21, 47),
            Self::Name => room(14, 30, 60),
            Self::Duration | Self::Sent | Self::Received => room(8, 8, 8),
            Self::Container => room(9, 20, 60),
        }
    }

    /// Figures stand on the right of their column.
    pub(super) const fn is_figure(self) -> bool {
        matches!(self, Self::Pid | Self::Duration | Self::Sent | Self::Received)
    }
}
