//! Samples, their medians, and the ratio of the two sides.

use serde_json::{Value, json};

/// What a line of benchmark.gd begins with.
const MARK: &str = "BENCH ";

/// One thing measured on both sides.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    unit: String,
    more_is_better: bool,
    pub(super) ours: Option<f64>,
    pub(super) stock: Option<f64>,
    /// Whether the engine was measured, too.
    is_compared: bool,
    /// The value of libssl and sockets alone, or of an empty call.
    pub(super) baseline: Option<f64>,
}

impl Row {
    /// Reads a line that benchmark.gd printed for a row.
    pub(super) fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line.strip_prefix(MARK)?).ok()?;
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            unit: value["unit"].as_str()?.to_owned(),
            more_is_better: value["more_is_better"].as_bool()?,
            ours: median(&value["ours"]),
            stock: median(&value["stock"]),
            is_compared: !value["stock"].is_null(),
            baseline: None,
        })
    }

    /// Whether every sample could be taken.
    pub(super) fn is_complete(&self) -> bool {
        self.ours.is_some() && (self.stock.is_some() || !self.is_compared)
    }

    /// Ours and the engine's, if every sample of both could be taken.
    fn medians(&self) -> Option<(f64, f64)> {
        self.ours.zip(self.stock)
    }

    /// How many times better ours is.
    fn ratio(&self) -> Option<f64> {
        let (ours, stock) = self.medians()?;
        let (better, worse) = if self.more_is_better {
            (ours, stock)
        } else {
            (stock, ours)
        };
        (worse > 0.0).then(|| better / worse)
    }

    /// The row as `--json` writes it; `null` could not be measured.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "stock": self.stock,
            "ratio": self.ratio(),
        })
    }
}

/// The median; `None` if there are no samples, or one is missing.
pub(super) fn median(samples: &Value) -> Option<f64> {
    let mut sorted: Vec<f64> = samples
        .as_array()?
        .iter()
        .map(Value::as_f64)
        .collect::<Option<_>>()?;
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// All rows, aligned. `ratio` is how many times better ours is; `baseline` is the value of libssl and sockets alone, or
/// of an empty call; `of it` is ours divided by the baseline.
pub(super) fn table(rows: &[Row]) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
    let times = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}x"));
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:>4}  {:>9}  {:>9}  {:>7}  {:>9}  {:>7}\n",
        "", "unit", "ours", "stock", "ratio", "baseline", "of it"
    );
    for row in rows {
        let of_baseline = row
            .ours
            .zip(row.baseline)
            .map(|(ours, baseline)| ours / baseline);
        text += &format!(
            "{:width$}  {:>4}  {:>9}  {:>9}  {:>7}  {:>9}  {:>7}\n",
            row.name,
            row.unit,
            number(row.ours),
            number(row.stock),
            times(row.ratio()),
            number(row.baseline),
            times(of_baseline),
        );
    }
    text
}

/// Three digits that matter.
pub(super) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> Row {
        Row::read(line).expect("a row")
    }

    #[test]
    fn a_row_has_the_medians_of_its_samples() {
        let mut row = row(
            r#"BENCH {"name":"echo","unit":"us","more_is_better":false,"ours":[9,1,2],"stock":[8,4,1,6]}"#,
        );
        assert_eq!(row.medians(), Some((2.0, 5.0)));
        assert_eq!(
            row.to_json(),
            json!({ "name": "echo", "unit": "us", "ours": 2.0, "stock": 5.0, "ratio": 2.5 })
        );
        row.baseline = Some(1.6);
        let table = table(&[row]);
        assert!(
            table.ends_with("echo    us       2.00       5.00    2.50x       1.60    1.25x\n"),
            "{table}"
        );
    }

    #[test]
    fn a_ratio_above_one_is_better_in_either_direction() {
        let rates = row(
            r#"BENCH {"name":"a","unit":"1/s","more_is_better":true,"ours":[300],"stock":[100]}"#,
        );
        assert_eq!(rates.ratio(), Some(3.0));
        let costs = row(
            r#"BENCH {"name":"a","unit":"us","more_is_better":false,"ours":[300],"stock":[150]}"#,
        );
        assert_eq!(costs.ratio(), Some(0.5));
    }

    #[test]
    fn a_missing_sample_leaves_no_median() {
        let row = row(
            r#"BENCH {"name":"a","unit":"us","more_is_better":false,"ours":[1,null],"stock":[1]}"#,
        );
        assert_eq!(row.medians(), None);
        assert!(table(&[row]).contains("-"));
    }

    #[test]
    fn what_the_engine_cannot_do_is_complete_without_it() {
        let ours =
            row(r#"BENCH {"name":"a","unit":"us","more_is_better":false,"ours":[1],"stock":null}"#);
        assert!(ours.is_complete());
        assert_eq!(ours.ratio(), None);
        let missing = row(
            r#"BENCH {"name":"a","unit":"us","more_is_better":false,"ours":[1],"stock":[null]}"#,
        );
        assert!(!missing.is_complete());
    }

    #[test]
    fn other_lines_are_no_rows() {
        assert!(Row::read("BENCH END").is_none());
        assert!(Row::read("Godot Engine v4.6.3").is_none());
    }
}
