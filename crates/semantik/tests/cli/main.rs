//! Stories of the real binary: a person at a terminal, a script, a crash, two processes.

mod documentation;
mod mismatch;
mod stories;
mod test_bin;
mod vecpipe;
