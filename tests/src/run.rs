//! Runs tests with the command line of the standard harness.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Runs the tests that the command line selects.
#[must_use]
pub fn run(trials: Vec<Trial>) -> ExitCode {
    run_as(trials, |_| {})
}

/// The same one after the other, in order.
#[must_use]
pub fn run_in_turn(trials: Vec<Trial>) -> ExitCode {
    run_as(trials, |arguments| arguments.test_threads = Some(1))
}

fn run_as(trials: Vec<Trial>, settle: impl FnOnce(&mut Arguments)) -> ExitCode {
    let (mut words, mut names) = split(std::env::args().collect());
    let mut arguments = Arguments::from_iter(words.drain(..));
    names.extend(arguments.filter.take());
    settle(&mut arguments);
    let wanted = |trial: &Trial| {
        names.is_empty()
            || names.iter().any(|name| if arguments.exact { trial.name() == name } else { trial.name().contains(name) })
    };
    let trials = trials.into_iter().filter(wanted).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Takes test names off the end, of which there may be several here; all but the first, which may be the value of an
/// option.
fn split(mut words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut names = Vec::new();
    while let [_, .., before, last] = words.as_slice() {
        if before.starts_with('-') || last.starts_with('-') {
            break;
        }
        names.extend(words.pop());
    }
    (words, names)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn values_of_options_are_not_test_names() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, left, names) in [
            ("test one two", "test one", "two"),
            ("test --test-threads 1 one two", "test --test-threads 1", "two one"),
            ("test --exact one two", "test --exact one", "two"),
        ] {
            assert_eq!(split(words(line)), (words(left), words(names)));
        }
        assert_eq!(split(words("test --test-threads 1")), (words("test --test-threads 1"), Vec::new()));
    }
}
