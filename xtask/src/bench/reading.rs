//! A figure, what it is worth, and the goal it should meet.

use std::fmt;

/// One figure of one scenario.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) what: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) goals: Vec<Goal>,
}

/// Which way a figure is better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Lower,
    Higher,
}

/// What ours should come to.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// So many times better than the first peer.
    TimesPeer(f64),
}

impl Reading {
    pub(super) fn lower(what: impl Into<String>, value: f64, unit: &'static str) -> Reading {
        Reading {
            what: what.into(),
            value,
            unit,
            better: Better::Lower,
            goals: Vec::new(),
        }
    }

    pub(super) fn higher(what: impl Into<String>, value: f64, unit: &'static str) -> Reading {
        Reading {
            better: Better::Higher,
            ..Reading::lower(what, value, unit)
        }
    }

    pub(super) fn goal(mut self, goal: Goal) -> Reading {
        self.goals.push(goal);
        self
    }

    /// How many times better this is than `other`.
    pub(super) fn times(&self, other: &Reading) -> f64 {
        match self.better {
            Better::Lower => other.value / self.value,
            Better::Higher => self.value / other.value,
        }
    }

    /// Whether every goal is met. `None`: there is none, or it needs a peer that isn't there.
    pub(super) fn meets(&self, peer: Option<&Reading>) -> Option<bool> {
        let verdicts: Option<Vec<bool>> = self
            .goals
            .iter()
            .map(|goal| match *goal {
                Goal::AtMost(most) => Some(self.value <= most),
                Goal::AtLeast(least) => Some(self.value >= least),
                Goal::TimesPeer(times) => peer.map(|peer| self.times(peer) >= times),
            })
            .collect();
        verdicts
            .filter(|verdicts| !verdicts.is_empty())
            .map(|verdicts| verdicts.iter().all(|met| *met))
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, amount(self.value, self.unit))
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::AtMost(most) => write!(f, "≤ {most}"),
            Goal::AtLeast(least) => write!(f, "≥ {least}"),
            Goal::TimesPeer(times) => write!(f, "≥ {times} ×"),
        }
    }
}

/// Three digits that count, and the unit.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        value if value >= 100.0 || value == value.trunc() => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// The value below which `share` of them lie; they are sorted by this.
pub(super) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * share).ceil() as usize;
    values.get(at.min(last)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.5), 51.0);
        assert_eq!(percentile(&mut values, 0.99), 100.0);
        assert_eq!(percentile(&mut values, 1.0), 101.0);
        assert!(percentile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn goals_know_which_way_is_better() {
        let time = |value| Reading::lower("p50", value, "ms").goal(Goal::TimesPeer(10.0));
        assert_eq!(time(1.0).meets(Some(&time(10.0))), Some(true));
        assert_eq!(time(1.1).meets(Some(&time(10.0))), Some(false));
        assert_eq!(time(1.0).meets(None), None);
        let rate = Reading::higher("rate", 5000.0, "/s").goal(Goal::AtLeast(5000.0));
        assert_eq!(rate.meets(None), Some(true));
        assert_eq!(Reading::higher("rate", 5000.0, "/s").meets(None), None);
    }

    #[test]
    fn amounts_have_three_digits() {
        let shown: Vec<String> = [0.0823, 1.5, 24.12, 4631.7, 0.0]
            .iter()
            .map(|value| amount(*value, "ms"))
            .collect();
        assert_eq!(shown, ["0.082 ms", "1.50 ms", "24.1 ms", "4632 ms", "0 ms"]);
    }
}
