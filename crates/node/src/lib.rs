//! One device of one person as a pure state machine: commands, frames and the time go in; frames,
//! replies and events come out.
//!
//! It composes the conversation rules (`anser-chat`) and certificates (`anser-e2ee`) over a
//! [`Store`](anser_store::Store). Nothing here knows sockets, files, threads or clocks; randomness
//! is a seed handed in. What must hold: outputs are taken only after [`Node::flush`], so that
//! whatever another device or a person was told is on disk.

mod io;

pub use io::{Input, Now, Output};
