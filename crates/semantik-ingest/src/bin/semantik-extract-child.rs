//! The extractor child on its own, for this crate's tests and for measuring; the real program
//! calls the same function from a hidden subcommand.

fn main() -> std::io::Result<()> {
    semantik_ingest::extract::run_child()
}
