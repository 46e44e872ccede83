//! Faults that tests provoke. Only builds with debug assertions have them: a release has nothing of this.

/// Panics if the file that the variable `EGRET_FAULTS` names has a line with this word, and removes that line.
#[cfg(debug_assertions)]
pub fn point(word: &str) {
    provoked::point(word);
}

/// Does nothing.
#[cfg(not(debug_assertions))]
pub fn point(_: &str) {}

#[cfg(debug_assertions)]
mod provoked {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// `None` without the variable, which is read once.
    static FILE: OnceLock<Option<Mutex<PathBuf>>> = OnceLock::new();

    pub(super) fn point(word: &str) {
        let file = FILE.get_or_init(|| std::env::var_os("EGRET_FAULTS").map(|path| Mutex::new(path.into())));
        let Some(file) = file else { return };
        let is_wanted = {
            let path = file.lock().unwrap_or_else(PoisonError::into_inner);
            let text = fs::read_to_string(&*path).unwrap_or_default();
            let mut lines: Vec<&str> = text.lines().collect();
            let at = lines.iter().position(|line| *line == word);
            at.is_some_and(|at| {
                lines.remove(at);
                fs::write(&*path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).is_ok()
            })
        };
        assert!(!is_wanted, "a test provokes this: {word}");
    }
}
