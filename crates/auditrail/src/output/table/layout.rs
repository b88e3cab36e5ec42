//! Which columns fit a width, and how wide each is.

use super::GAP;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(super) name: &'static str,
    /// Least width at which its cells are useful.
    useful: usize,
    /// Columns with a lower number are left out first; `None` for the last ones.
    rank: Option<u8>,
    /// Whether a truncated cell is useless.
    is_whole: bool,
}

impl Column {
    /// A column that is left out only when not even its name fits.
    pub(crate) const fn new(name: &'static str, useful: usize) -> Self {
        Self { name, useful, rank: None, is_whole: false }
    }

    /// A column whose cells have this width or less and are not truncated as long as there is another one to
    /// truncate.
    pub(crate) const fn whole(name: &'static str, width: usize) -> Self {
        Self { name, useful: width, rank: None, is_whole: true }
    }

    /// A column that is left out in narrow terminals, those with the lowest `rank` first, and when it has no
    /// values.
    pub(crate) const fn optional(name: &'static str, useful: usize, rank: u8) -> Self {
        Self { name, useful, rank: Some(rank), is_whole: false }
    }

    pub(super) const fn is_optional(&self) -> bool {
        self.rank.is_some()
    }
}

/// The columns that fit, each with its width; at least one, of at least one cell.
///
/// `natural` has the width of the longest cell of each column. Optional columns are left out until the others
/// have their useful width. What is left is shared so that the narrow columns are complete first.
pub(super) fn fit(
    columns: &[Column],
    natural: &[usize],
    shown: &[usize],
    width: usize,
) -> Vec<(usize, usize)> {
    let mut shown = shown.to_vec();
    let least = |n: usize| natural[n].min(columns[n].useful);
    while shown.len() > 1 && sum(&shown, least) > width {
        let optional = shown.iter().enumerate().filter(|(_, n)| columns[**n].is_optional());
        let Some((place, _)) = optional.min_by_key(|(_, n)| columns[**n].rank) else { break };
        shown.remove(place);
    }
    // Not even the columns that should stay fit: the last ones go, until each has a few letters.
    let few = |n: usize| if columns[n].is_whole { least(n) } else { least(n).min(FEW) };
    while shown.len() > 1 && sum(&shown, few) > width {
        shown.pop();
    }
    let starts: Vec<usize> = if sum(&shown, least) <= width {
        shown.iter().map(|n| least(*n)).collect()
    } else {
        shown.iter().map(|n| few(*n).min(width.max(1))).collect()
    };
    let natural: Vec<usize> = shown.iter().map(|n| natural[*n]).collect();
    shown.into_iter().zip(grown(starts, &natural, width)).collect()
}

/// Letters of a cell in a terminal that is too narrow for everything.
const FEW: usize = 4;

/// The width of columns with the gaps between them.
fn sum(shown: &[usize], of: impl Fn(usize) -> usize) -> usize {
    shown.iter().map(|n| of(*n)).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
}

/// Shares the rest of the width, one cell at a time, among the columns that are not complete.
fn grown(mut widths: Vec<usize>, natural: &[usize], width: usize) -> Vec<usize> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let mut rest = width.saturating_sub(widths.iter().sum::<usize>() + gaps);
    while rest > 0 {
        let narrow = (0..widths.len()).filter(|n| widths[*n] < natural[*n]);
        let Some(narrowest) = narrow.min_by_key(|n| widths[*n]) else { break };
        widths[narrowest] += 1;
        rest -= 1;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        Column::whole("time", 20),
        Column::new("actor", 12),
        Column::optional("ip", 15, 3),
        Column::optional("request", 12, 1),
        Column::optional("metadata", 20, 2),
    ];

    fn fitted(width: usize) -> Vec<(usize, usize)> {
        fit(&COLUMNS, &[20, 30, 11, 36, 300], &[0, 1, 2, 3, 4], width)
    }

    #[test]
    fn columns_are_left_out_in_their_order() {
        let columns = |width| fitted(width).iter().map(|(n, _)| *n).collect::<Vec<_>>();
        assert_eq!(columns(200), [0, 1, 2, 3, 4]);
        assert_eq!(columns(80), [0, 1, 2, 4]);
        assert_eq!(columns(60), [0, 1, 2]);
        assert_eq!(columns(40), [0, 1]);
        assert_eq!(columns(9), [0]);
        assert_eq!(columns(0), [0]);
    }

    #[test]
    fn whole_columns_are_complete_as_long_as_possible() {
        for width in 26..40 {
            assert_eq!(fitted(width)[0], (0, 20), "{width}");
        }
        assert_eq!(fitted(19), [(0, 19)]);
    }

    #[test]
    fn lines_use_the_width_and_no_more() {
        for width in 1..400 {
            let fitted = fitted(width);
            let used =
                fitted.iter().map(|(_, width)| width).sum::<usize>() + 2 * (fitted.len() - 1);
            assert!(used <= width, "{used} of {width}");
            let complete =
                fitted.len() == 1 || fitted.iter().all(|(n, w)| *w == [20, 30, 11, 36, 300][*n]);
            assert!(used == width || complete, "{fitted:?} leaves {width} unused");
        }
    }
}
