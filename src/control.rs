//! The control socket: a running process is asked and told things by commands on the same machine.
//!
//! Owns the protocol ([`Request`] in, items out), the socket file and the limits of a client.
//! Does not know what an answer means: a [`Desk`] gives them. Unix only: on other systems there
//! is no such socket.
//!
//! One line of JSON is one request; the answer is lines of JSON, the last of which says that it
//! is whole. Both name the version of the protocol. Only the user who runs the process is
//! answered, by the mode of the file and by what the system says of the other end.
//!
//! A client that hangs, sends rubbish or asks without end takes one of a few seats for a few
//! seconds, and nothing else: nobody waits for it.
//!
//! Keeps: [fails-alone] [bounded]

mod client;
mod items;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

pub use client::{AskError, ask};
pub use items::{ChannelItem, Firing, Known, Message, Summary, item};
pub use protocol::{Answer, Refusal, Request, VERSION, Which};
pub use server::{BindError, Desk, Listening, MAX_ITEMS, bind};
