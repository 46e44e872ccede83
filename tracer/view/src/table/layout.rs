//! Chooses columns and widths for a terminal.

use super::column::{Column, Widths};

/// A column and its width in terminal columns.
pub(super) type Placed = (Column, usize);

/// Spaces between columns.
pub(super) const GAP: usize = 1;

/// Columns for a terminal of `width`; without one, all columns at their usual width.
///
/// Columns are removed until the rest fits with their least widths. Spare width is distributed up to the usual widths, then
/// up to the largest. Below about forty terminal columns nothing more can be removed, and rows wrap.
pub(super) fn layout(width: Option<u16>) -> Vec<Placed> {
    let Some(width) = width.map(usize::from) else {
        return Column::ALL.map(|column| (column, column.widths().usual)).to_vec();
    };
    let mut placed = Column::ALL.map(|column| (column, column.widths().least)).to_vec();
    let mut expendable = Column::EXPENDABLE.iter();
    while total(&placed) > width
        && let Some(removed) = expendable.next()
    {
        placed.retain(|(column, _)| !removed.contains(column));
    }
    let spare = width.saturating_sub(total(&placed));
    let spare = grow(&mut placed, spare, |widths| widths.usual);
    grow(&mut placed, spare, |widths| widths.most);
    placed
}

fn total(placed: &[Placed]) -> usize {
    placed.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Widens columns up to `limit` and returns the remaining spare width.
fn grow(placed: &mut [Placed], mut spare: usize, limit: impl Fn(Widths) -> usize) -> usize {
    for greedy in Column::GREEDY {
        for (column, width) in placed.iter_mut().filter(|(column, _)| *column == greedy) {
            let more = limit(column.widths()).saturating_sub(*width).min(spare);
            *width += more;
            spare -= more;
        }
    }
    spare
}

#[cfg(test)]
mod tests {
    use super::{Column, layout, total};

    fn columns(width: u16) -> Vec<Column> {
        layout(Some(width)).into_iter().map(|(column, _)| column).collect()
    }

    #[test]
    fn rows_never_exceed_the_terminal() {
        for width in 40..=400 {
            assert!(total(&layout(Some(width))) <= usize::from(width), "{width}");
        }
    }

    #[test]
    fn widths_are_within_the_limits_of_the_column() {
        for (column, width) in (0..=400).flat_map(|width| layout(Some(width))) {
            assert!((column.widths().least..=column.widths().most).contains(&width), "{column:?}");
        }
    }

    #[test]
    fn wider_terminals_have_no_fewer_columns() {
        for width in 0..400 {
            let (narrow, wide) = (columns(width), columns(width + 1));
            assert!(narrow.iter().all(|column| wide.contains(column)), "{width}");
        }
        assert_eq!(columns(200), Column::ALL);
    }

    #[test]
    fn eighty_columns_have_process_outcome_peer_and_duration() {
        use Column::{Duration, Outcome, Peer, Pid, Process, Time, Transport};
        assert_eq!(columns(80), [Time, Process, Pid, Transport, Outcome, Peer, Duration]);
    }
}
