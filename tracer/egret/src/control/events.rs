//! The stream of events, one line each.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use egret_exporters::json;
use egret_exporters::sink::{Batch, DropReason, Receiver};
use egret_model::Arguments;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};

/// The line with the number of events that were dropped since the last such line because the reader was too slow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Missed {
    #[serde(rename = "egret.missed")]
    pub(crate) events: u64,
}

/// The events of a queue as the body of an answer.
pub(super) fn body(inbox: Receiver) -> Body {
    let feed = Feed { inbox, writer: json::Writer::new(Arguments::redacted()), reported: 0 };
    Body::from_stream(lines(feed))
}

fn lines(feed: Feed) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(feed, |mut feed| async move {
        // The caller wants more, so the last batch was sent.
        feed.inbox.sent(feed.inbox.in_hand());
        let batch = feed.inbox.next().await;
        let text = feed.write(batch.as_ref());
        (batch.is_some() || !text.is_empty()).then(|| (Ok(text.into()), feed))
    })
}

struct Feed {
    inbox: Receiver,
    writer: json::Writer,
    /// Missed events that were reported.
    reported: u64,
}

impl Feed {
    fn write(&mut self, batch: Option<&Batch>) -> Vec<u8> {
        let mut text = Vec::new();
        self.write_missed(&mut text);
        for event in batch.iter().flat_map(|batch| batch.iter()) {
            self.writer.write(&mut text, event);
        }
        text
    }

    fn write_missed(&mut self, text: &mut Vec<u8>) {
        let missed = self.inbox.ledger().account().dropped.get(DropReason::QueueFull);
        let events = missed - self.reported;
        // Serialising a number does not fail.
        if events != 0 && serde_json::to_writer(&mut *text, &Missed { events }).is_ok() {
            text.push(b'\n');
            self.reported = missed;
        }
    }
}

#[cfg(test)]
mod tests {
    use egret_exporters::sink::queue;
    use egret_model::sample;
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn missed_events_are_reported_and_others_are_sent() {
        let (sender, inbox) = queue("live", 2);
        sender.offer(&vec![sample::event(); 5].into());
        let ledger = sender.ledger().clone();
        drop(sender);
        let stream = lines(Feed { inbox, writer: json::Writer::new(Arguments::redacted()), reported: 0 });
        let text: Vec<_> = stream.map(Result::unwrap).collect().await;
        let text = String::from_utf8(text.concat()).unwrap();
        assert_eq!(text.lines().next(), Some(r#"{"egret.missed":3}"#));
        assert_eq!(text.lines().count(), 3);
        let account = ledger.account();
        assert_eq!((account.sent, account.dropped.total(), account.queued), (2, 3, 0));
    }
}
