//! The wiring from socket and REST to plugins, in memory and in virtual time.

mod recording;
mod rows;
mod whole;
