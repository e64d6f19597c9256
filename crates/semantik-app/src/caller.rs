//! Who asks. A use case cannot be called without one.

use semantik_core::id::UserId;

/// An authenticated caller. Made by the API's auth extractor and by the schedule, nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    user: UserId,
}

impl Caller {
    /// The owner of a single-user installation.
    pub fn local_owner() -> Self {
        Self { user: UserId::LOCAL_OWNER }
    }

    /// Whose rights count.
    pub fn user(&self) -> UserId {
        self.user
    }
}
