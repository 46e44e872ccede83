//! Converts terminal output to SVG.

use std::fmt::Write as _;

const COLUMN: f64 = 7.8;
const LINE: usize = 19;
const MARGIN: usize = 16;
/// Height of the window's title bar.
const TOP: usize = 44;

/// Style of a piece of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    faint: bool,
    color: Option<&'static str>,
}

/// Text of one style, and the column in which it begins.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    column: usize,
    text: String,
    style: Style,
}

/// Draws a window with a command and its output, which may contain escape sequences.
pub(super) fn drawing(prompt: &str, output: &str) -> String {
    let mut lines = vec![vec![
        Run { column: 0, text: "$ ".to_owned(), style: Style { color: Some(GREEN), ..Style::default() } },
        Run { column: 2, text: prompt.to_owned(), style: Style { bold: true, ..Style::default() } },
    ]];
    lines.extend(output.lines().map(runs));
    let columns = lines.iter().filter_map(|line| line.last()).map(|run| run.column + run.text.chars().count()).max();
    let width = (columns.unwrap_or_default() as f64).mul_add(COLUMN, 2.0 * MARGIN as f64).ceil();
    let height = TOP + lines.len() * LINE + MARGIN / 2;
    let mut svg = frame(prompt, width, height);
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + index * LINE + LINE / 2;
        line.iter().for_each(|run| svg.push_str(&drawn(run, y)));
    }
    svg + "</svg>\n"
}

fn frame(prompt: &str, width: f64, height: usize) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#161b22\"/>\n",
        escaped(prompt)
    );
    for (x, color) in [(20, "#ff5f56"), (40, "#ffbd2e"), (60, "#27c93f")] {
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"20\" r=\"6\" fill=\"{color}\"/>");
    }
    svg
}

/// Draws a run at its column, scaled to the width of its columns whatever the font.
fn drawn(run: &Run, y: usize) -> String {
    let Run { column, text, style } = run;
    let x = (*column as f64).mul_add(COLUMN, MARGIN as f64);
    let width = text.chars().count() as f64 * COLUMN;
    let fill = style.color.unwrap_or(if style.faint { "#8b949e" } else { "#e6edf3" });
    let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
    format!(
        "<text x=\"{x:.1}\" y=\"{y}\" fill=\"{fill}\"{weight} textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\">{}</text>\n",
        escaped(text)
    )
}

const GREEN: &str = "#3fb950";

/// Colours of egret's tables, by SGR code.
fn color(code: u32) -> Option<&'static str> {
    match code {
        31 => Some("#ff7b72"),
        32 => Some(GREEN),
        33 => Some("#d29922"),
        34 => Some("#58a6ff"),
        35 => Some("#bc8cff"),
        36 => Some("#39c5cf"),
        _ => None,
    }
}

/// Splits a line into runs. Words that are two or more blanks apart are separate runs, so that columns stay aligned.
fn runs(line: &str) -> Vec<Run> {
    let (mut runs, mut style, mut column): (Vec<Run>, Style, usize) = (Vec::new(), Style::default(), 0);
    for (index, part) in line.trim_end_matches('\r').split('\u{1b}').enumerate() {
        let text = match part.strip_prefix('[').and_then(|part| part.split_once('m')).filter(|_| index > 0) {
            Some((codes, text)) => {
                codes.split(';').for_each(|code| style.apply(code.parse().unwrap_or_default()));
                text
            }
            None => part,
        };
        for (offset, word) in words(text) {
            runs.push(Run { column: column + offset, text: word.to_owned(), style });
        }
        column += text.chars().count();
    }
    runs
}

impl Style {
    fn apply(&mut self, code: u32) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.faint = true,
            39 => self.color = None,
            code => self.color = color(code).or(self.color),
        }
    }
}

/// Words, each with the number of characters before it.
fn words(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut column) = (Vec::new(), 0);
    for word in text.split_inclusive("  ") {
        let shown = word.trim();
        if !shown.is_empty() {
            let blanks = word.chars().take_while(|one| one.is_whitespace()).count();
            found.push((column + blanks, shown));
        }
        column += word.chars().count();
    }
    found
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_their_column_and_style() {
        let found = runs("\u{1b}[1mcurl\u{1b}[0m    10 \u{1b}[31mrefused\u{1b}[0m  a b\r");
        let seen: Vec<_> = found.iter().map(|run| (run.column, run.text.as_str(), run.style.bold)).collect();
        assert_eq!(seen, [(0, "curl", true), (8, "10", false), (11, "refused", false), (20, "a b", false)]);
        assert_eq!(found[2].style.color, color(31));
    }

    #[test]
    fn text_is_escaped() {
        let drawn = drawing("a < b", "<x> & y\n");
        assert!(drawn.contains(">a &lt; b<") && drawn.contains(">&lt;x&gt; &amp; y<"), "{drawn}");
    }
}
