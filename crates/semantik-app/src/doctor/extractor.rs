//! Whether files can be read at all: one extractor is started and reads one file.

use semantik_config::Config;
use semantik_ingest::extract::{Outcome, Request};
use tokio_util::sync::CancellationToken;

use crate::AppError;
use crate::documents::io_error;
use crate::open::{TEMPORARY, extractor};

const SAMPLE: &str = "a short sample";

/// Starts an extractor and lets it read a file of the data folder.
///
/// # Errors
/// What stands in the way: the folder, the program, or a limit that is too tight.
pub async fn try_extractor(config: &Config) -> Result<(), AppError> {
    let folder = config.data_dir.join(TEMPORARY);
    std::fs::create_dir_all(&folder).map_err(io_error)?;
    let mut file = tempfile::Builder::new().suffix(".txt").tempfile_in(&folder).map_err(io_error)?;
    std::io::Write::write_all(&mut file, SAMPLE.as_bytes()).map_err(io_error)?;
    let request = Request { path: file.path().to_owned(), name: "sample.txt".into(), depth: 0, careful: false };
    let extracted = extractor(config, Some(1))?.extract(request, &CancellationToken::new()).await?;
    match extracted.outcome {
        Outcome::Text(text) if text.text.contains(SAMPLE) => Ok(()),
        other => Err(AppError::Internal(format!("the sample came back as {other:?}"))),
    }
}
