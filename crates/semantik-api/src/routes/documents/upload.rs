//! `POST /collections/{key}/documents`
//!
//! Parts are counted while they arrive: a file, a request and all uploads together have a limit, and
//! what crosses one is refused before the rest is read.

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use semantik_app::{App, Upload, UploadFile};
use semantik_core::ErrorCode;
use semantik_core::operation::Operation;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;

use super::pace::Paced;
use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;
use crate::state::{ApiState, UPLOAD_UNIT};

const MIB: usize = 1024 * 1024;
const FILE_BYTES: usize = 100 * MIB;
const REQUEST_BYTES: usize = 1024 * MIB;
/// Part headers and boundaries that come on top of the files.
const ENVELOPE_BYTES: usize = MIB;
const TAGS_BYTES: usize = 16 * 1024;

/// Files as `multipart/form-data`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document; the form is read as a stream")]
pub(super) struct UploadForm {
    /// One part per file, at most 100 MB each, 1 GB together.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
    /// Separated by commas; may be repeated.
    tags: Option<String>,
}

/// Adds files; when this answers they are safe on disk. The same name again replaces the file.
#[utoipa::path(
    post, path = "/api/v2/collections/{key}/documents", tag = "documents",
    params(("key" = String, Path, description = "Id or name")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 202, body = Operation))
)]
pub(super) async fn upload_documents(
    State(app): State<App>,
    State(state): State<ApiState>,
    Auth(caller): Auth,
    Param(key): Param<String>,
    request: Request,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    check_length(request.headers())?;
    app.collection(&caller, &key).await?;
    let form = Multipart::from_request(request.map(Paced::body), &state).await.map_err(not_a_form)?;
    let (upload, _memory) = Reader::new(&state).read(form).await?;
    Ok((StatusCode::ACCEPTED, Json(app.upload(&caller, &key, upload).await?)))
}

/// Refuses by the announced length, before anything is read.
fn check_length(headers: &HeaderMap) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match announced {
        Some(bytes) if bytes > REQUEST_BYTES + ENVELOPE_BYTES => Err(request_too_large()),
        _ => Ok(()),
    }
}

/// Reads a form within the limits.
struct Reader<'a> {
    state: &'a ApiState,
    memory: Vec<SemaphorePermit<'a>>,
    bytes: usize,
    upload: Upload,
}

impl<'a> Reader<'a> {
    fn new(state: &'a ApiState) -> Self {
        Self { state, memory: Vec::new(), bytes: 0, upload: Upload::default() }
    }

    async fn read(mut self, mut form: Multipart) -> Result<(Upload, Vec<SemaphorePermit<'a>>), Problem> {
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match (field.file_name().map(str::to_owned), field.name()) {
                (Some(name), _) => self.file(name, field).await?,
                (None, Some("tags")) => self.tags(field).await?,
                (None, other) => {
                    let name = other.unwrap_or_default();
                    return Err(Problem::invalid(format!("part `{name}` is neither a file nor `tags`")));
                }
            }
        }
        Ok((self.upload, self.memory))
    }

    async fn file(&mut self, name: String, mut field: Field<'_>) -> Result<(), Problem> {
        let mut bytes = Vec::new();
        while let Some(part) = field.chunk().await.map_err(broken)? {
            if bytes.len() + part.len() > FILE_BYTES {
                let detail = format!("`{name}` is larger than {} MB", FILE_BYTES / MIB);
                return Err(
                    Problem::new(ErrorCode::FileTooLarge, detail).hint("put the file into a folder and add the folder")
                );
            }
            self.take(part.len())?;
            bytes.extend_from_slice(&part);
        }
        self.upload.files.push(UploadFile { name, bytes });
        Ok(())
    }

    async fn tags(&mut self, mut field: Field<'_>) -> Result<(), Problem> {
        let mut text = Vec::new();
        while let Some(part) = field.chunk().await.map_err(broken)? {
            if text.len() + part.len() > TAGS_BYTES {
                return Err(Problem::invalid("the tags are longer than 16 KB"));
            }
            text.extend_from_slice(&part);
        }
        let text = String::from_utf8(text).map_err(|_| Problem::invalid("the tags are not UTF-8"))?;
        let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        self.upload.tags.extend(tags.map(str::to_owned));
        Ok(())
    }

    /// Counts bytes against the request and against all uploads in progress.
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.bytes > REQUEST_BYTES {
            return Err(request_too_large());
        }
        while self.memory.len() * UPLOAD_UNIT < self.bytes {
            let permit = self.state.uploads.try_acquire().map_err(|_| {
                Problem::new(ErrorCode::Overloaded, "other uploads are in progress")
                    .hint("try again when they are done")
            })?;
            self.memory.push(permit);
        }
        Ok(())
    }
}

fn request_too_large() -> Problem {
    Problem::new(ErrorCode::FileTooLarge, "the upload is larger than 1 GB").hint("send fewer files at once")
}

fn not_a_form(rejection: MultipartRejection) -> Problem {
    Problem::new(ErrorCode::UnsupportedFormat, rejection.body_text()).hint("send the files as multipart/form-data")
}

fn broken(error: MultipartError) -> Problem {
    Problem::invalid(error.body_text())
}
