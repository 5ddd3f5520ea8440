//! `--plot`: the rows that are points of a curve, as SVG charts.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use plotters::prelude::*;

use super::row::Row;
use crate::files::{self, Access};

const SIZE: (u32, u32) = (760, 440);
const FONT: &str = "sans-serif";

/// One chart, and the rows that it draws.
struct Chart {
    file: &'static str,
    title: &'static str,
    x: &'static str,
    y: &'static str,
    /// What stands before and after the number in a row's name.
    rows: (&'static str, &'static str),
    /// The height of a point, from the number in the name and the row's value.
    height: fn(f64, f64) -> f64,
    /// Ticks lie at powers of this.
    base: f64,
}

const CHARTS: &[Chart] = &[
    Chart {
        file: "echo.svg",
        title: "Round trip of a packet and its echo",
        x: "bytes of a packet",
        y: "microseconds",
        rows: ("echo of ", " bytes"),
        height: |_, microseconds| microseconds,
        base: 2.0,
    },
    Chart {
        file: "throughput.svg",
        title: "Packets and their echoes, one after the other",
        x: "bytes of a packet",
        y: "megabytes a second, both ways together",
        rows: ("echo of ", " bytes"),
        height: |bytes, microseconds| 2.0 * bytes / microseconds,
        base: 2.0,
    },
    Chart {
        file: "peers.svg",
        title: "A server's frame, for each packet that it echoes",
        x: "connected peers, each with a packet in each frame",
        y: "microseconds",
        rows: ("server's frame per echoed packet, ", " peers"),
        height: |_, microseconds| microseconds,
        base: 10.0,
    },
];

const MULTIPLAYER: Chart = Chart {
    file: "multiplayer.svg",
    title: "Processor time of a multiplayer server for each packet",
    x: "connected peers, 20 packets a second each way",
    y: "microseconds",
    rows: ("", ""),
    height: |_, microseconds| microseconds,
    base: 10.0,
};

/// A side's value for a row.
type Value = fn(&Row) -> Option<f64>;

/// The sides, with their colours.
const SIDES: [(&str, RGBColor, Value); 3] = [
    ("this addon", RGBColor(0xc0, 0x39, 0x2b), |row| row.ours),
    ("the engine", RGBColor(0x47, 0x8c, 0xbf), |row| row.stock),
    (
        "libssl and sockets alone",
        RGBColor(0x80, 0x80, 0x80),
        |row| row.baseline,
    ),
];

/// Draws the charts that have points into `folder`.
pub(super) fn draw(rows: &[Row], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for chart in CHARTS {
        let curves = SIDES.map(|(name, colour, value)| (name, colour, chart.points(rows, value)));
        // One point is no curve.
        if curves[0].2.len() < 2 {
            continue;
        }
        let path = folder.join(chart.file);
        files::write(&path, chart.svg(&curves)?.as_bytes(), Access::Usual)?;
        files.push(path);
    }
    ensure!(!files.is_empty(), "there are no points to draw");
    Ok(files)
}

/// Draws the cost of a packet of [`super::multiplayer`]'s servers by the number of their peers.
pub(super) fn draw_multiplayer(
    curves: impl IntoIterator<Item = (&'static str, Vec<(f64, f64)>)>,
    folder: &Path,
) -> Result<PathBuf> {
    const COLOURS: [RGBColor; 3] = [
        RGBColor(0x47, 0x8c, 0xbf),
        RGBColor(0xe6, 0x9f, 0x00),
        RGBColor(0xc0, 0x39, 0x2b),
    ];
    let curves: Vec<Curve> = curves
        .into_iter()
        .zip(COLOURS)
        .map(|((name, points), colour)| (name, colour, points))
        .collect();
    ensure!(
        curves.iter().all(|(.., points)| points.len() > 1),
        "one point is no curve"
    );
    let path = folder.join(MULTIPLAYER.file);
    files::write(&path, MULTIPLAYER.svg(&curves)?.as_bytes(), Access::Usual)?;
    Ok(path)
}

type Curve = (&'static str, RGBColor, Vec<(f64, f64)>);

impl Chart {
    fn points(&self, rows: &[Row], value: Value) -> Vec<(f64, f64)> {
        let (before, after) = self.rows;
        let point = |row: &Row| {
            let number = row.name.strip_prefix(before)?.strip_suffix(after)?;
            let x: f64 = number.parse().ok()?;
            Some((x, (self.height)(x, value(row)?)))
        };
        rows.iter().filter_map(point).collect()
    }

    fn svg(&self, curves: &[Curve]) -> Result<String> {
        let all = || curves.iter().flat_map(|(.., points)| points);
        let (left, right) = all().fold((f64::MAX, 0.0_f64), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        let top = all().fold(0.0_f64, |high, point| high.max(point.1)) * 1.1;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(&area)
                .caption(self.title, (FONT, 20))
                .margin(14)
                .margin_right(30)
                .x_label_area_size(44)
                .y_label_area_size(64)
                .build_cartesian_2d((left..right).log_scale().base(self.base), 0.0..top)?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .x_desc(self.x)
                .y_desc(self.y)
                .label_style((FONT, 13))
                .x_label_formatter(&|x| format!("{x:.0}"))
                .y_label_formatter(&|y| format!("{y:.0}"))
                .draw()?;
            for (name, colour, points) in curves.iter().filter(|(.., points)| !points.is_empty()) {
                let style = colour.stroke_width(2);
                chart
                    .draw_series(LineSeries::new(points.iter().copied(), style))?
                    .label(*name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                let dot = |&point| Circle::new(point, 3, colour.filled());
                chart.draw_series(points.iter().map(dot))?;
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font((FONT, 14))
                .border_style(BLACK.mix(0.3))
                .background_style(WHITE)
                .draw()?;
            area.present()?;
        }
        Ok(svg + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ours: f64, stock: f64) -> Row {
        let line = format!(
            r#"BENCH {{"name":"{name}","unit":"us","more_is_better":false,"ours":[{ours}],"stock":[{stock}]}}"#
        );
        Row::read(&line).unwrap()
    }

    #[test]
    fn a_chart_is_drawn_of_the_rows_that_it_is_about() {
        let rows = [
            row("echo of 64 bytes", 4.0, 8.0),
            row("echo of 1200 bytes", 6.0, 20.0),
            row("idle poll", 1.0, 1.0),
            row("server's frame per echoed packet, 200 peers", 1.0, 2.0),
        ];
        let ours = CHARTS[0].points(&rows, SIDES[0].2);
        assert_eq!(ours, [(64.0, 4.0), (1200.0, 6.0)]);
        let speed = CHARTS[1].points(&rows, SIDES[1].2);
        assert_eq!(speed, [(64.0, 16.0), (1200.0, 120.0)]);

        let folder = tempfile::tempdir().unwrap();
        let drawn = draw(&rows, folder.path()).unwrap();
        assert_eq!(drawn.len(), 2, "one row of peers is no curve");
        let svg = std::fs::read_to_string(&drawn[0]).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("this addon") && svg.contains("the engine"));
        assert!(!svg.contains("alone"), "no baseline was measured");
        assert!(draw(&rows[2..], folder.path()).is_err());
    }
}
