//! `POST /collections/{key}/documents`
//!
//! Parts go to disk while they arrive. A file and a request have a limit, and what crosses one is
//! refused before the rest is read.

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use semantik_app::{App, Caller, UPLOAD_FILES, Upload};
use semantik_core::ErrorCode;
use semantik_core::operation::Operation;
use utoipa::ToSchema;

use super::pace::Paced;
use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;
use crate::state::ApiState;

/// A request has so many bytes at most: part headers and boundaries count as well.
const REQUEST_BYTES: u64 = 10 * 1024 * 1024 * 1024;
const TAGS_BYTES: usize = 16 * 1024;

/// Files as `multipart/form-data`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document; the form is read as a stream")]
pub(super) struct UploadForm {
    /// One part per file, at most MAX_FILE_SIZE_MB each, 10 GB and 1000 files together.
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
    let _place = state.uploads.try_acquire().map_err(|_| {
        Problem::new(ErrorCode::Overloaded, "other uploads are in progress").hint("try again when they are done")
    })?;
    let form = Multipart::from_request(request.map(Paced::body), &state).await.map_err(not_a_form)?;
    let upload = Reader { app: &app, caller: &caller, bytes: 0, upload: Upload::default() }.read(form).await?;
    Ok((StatusCode::ACCEPTED, Json(app.upload(&caller, &key, upload).await?)))
}

/// Refuses by the announced length, before anything is read.
fn check_length(headers: &HeaderMap) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(bytes) if bytes > REQUEST_BYTES => Err(request_too_large()),
        _ => Ok(()),
    }
}

/// Reads a form within the limits.
struct Reader<'a> {
    app: &'a App,
    caller: &'a Caller,
    bytes: u64,
    upload: Upload,
}

impl Reader<'_> {
    async fn read(mut self, mut form: Multipart) -> Result<Upload, Problem> {
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
        Ok(self.upload)
    }

    async fn file(&mut self, name: String, mut field: Field<'_>) -> Result<(), Problem> {
        if self.upload.files.len() >= UPLOAD_FILES {
            return Err(Problem::invalid(format!("an upload has at most {UPLOAD_FILES} files")));
        }
        let mut file = self.app.receive(self.caller, name).await?;
        while let Some(part) = field.chunk().await.map_err(broken)? {
            self.bytes += part.len() as u64;
            if self.bytes > REQUEST_BYTES {
                return Err(request_too_large());
            }
            file.write(&part).await?;
        }
        self.upload.files.push(file.finish().await?);
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
}

fn request_too_large() -> Problem {
    Problem::new(ErrorCode::FileTooLarge, "the upload is larger than 10 GB").hint("send fewer files at once")
}

fn not_a_form(rejection: MultipartRejection) -> Problem {
    Problem::new(ErrorCode::UnsupportedFormat, rejection.body_text()).hint("send the files as multipart/form-data")
}

fn broken(error: MultipartError) -> Problem {
    Problem::invalid(error.body_text())
}
