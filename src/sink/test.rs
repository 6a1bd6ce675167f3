//! A message that is nothing but a test, sent once over a channel.

use crate::delivery::{Delivery, Outcome, Sink};

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Whether the receiver has it.
    pub delivered: bool,
    /// What happened, for a person; without secrets.
    pub sentence: String,
    /// What the sender would have made of it.
    pub outcome: Outcome,
}

/// Delivers a message that says that it is a test, by one attempt: what any other message would go
/// through, but no outbox.
pub async fn test(sink: &dyn Sink, message: &Delivery) -> Tested {
    let outcome = sink.deliver(message).await;
    let id = message.notification_id.get(..8).unwrap_or(&message.notification_id);
    let (delivered, what) = match &outcome {
        Outcome::Delivered | Outcome::DeliveredAndFull { .. } => {
            (true, format!("the receiver took the message, a test (id {id})"))
        }
        Outcome::Retry { after: None, reason } => (false, format!("it may work later: {reason}")),
        Outcome::Retry { after: Some(after), reason } => {
            (false, format!("the receiver asks to wait for {} s: {reason}", after.as_secs()))
        }
        Outcome::Permanent { reason } => (false, format!("the message was refused: {reason}")),
        Outcome::Broken { reason } => {
            (false, format!("the channel is of no use as it is configured: {reason}"))
        }
    };
    Tested { delivered, sentence: format!("{}: {what}", message.channel), outcome }
}
