//! Content negotiation (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// Versions of OpenMetrics that the output conforms to.
const VERSIONS: [&str; 2] = ["1.0.0", "0.0.1"];

/// Whether OpenMetrics is named explicitly, with at least the weight of Prometheus' own format. With a wildcard, as of browsers and
/// `curl`, the older format is used.
pub(super) fn prefers_openmetrics(headers: &HeaderMap) -> bool {
    let ranges = || {
        let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(Range::parse)
    };
    let best = |wanted: fn(&Range<'_>) -> bool| ranges().filter(wanted).map(|range| range.weight).fold(0.0, f32::max);
    let openmetrics = best(|range| range.is_openmetrics());
    openmetrics > 0.0 && openmetrics >= best(|range| range.is_text())
}

struct Range<'a> {
    media: &'a str,
    version: Option<&'a str>,
    weight: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut range = Self { media, version: None, weight: 1.0 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                name if name.eq_ignore_ascii_case("q") => range.weight = weight(value.trim()),
                name if name.eq_ignore_ascii_case("version") => range.version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        range
    }

    fn is_openmetrics(&self) -> bool {
        self.media.eq_ignore_ascii_case("application/openmetrics-text")
            && self.version.is_none_or(|version| VERSIONS.contains(&version))
    }

    fn is_text(&self) -> bool {
        self.media.eq_ignore_ascii_case("text/plain")
    }
}

/// An invalid weight is zero.
fn weight(text: &str) -> f32 {
    text.parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn prefers(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        prefers_openmetrics(&headers)
    }

    #[test]
    fn openmetrics_is_used_for_prometheus() {
        assert!(prefers(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(prefers(
            "application/openmetrics-text; version=\"1.0.0\"; escaping=allow-utf-8; q=0.5, text/plain; q=0.3"
        ));
        assert!(prefers("Application/OpenMetrics-Text"));
    }

    #[test]
    fn text_format_is_used_for_other_clients() {
        assert!(!prefers_openmetrics(&HeaderMap::new()));
        for accept in [
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=NaN",
            "application/openmetrics-text;q=0.2,text/plain;q=0.5",
            ";;q=,=",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
    }
}
