//! Sources of values. Each makes a raw configuration; that of the headers file has only `otlp.headers`.

pub(crate) mod environment;
pub(crate) mod file;
pub(crate) mod headers_file;
pub(crate) mod standard;

/// The most similar of `known`, if one is similar enough to suggest it for `written`.
pub(crate) fn nearest<K: AsRef<str>>(written: &str, known: impl IntoIterator<Item = K>) -> Option<K> {
    /// Least similarity of a suggestion.
    const ALIKE: f64 = 0.75;
    let written = written.to_ascii_lowercase();
    let rated = known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(&written, &word.as_ref().to_ascii_lowercase()), word));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, word)| word)
}
