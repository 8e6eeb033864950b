//! What was measured, beside what was aimed at: the table for people, the list for programs.
//!
//! Knows nothing of how anything is measured. Values keep the order in which they were added.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

/// What a value has to be to meet its aim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// At most this much: times, memory.
    AtMost(f64),
    /// At least this much: rates.
    AtLeast(f64),
    /// Shown for comparison only.
    None,
}

impl Aim {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(limit) => Some(value <= limit),
            Self::AtLeast(limit) => Some(value >= limit),
            Self::None => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {}", number(limit)),
            Self::AtLeast(limit) => format!("≥ {}", number(limit)),
            Self::None => String::new(),
        }
    }
}

/// One value with its aim; the fields of target/bench/*.json.
#[derive(Serialize)]
struct Measurement {
    name: String,
    /// Missing when it could not be measured; `skipped` then says why.
    value: Option<f64>,
    unit: &'static str,
    aim: Option<String>,
    /// The same measured of something well known, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    rival: Option<Rival>,
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

#[derive(Serialize)]
struct Rival {
    name: &'static str,
    value: f64,
}

/// Measurements in the order they were made.
#[derive(Default)]
pub struct Report {
    measurements: Vec<Measurement>,
}

impl Report {
    /// Adds a value in `unit` ("ms", "messages/s", "MiB", "%" …).
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, aim: Aim) {
        self.measurements.push(Measurement {
            name: name.into(),
            value: Some(value),
            unit,
            aim: (aim != Aim::None).then(|| aim.text()),
            rival: None,
            met: aim.met(value),
            skipped: None,
        });
    }

    /// Adds that something was not measured, and why.
    pub fn skip(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.measurements.push(Measurement {
            name: name.into(),
            value: None,
            unit: "",
            aim: None,
            rival: None,
            met: None,
            skipped: Some(why.into()),
        });
    }

    /// Sets what `rival` reached at the measurement added last.
    pub fn against(&mut self, rival: &'static str, value: f64) {
        if let Some(last) = self.measurements.last_mut() {
            last.rival = Some(Rival { name: rival, value });
        }
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.measurements.is_empty()
    }

    /// The table for people: one line a measurement, a missed aim marked.
    pub fn table(&self) -> String {
        let rows: Vec<[String; 5]> = self.measurements.iter().map(Measurement::row).collect();
        let header = ["measured", "value", "aim", "met", "beside"].map(str::to_owned);
        let mut widths = header.each_ref().map(|cell| cell.chars().count());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut table = String::new();
        for row in std::iter::once(&header).chain(&rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            let _ = writeln!(table, "{}", line.trim_end());
        }
        table
    }

    /// Writes the list for programs, creating the directory.
    ///
    /// # Errors
    /// When the file cannot be written; nothing else was changed then.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut text = serde_json::to_string_pretty(&self.measurements)?;
        text.push('\n');
        fs::write(path, text)
    }
}

impl Measurement {
    fn row(&self) -> [String; 5] {
        [
            self.name.clone(),
            match self.value {
                Some(value) => format!("{} {}", number(value), self.unit),
                None => "not measured".into(),
            },
            self.aim.clone().unwrap_or_default(),
            match self.met {
                Some(true) => "yes".into(),
                Some(false) => "NO".into(),
                None => String::new(),
            },
            match (&self.rival, &self.skipped) {
                (Some(rival), _) => format!("{}: {}", rival.name, number(rival.value)),
                (None, Some(why)) => why.clone(),
                (None, None) => String::new(),
            },
        ]
    }
}

/// Three significant digits where it matters: 0.0123, 4.56, 78.9, 12345.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || value == value.trunc() => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.add("message, idle, p50", 4.2, "ms", Aim::AtMost(5.0));
        report.add("messages one to one", 4321.0, "messages/s", Aim::AtLeast(5000.0));
        report.against("libp2p echo", 9000.0);
        report.add("idle memory", 33.333, "MiB", Aim::None);
        report.skip("discovery", "needs root");
        report
    }

    #[test]
    fn the_table_shows_what_was_missed() {
        assert_eq!(
            report().table(),
            "measured             value            aim     met  beside\n\
             message, idle, p50   4.20 ms          ≤ 5     yes\n\
             messages one to one  4321 messages/s  ≥ 5000  NO   libp2p echo: 9000\n\
             idle memory          33.3 MiB\n\
             discovery            not measured                  needs root\n"
        );
    }

    #[test]
    fn the_file_holds_what_the_table_shows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bench/lan.json");
        report().write(&path).unwrap();
        let written: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(
            written[1],
            serde_json::json!({
                "name": "messages one to one",
                "value": 4321.0,
                "unit": "messages/s",
                "aim": "≥ 5000",
                "rival": { "name": "libp2p echo", "value": 9000.0 },
                "met": false,
            })
        );
        assert_eq!(written[2]["met"], serde_json::Value::Null);
        assert_eq!(written[3]["value"], serde_json::Value::Null);
        assert_eq!(written[3]["skipped"], "needs root");
    }

    #[test]
    fn an_aim_is_met_at_its_limit() {
        assert_eq!(Aim::AtMost(5.0).met(5.0), Some(true));
        assert_eq!(Aim::AtMost(5.0).met(5.1), Some(false));
        assert_eq!(Aim::AtLeast(5.0).met(5.0), Some(true));
        assert_eq!(Aim::AtLeast(5.0).met(4.9), Some(false));
        assert_eq!(Aim::None.met(4.9), None);
    }
}
