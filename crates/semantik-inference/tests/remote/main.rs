//! Remote models against a real HTTP server in this process that speaks each protocol as published.

mod identity;
mod limits;
mod protocols;
mod server;
mod troubles;
