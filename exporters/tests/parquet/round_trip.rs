//! Reading returns the written events.

use std::sync::Arc;

use egret_exporters::parquet::Sink;
use egret_exporters::parquet::read::Query;
use egret_model::{Event, Timestamp};
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use proptest::prelude::*;

use crate::events::{any_event, full_event};
use crate::log::{CAPACITY, HOUR, Log, TEN_AT_NIGHT, lines, numbered};
use crate::running::Running;

/// Any events, of two hours: each hour has its own file.
fn in_two_hours() -> impl Strategy<Value = Vec<Event>> {
    let event = (any_event(), 0..2 * HOUR)
        .prop_map(|(event, offset)| Event { time: Timestamp(TEN_AT_NIGHT.0 + offset), ..event });
    prop::collection::vec(event, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decode_reverses_encode(events in in_two_hours()) {
        let log = Log::new();
        prop_assert_eq!(log.write(events.clone()).sent, u64::try_from(events.len()).unwrap());
        let hour = |event: &Event| event.time.0.div_euclid(HOUR);
        let mut expected = events;
        // A stable sort: events of an hour keep their order.
        expected.sort_by_key(hour);
        prop_assert_eq!(lines(&log.find(Query::default())), lines(&expected));
    }
}

#[test]
fn known_values_are_written() {
    let log = Log::new();
    log.write(vec![full_event()]);
    assert_eq!(lines(&log.find(Query::default())), lines(&[full_event()]));
}

#[test]
fn rows_share_their_process() {
    let log = Log::new();
    log.write(numbered(0..100));
    let found = log.find(Query::default());
    let first = found.first().unwrap().process.clone().unwrap();
    assert!(found.iter().all(|event| Arc::ptr_eq(event.process.as_ref().unwrap(), &first)));
}

#[test]
fn more_than_a_row_group_is_read_in_order() {
    let mut log = Log::new();
    log.settings.row_group_rows = 1_000;
    // Ten thousand seconds are more than two hours.
    log.write(numbered(0..10_000));
    assert_eq!(log.numbers(), (0..10_000).collect::<Vec<_>>());
    assert_eq!(log.files().len(), 3);
}

/// A store in memory takes the place of a bucket.
#[tokio::test]
async fn files_are_written_to_any_object_store() {
    let log = Log::new();
    let store = Arc::new(InMemory::new());
    let sink = Sink::on(&log.settings, Arc::clone(&store) as Arc<dyn ObjectStore>).unwrap();
    let running = Running::start("parquet", CAPACITY, move |inbox| sink.run(inbox));
    running.offer(&numbered(0..5_000).into());
    assert_eq!(running.finish().sent, 5_000);
    let objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(objects.len(), 2);
    for object in objects {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        let file = log.path().join(object.location.as_ref());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    assert_eq!(log.numbers(), (0..5_000).collect::<Vec<_>>());
}
