//! The wiring from socket and REST to plugins, in memory and in virtual time.

mod bars;
mod recording;
mod rows;
mod whole;
