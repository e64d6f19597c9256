//! SQLite's result codes as [`StoreError`].

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use crate::StoreError;

const CONSTRAINT_FOREIGN_KEY: i32 = 787;
const CONSTRAINT_PRIMARY_KEY: i32 = 1555;
const CONSTRAINT_UNIQUE: i32 = 2067;

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let (DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner))) = &error
        else {
            return Self::Unavailable(error.to_string());
        };
        from_sqlx(inner)
    }
}

pub(super) fn from_sqlx(error: &SqlxError) -> StoreError {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    match code {
        Some(CONSTRAINT_UNIQUE | CONSTRAINT_PRIMARY_KEY) => StoreError::AlreadyExists { what: text },
        Some(CONSTRAINT_FOREIGN_KEY) => {
            StoreError::InvalidState { what: text, state: "still referred to, or refers to nothing".into() }
        }
        Some(code) => match code & 0xff {
            8 => StoreError::ReadOnly,
            11 | 26 => StoreError::Corrupt(text),
            13 => StoreError::DiskFull,
            _ => StoreError::Unavailable(text),
        },
        None => StoreError::Unavailable(text),
    }
}

/// A row that does not read as what it should be.
pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

pub(super) fn not_found(what: &str, id: impl std::fmt::Display) -> StoreError {
    StoreError::NotFound { what: format!("{what} {id}") }
}
