//! Which columns a terminal has room for, and how wide they are.

use super::column::{Column, Room};

/// A column and its width in terminal columns.
pub(super) type Placed = (Column, usize);

/// Blanks between two columns.
pub(super) const GAP: usize = 1;

/// Columns for a terminal of `width`; without one, all columns at their usual width.
///
/// Columns are left out until those that remain fit at their least width; what is then spare goes to the columns
/// that profit most, first up to their usual width, then up to the most that they can use. Below about forty
/// columns nothing more can be left out and rows wrap.
pub(super) fn layout(width: Option<u16>) -> Vec<Placed> {
    let Some(width) = width.map(usize::from) else {
        return Column::ALL.map(|column| (column, column.room().usual)).to_vec();
    };
    let mut placed = Column::ALL.map(|column| (column, column.room().least)).to_vec();
    let mut expendable = Column::EXPENDABLE.iter();
    while total(&placed) > width
        && let Some(goes) = expendable.next()
    {
        placed.retain(|(column, _)| !goes.contains(column));
    }
    let spare = width.saturating_sub(total(&placed));
    let spare = grow(&mut placed, spare, |room| room.usual);
    grow(&mut placed, spare, |room| room.most);
    placed
}

/// Width of a row.
fn total(placed: &[Placed]) -> usize {
    placed.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Widens columns up to `limit` from `spare`, and gives what is still spare.
fn grow(placed: &mut [Placed], mut spare: usize, limit: impl Fn(Room) -> usize) -> usize {
    for greedy in Column::GREEDY {
        for (column, width) in placed.iter_mut().filter(|(column, _)| *column == greedy) {
            let more = limit(column.room()).saturating_sub(*width).min(spare);
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
    fn no_column_is_narrower_than_it_can_be_nor_wider_than_it_can_use() {
        for (column, width) in (0..=400).flat_map(|width| layout(Some(width))) {
            assert!((column.room().least..=column.room().most).contains(&width), "{column:?}");
        }
    }

    #[test]
    fn wider_terminals_show_no_less() {
        for width in 0..400 {
            let (narrow, wide) = (columns(width), columns(width + 1));
            assert!(narrow.iter().all(|column| wide.contains(column)), "{width}");
        }
        assert_eq!(columns(200), Column::ALL);
    }

    #[test]
    fn eighty_columns_are_enough_for_who_what_with_whom_and_how_long() {
        use Column::{Duration, Outcome, Peer, Pid, Process, Time, Transport};
        assert_eq!(columns(80), [Time, Process, Pid, Transport, Outcome, Peer, Duration]);
    }
}
