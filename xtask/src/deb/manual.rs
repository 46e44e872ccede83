//! Manual pages of section 5, converted from the pages in `docs/` that describe the files.
//!
//! Those pages use a subset of Markdown (headings, paragraphs, lists, tables, code), which this converter covers.

/// A page of section 5.
pub(super) struct FilePage {
    /// Name without the section.
    pub(super) name: &'static str,
    /// Description that `whatis` shows.
    pub(super) about: &'static str,
    /// Markdown file below `docs/`.
    pub(super) source: &'static str,
}

/// All pages of section 5.
pub(super) const FILES: [FilePage; 2] = [
    FilePage { name: "egret.toml", about: "configuration of egret", source: "configuration.md" },
    FilePage { name: "egret-baseline", about: "file of rules and evidence that egret learns", source: "baseline.md" },
];

impl FilePage {
    /// Converts Markdown to the page in man(7) macros.
    pub(super) fn render(&self, markdown: &str, version: &str) -> String {
        let (name, about) = (escaped(self.name), self.about);
        let mut page =
            format!(".TH {name} 5 \"\" \"egret {version}\" \"egret\"\n.SH NAME\n{name} \\- {about}\n.SH DESCRIPTION\n");
        let mut lines = markdown.lines().skip_while(|line| !line.starts_with("# ")).skip(1).peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("```") {
                let code: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
                page.push_str(&code_block(&code));
            } else if line.starts_with('|') {
                let mut rows = vec![cells(line)];
                while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                    rows.push(cells(row));
                }
                page.push_str(&table(&rows));
            } else {
                page.push_str(&text_line(line));
            }
        }
        page
    }
}

/// Converts a line of running text, a heading or the beginning of a list item.
fn text_line(line: &str) -> String {
    let number = line.split_once(". ").filter(|(number, _)| number.parse::<u32>().is_ok());
    if line.is_empty() {
        return ".PP\n".to_owned();
    }
    if line.starts_with("<!--") {
        return String::new();
    }
    if let Some(heading) = line.strip_prefix("## ") {
        return format!(".SH \"{}\"\n", quoted(&inline(heading)));
    }
    if let Some(heading) = line.strip_prefix("### ").or_else(|| line.strip_prefix("#### ")) {
        return format!(".SS \"{}\"\n", quoted(&inline(heading)));
    }
    if let Some(item) = line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")) {
        return format!(".IP \\(bu 2\n{}\n", protected(&inline(item)));
    }
    if let Some((number, item)) = number {
        return format!(".IP {number}. 4\n{}\n", protected(&inline(item)));
    }
    format!("{}\n", protected(&inline(line.trim_start())))
}

fn code_block(lines: &[&str]) -> String {
    let body: String = lines.iter().map(|line| format!("{}\n", protected(&escaped(line)))).collect();
    format!(".PP\n.RS 4\n.nf\n{body}.fi\n.RE\n")
}

/// Converts a table to a list with an item per row: the first cell is the tag. A table of one row becomes a list of its columns.
fn table(rows: &[Vec<String>]) -> String {
    let Some((heads, rows)) = rows.split_first() else { return String::new() };
    // Skips the line of dashes below the heads.
    let rows = rows.get(1..).unwrap_or_default();
    if let [row] = rows {
        let columns = heads.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        return columns.map(|(head, cell)| item(&format!("{head}:"), cell)).collect::<String>() + ".PP\n";
    }
    let described = |row: &Vec<String>| {
        let (first, rest) = row.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let named = heads.iter().skip(1).zip(rest).filter(|(_, cell)| !cell.is_empty());
        let texts: Vec<String> = if rest.len() < 2 {
            rest.to_vec()
        } else {
            named.map(|(head, cell)| if head.is_empty() { cell.clone() } else { format!("{head}: {cell}") }).collect()
        };
        item(first, &texts.join("; "))
    };
    rows.iter().map(described).collect::<String>() + ".PP\n"
}

