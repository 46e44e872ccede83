//! Sources of values. Each makes a raw configuration; the headers file makes that of `otlp.headers`.

pub(crate) mod environment;
pub(crate) mod file;
pub(crate) mod headers_file;
pub(crate) mod standard;

/// What was meant by `written`: the one of `known` that is most like it, if one is like it at all.
pub(crate) fn nearest<K: AsRef<str>>(written: &str, known: impl IntoIterator<Item = K>) -> Option<K> {
    /// Below this, words have little in common.
    const ALIKE: f64 = 0.75;
    let written = written.to_ascii_lowercase();
    let rated = known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(&written, &word.as_ref().to_ascii_lowercase()), word));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, word)| word)
}
