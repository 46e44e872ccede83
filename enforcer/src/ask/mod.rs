//! Asking: flows that no rule covers are put to a person, and the answers.
//!
//! A question is the rule that would be learned of the flow: whoever answers says whether that rule should be. No packet
//! waits for the answer longer than a moment; a question stays open while the program keeps trying, and the answer is
//! for the next time.

mod answer;
mod extent;
mod question;
mod questions;
mod table;
#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerError, Answered, Holds, Lasts, Settled, Which};
pub use extent::{Extent, Hosts};
pub use question::{AnswerInForce, Question};
pub use questions::{Change, Questions, Watcher};
