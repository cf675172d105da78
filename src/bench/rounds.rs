//! The figures of several rounds, taken in turn from the bridge, its reference and perhaps another build of it.
//! A figure is the median of its rounds. Enter at [`Rounds`].

use std::collections::BTreeMap;

use super::row::Row;

/// The reference's highest round may be so many times its lowest; beyond that the machine is too noisy for
/// anything but ratios.
const SPREAD_MAX: f64 = 1.3;

/// What one round measured, by name.
pub type Figures = BTreeMap<&'static str, f64>;

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Reference,
    Own,
    Peer,
}

/// All rounds of a family on one store.
#[derive(Debug)]
pub struct Rounds {
    /// Beginning of the rows' names.
    name: String,
    /// The figure whose spread tells noise.
    gauge: &'static str,
    taken: BTreeMap<Side, Vec<Figures>>,
}

impl Rounds {
    pub fn new(name: impl Into<String>, gauge: &'static str) -> Self {
        Self { name: name.into(), gauge, taken: BTreeMap::new() }
    }

    pub fn add(&mut self, side: Side, figures: Figures) {
        tracing::info!(name = self.name, ?side, ?figures, "a round");
        self.taken.entry(side).or_default().push(figures);
    }

    /// A figure as a row, beside those of the reference and the peer that have it, too.
    pub fn row(&self, figure: &str, unit: &'static str) -> Row {
        let row = Row::without_goal(
            format!("{}.{figure}", self.name),
            self.median(Side::Own, figure).unwrap_or(f64::NAN),
            unit,
        );
        Row {
            reference: self.median(Side::Reference, figure),
            peer: self.median(Side::Peer, figure),
            is_noisy: self.is_noisy(),
            ..row
        }
    }

    /// The same of something that was counted: noise does not change it.
    pub fn counted(&self, figure: &str, unit: &'static str) -> Row {
        Row { is_noisy: false, ..self.row(figure, unit) }
    }

    /// A figure beside the peer's as its reference; nothing without a peer.
    pub fn row_to_peer(&self, figure: &str, unit: &'static str) -> Option<Row> {
        let row = self.row(figure, unit);
        let reference = Some(row.peer?);
        Some(Row { name: format!("{}_to_peer", row.name), reference, peer: None, ..row })
    }

    fn of(&self, side: Side, figure: &str) -> Vec<f64> {
        let rounds = self.taken.get(&side).into_iter().flatten();
        let mut values: Vec<f64> = rounds.filter_map(|figures| figures.get(figure)).copied().collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn median(&self, side: Side, figure: &str) -> Option<f64> {
        let values = self.of(side, figure);
        values.get(values.len() / 2).copied()
    }

    /// Judged by the reference, else by the peer: neither changes between two runs.
    fn is_noisy(&self) -> bool {
        let side = if self.taken.contains_key(&Side::Reference) { Side::Reference } else { Side::Peer };
        let values = self.of(side, self.gauge);
        values.first().zip(values.last()).is_some_and(|(lowest, highest)| highest / lowest > SPREAD_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Goal;

    fn rounds(reference: [f64; 3]) -> Rounds {
        let mut rounds = Rounds::new("family.store", "rate");
        for (own, reference) in [70.0, 80.0, 90.0].into_iter().zip(reference) {
            rounds.add(Side::Own, Figures::from([("rate", own)]));
            rounds.add(Side::Reference, Figures::from([("rate", reference)]));
        }
        rounds
    }

    #[test]
    fn a_figure_is_the_median_of_its_rounds_beside_the_references() {
        let row = rounds([110.0, 90.0, 100.0]).row("rate", "1/s");
        assert_eq!((row.name.as_str(), row.value, row.reference), ("family.store.rate", 80.0, Some(100.0)));
        assert!(!row.is_noisy);
        assert_eq!(row.clone().goal(Goal::RatioAtLeast(0.8)).met(), Some(true));
        assert_eq!(row.goal(Goal::RatioAtLeast(0.81)).met(), Some(false));
    }

    /// Only ratios are read of a noisy run.
    #[test]
    fn a_reference_that_spreads_makes_the_run_noisy() {
        let row = rounds([100.0, 80.0, 105.0]).row("rate", "1/s");
        assert!(row.is_noisy);
        assert_eq!(row.clone().goal(Goal::RatioAtLeast(0.8)).met(), Some(true));
        assert_eq!(row.clone().goal(Goal::AtLeast(1.0)).met(), None);
        let table = crate::bench::table(&[row]);
        assert!(table.contains("noisy") && !table.contains("100.00"), "{table}");
    }
}
