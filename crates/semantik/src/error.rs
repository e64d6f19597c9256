//! What went wrong, as a person and a script see it: a stable code, one sentence, what to do next,
//! and an exit code.

use semantik_core::{ErrorClass, ErrorCode};
use serde_json::{Value, json};

/// Exit codes, stable for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Internal = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Unavailable = 5,
    /// The run completed, some documents failed, and `--strict` was given.
    Partial = 6,
    Interrupted = 130,
}

impl Exit {
    /// The one place where an error class becomes an exit code.
    pub fn of(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Invalid | ErrorClass::TooLarge | ErrorClass::Unsupported => Self::Usage,
            ErrorClass::Unauthenticated | ErrorClass::Forbidden => Self::Usage,
            ErrorClass::NotFound => Self::NotFound,
            ErrorClass::Conflict => Self::Conflict,
            ErrorClass::Overloaded | ErrorClass::Unavailable => Self::Unavailable,
            ErrorClass::Internal => Self::Internal,
        }
    }
}

/// An error on its way to the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    pub code: String,
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

impl CliError {
    /// An error of the shared table.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.name().to_owned(), exit: Exit::of(code.class()), message: message.into(), hint: None }
    }

    /// A wrong argument.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Something that should not have happened.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::Internal, message.to_string())
    }

    /// The user pressed Ctrl-C.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { code: "interrupted".into(), exit: Exit::Interrupted, message: message.into(), hint: None }
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the API answered instead of success: a problem (RFC 9457), or anything else.
    pub fn from_answer(status: u16, body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = text("detail")
            .or_else(|| text("title"))
            .unwrap_or_else(|| format!("the server answered with status {status}"));
        let mut error = match text("code").and_then(|code| code.parse::<ErrorCode>().ok()) {
            Some(code) => Self::new(code, message),
            None => Self::from_status(status, text("code"), message),
        };
        error.hint = text("hint");
        error
    }

    fn from_status(status: u16, code: Option<String>, message: String) -> Self {
        let class = match status {
            401 => ErrorClass::Unauthenticated,
            403 => ErrorClass::Forbidden,
            404 => ErrorClass::NotFound,
            409 => ErrorClass::Conflict,
            413 => ErrorClass::TooLarge,
            415 => ErrorClass::Unsupported,
            400..=499 => ErrorClass::Invalid,
            503 => ErrorClass::Unavailable,
            _ => ErrorClass::Internal,
        };
        Self { code: code.unwrap_or_else(|| format!("http_{status}")), exit: Exit::of(class), message, hint: None }
    }

    /// The JSON form, for `--json`.
    pub fn to_json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message, "hint": self.hint } })
    }
}

impl From<semantik_app::AppError> for CliError {
    fn from(error: semantik_app::AppError) -> Self {
        let mut told = Self::new(error.code(), error.to_string());
        told.hint = error.hint();
        told
    }
}

/// An I/O error with what was tried; a folder that cannot be written has its own code.
pub fn io_error(what: &str, error: &std::io::Error) -> CliError {
    use std::io::ErrorKind;
    let code = match error.kind() {
        ErrorKind::NotFound => ErrorCode::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => ErrorCode::DataFolderReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::InvalidFilename | ErrorKind::InvalidData => {
            ErrorCode::InvalidRequest
        }
        _ => ErrorCode::Internal,
    };
    CliError::new(code, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_an_exit_code_other_than_success() {
        for code in ErrorCode::ALL {
            assert_ne!(Exit::of(code.class()), Exit::Ok, "{code}");
        }
        assert_eq!(Exit::of(ErrorCode::DataFolderBusy.class()), Exit::Conflict);
        assert_eq!(Exit::of(ErrorCode::DataFolderReadOnly.class()), Exit::Unavailable);
    }

    #[test]
    fn a_problem_keeps_its_code_message_and_hint() {
        let body = json!({"code": "not_found", "detail": "collection x does not exist", "hint": "list them"});
        let error = CliError::from_answer(404, &body);
        assert_eq!((error.code.as_str(), error.exit), ("not_found", Exit::NotFound));
        assert_eq!(error.message, "collection x does not exist");
        assert_eq!(error.hint.as_deref(), Some("list them"));
    }

    #[test]
    fn an_answer_that_is_no_problem_is_judged_by_its_status() {
        let check = |status, exit| assert_eq!(CliError::from_answer(status, &Value::Null).exit, exit, "{status}");
        check(400, Exit::Usage);
        check(404, Exit::NotFound);
        check(409, Exit::Conflict);
        check(503, Exit::Unavailable);
        check(500, Exit::Internal);
    }
}
