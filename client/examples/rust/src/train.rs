//! Training on a stream of batches that are each applied exactly once.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::connect::Server;
use crate::pb::{
    Batch, TrainAck, TrainBatch, TrainRequest, TrainStart, train_request, train_response,
};
use crate::retry::{request_id, wait_to_retry};

/// Trains on `batch(1)` to `batch(count)`. A stream that breaks is opened again with the same session
/// id, and goes on where the server says. It gives up when too many streams in a row have brought no
/// ack.
pub async fn train(
    server: &Server,
    model: &str,
    count: i64,
    batch: fn(i64) -> Batch,
    mut on_ack: impl FnMut(&TrainAck),
) -> Result<(), Status> {
    let start = TrainStart {
        model: model.into(),
        session_id: request_id(),
        ack_every: 8,
        ..Default::default()
    };
    let mut failures = 0;
    let mut streams = 0;
    loop {
        let outcome = stream(server, &start, count, batch, &mut streams, |ack| {
            failures = 0;
            on_ack(ack);
        });
        match outcome.await {
            Ok(()) => return Ok(()),
            Err(status) => wait_to_retry(status, failures).await?,
        }
        failures += 1;
    }
}

async fn stream(
    server: &Server,
    start: &TrainStart,
    count: i64,
    batch: fn(i64) -> Batch,
    streams: &mut u32,
    mut on_ack: impl FnMut(&TrainAck),
) -> Result<(), Status> {
    // The channel is short: a full one makes the sender wait while the server has as many batches as it
    // will hold. Dropping its other end ends the sender.
    let (sender, requests) = mpsc::channel(4);
    let mut networks = server.networks.clone();
    let message = train_request::Message::Start(start.clone());
    sender.try_send(request(message)).expect("the channel is empty");
    let mut responses = networks.train(ReceiverStream::new(requests)).await?.into_inner();
    let mut sender = Some(sender);
    while let Some(response) = responses.message().await? {
        match response.message {
            Some(train_response::Message::Ready(ready)) => {
                *streams += 1;
                if *streams > 1 {
                    eprintln!("connected again: going on with batch {}", ready.next_sequence);
                }
                if let Some(sender) = sender.take() {
                    tokio::spawn(send(sender, ready.next_sequence, count, batch));
                }
            }
            Some(train_response::Message::Ack(ack)) => on_ack(&ack),
            None => {}
        }
    }
    Ok(()) // everything is applied and durable
}

/// Sends the rest of the batches; that the sender is dropped then is what closes the stream.
async fn send(sender: mpsc::Sender<TrainRequest>, next: i64, count: i64, batch: fn(i64) -> Batch) {
    for sequence in next..=count {
        let batch = TrainBatch { sequence, batch: Some(batch(sequence)), ..Default::default() };
        if sender.send(request(train_request::Message::Batch(batch))).await.is_err() {
            return; // the stream broke, and whoever reads it knows why
        }
    }
}

fn request(message: train_request::Message) -> TrainRequest {
    TrainRequest { message: Some(message), ..Default::default() }
}
