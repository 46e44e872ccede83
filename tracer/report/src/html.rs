//! The report as one HTML file, without scripts and without anything from elsewhere. maud escapes all text.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{Body, Chart, Document, Section, Table};

/// Size of a chart, in units of its coordinates.
const WIDTH: usize = 560;
const HEIGHT: u64 = 80;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--bar:#2f6fb2}\
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .2rem}\
p{margin:.2rem 0 .6rem}.about,.more{opacity:.75}\
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.6rem;margin:1.2rem 0}\
dl div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem}\
dt{opacity:.75;font-size:.85rem}dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}\
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
figure{margin:1rem 0}figcaption{font-size:.9rem;opacity:.75}svg{width:100%;height:auto;border-bottom:1px solid var(--line)}\
rect{fill:var(--bar)}pre{overflow-x:auto}\
@media print{body{margin:0;max-width:none}section,figure{break-inside:avoid}}";

pub(crate) fn page(document: &Document) -> String {
    let Document { title, period, facts, charts, sections } = document;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing of the page may be loaded or run, whatever a name of a peer is.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p { (period) }
                dl { @for (label, value) in facts { div { dt { (label) } dd { (value) } } } }
                @for chart in charts { (figure(chart)) }
                @for part in sections { (section(part)) }
            }
        }
    };
    page.into_string() + "\n"
}

fn figure(Chart { title, values, most, from, to }: &Chart) -> Markup {
    let largest = values.iter().copied().max().unwrap_or_default().max(1);
    let step = WIDTH / values.len().max(1);
    let height = |value: u64| u128::from(value) * u128::from(HEIGHT) / u128::from(largest);
    let bars = values.iter().enumerate().filter(|(_, value)| **value > 0).map(|(index, value)| {
        // Whatever there was can be seen.
        let tall = height(*value).max(1);
        (index * step, u128::from(HEIGHT) - tall, tall)
    });
    let described = format!("{title} from {from} to {to}, at most {most} in {} equal parts", values.len());
    html! {
        figure {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(described) {
                @for (x, y, tall) in bars { rect x=(x) y=(y) width=(step - 1) height=(tall) {} }
            }
            figcaption { (described) }
        }
    }
}

fn section(Section { title, about, body }: &Section) -> Markup {
    html! {
        section {
            h2 { (title) }
            p.about { (about) }
            @match body {
                Body::Table(rows) => (table(rows)),
                Body::Lines(text) => pre { (text) },
                Body::Nothing(sentence) => p { (sentence) },
            }
        }
    }
}

fn table(Table { titles, rows, more }: &Table) -> Markup {
    let columns: Vec<(&str, Option<&str>)> = titles
        .iter()
        .map(|title| title.strip_prefix('>').map_or((*title, None), |title| (title, Some("number"))))
        .collect();
    html! {
        div.scroll {
            table {
                thead { tr { @for (title, class) in &columns { th scope="col" class=[class] { (title) } } } }
                tbody {
                    @for row in rows {
                        tr { @for (cell, (_, class)) in row.iter().zip(&columns) { td class=[class] { (cell) } } }
                    }
                }
            }
        }
        @if *more > 0 { p.more { (more) " more are not shown." } }
    }
}
