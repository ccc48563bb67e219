//! Calls with a deadline, made again where the server was not there to answer.

use std::time::Duration;

use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

const DEADLINE: Duration = Duration::from_secs(30); // of every attempt but the training stream
const RETRIES: u32 = 8;
const FIRST_DELAY: Duration = Duration::from_millis(50); // it doubles with each failure, to twelve seconds in all

/// Makes a call safe to repeat when its answer is lost: the server answers the same request again as
/// it did the first time.
pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whether the connection broke. tonic has UNAVAILABLE for one that could not be made, and UNKNOWN with
/// the transport's error as the source for one that broke under a call.
fn is_lost(status: &Status) -> bool {
    let broke = status.code() == Code::Unknown && std::error::Error::source(status).is_some();
    status.code() == Code::Unavailable || broke
}

/// Waits before the next attempt, or gives the error back if there is to be none.
pub async fn wait_to_retry(status: Status, failures: u32) -> Result<(), Status> {
    let told = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let delay = match told {
        _ if failures >= RETRIES => return Err(status),
        Some(delay) => delay,
        None if is_lost(&status) => FIRST_DELAY * 2u32.pow(failures),
        None => return Err(status),
    };
    tokio::time::sleep(delay).await;
    Ok(())
}

/// Makes a call with this message, and makes it again until it is answered or refused.
pub async fn with_retry<Message: Clone, Answer>(
    message: Message,
    mut call: impl AsyncFnMut(Request<Message>) -> Result<Response<Answer>, Status>,
) -> Result<Answer, Status> {
    for failures in 0.. {
        let mut request = Request::new(message.clone());
        request.set_timeout(DEADLINE);
        match call(request).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => wait_to_retry(status, failures).await?,
        }
    }
    unreachable!("the last failure is an error")
}