fn item(tag: &str, text: &str) -> String {
    format!(".TP\n{}\n{}\n", protected(&inline(tag)), protected(&inline(text)))
}

/// Splits a row into cells. `\|` is a bar within a cell.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').replace("\\|", "\u{0}");
    let row = row.strip_suffix('|').unwrap_or(&row);
    row.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// Converts code and emphasis to fonts, and links to their text.
fn inline(text: &str) -> String {
    let mut converted = String::new();
    for (index, part) in unlinked(text).split('`').enumerate() {
        if index % 2 == 1 {
            converted.push_str(&format!("\\fB{}\\fR", escaped(part)));
        } else {
            converted.push_str(&emphasised(part));
        }
    }
    converted
}

/// Converts text between `**` to bold.
fn emphasised(text: &str) -> String {
    let fonts = text.split("**").enumerate();
    fonts
        .map(|(index, part)| if index % 2 == 1 { format!("\\fB{}\\fR", escaped(part)) } else { escaped(part) })
        .collect()
}

/// Replaces `[text](target)` by its text, followed by the target if that is a web address.
fn unlinked(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    let link = rest.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?)));
    match link {
        Some((label, (target, after))) => {
            let shown = if target.starts_with("http") { format!("{label} <{target}>") } else { label.to_owned() };
            format!("{before}{shown}{}", unlinked(after))
        }
        None => format!("{before}[{}", unlinked(rest)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// Escapes a line that would otherwise begin with a troff request.
fn protected(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

fn quoted(text: &str) -> String {
    text.replace('"', "\\(dq")
}

#[cfg(test)]
mod tests {
    use super::{FILES, cells, inline};

    fn body(markdown: &str) -> String {
        let page = FILES[0].render(&format!("# Title\n{markdown}"), "1");
        page.split_once(".SH DESCRIPTION\n").unwrap().1.to_owned()
    }

    #[test]
    fn name_section_has_the_form_that_whatis_reads() {
        let page = FILES[0].render("<!-- made -->\n# Title\ntext\n", "1");
        assert!(page.starts_with(".TH egret.toml 5 "), "{page}");
        assert!(page.contains("\n.SH NAME\negret.toml \\- configuration of egret\n"), "{page}");
        assert!(!page.contains("Title") && !page.contains("made"), "{page}");
    }

    #[test]
    fn headings_lists_and_code_are_converted() {
        assert_eq!(body("## One\n* a `-b`\n1. c\n"), ".SH \"One\"\n.IP \\(bu 2\na \\fB\\-b\\fR\n.IP 1. 4\nc\n");
        assert_eq!(body("```\n.a \\n\n```\n"), ".PP\n.RS 4\n.nf\n\\&.a \\en\n.fi\n.RE\n");
    }

    #[test]
    fn rows_become_items_and_a_single_row_becomes_its_columns() {
        let rows = "| key | value |\n|---|---|\n| `a` | one |\n| b | two |\n";
        assert_eq!(body(rows), ".TP\n\\fBa\\fR\none\n.TP\nb\ntwo\n.PP\n");
        let one = "| value | default |\n|---|---|\n| a size | `1` |\n";
        assert_eq!(body(one), ".TP\nvalue:\na size\n.TP\ndefault:\n\\fB1\\fR\n.PP\n");
    }

    #[test]
    fn links_become_their_text_and_web_addresses_stay() {
        assert_eq!(
            inline("see [names](names.md#x) and [TOML](https://toml.io)."),
            "see names and TOML <https://toml.io>."
        );
        assert_eq!(inline("an [ index"), "an [ index");
        assert_eq!(inline("[`a.b`](../c)"), "\\fBa.b\\fR");
    }

    #[test]
    fn escaped_bar_stays_within_its_cell() {
        assert_eq!(cells("| `a \\| b` | c |"), ["`a | b`", "c"]);
    }
}
