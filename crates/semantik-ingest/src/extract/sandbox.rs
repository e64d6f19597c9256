//! What a child gives up before it reads its first document. Parsers of foreign formats are the
//! most exposed code there is, so a child has little to lose: bounded memory and processor time, no
//! core dumps, no large files, and on Linux no network where the kernel lets it have its own.

use std::fs::File;
use std::os::fd::FromRawFd as _;

use super::Limits;

/// Largest file a child may write: the PDF library unpacks itself once into the scratch folder.
const FILE_BYTES: u64 = 64 << 20;
/// Processor seconds over a child's life; the parent's clock is the real limit.
const PROCESSOR_SECONDS: u64 = 3_600;

/// Applies the limits. Must run while the process has one thread.
pub(super) fn enter(limits: &Limits) {
    limit(libc::RLIMIT_CORE, 0);
    limit(libc::RLIMIT_FSIZE, FILE_BYTES);
    limit(libc::RLIMIT_CPU, PROCESSOR_SECONDS);
    limit(libc::RLIMIT_AS, limits.memory_bytes);
    // SAFETY: plain system calls on the own process without pointers.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 5);
    }
    #[cfg(target_os = "linux")]
    // SAFETY: plain system calls on the own process without pointers.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        // With the right to do so the network alone is left behind; else a user namespace comes
        // with it. Where neither is allowed the child keeps the network, which it never uses.
        if libc::unshare(libc::CLONE_NEWNET) != 0 {
            libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET);
        }
    }
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_os = "linux"))]
type Resource = libc::c_int;

fn limit(resource: Resource, most: u64) {
    let value = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `value` lives through the call, which only reads it.
    unsafe {
        libc::setrlimit(resource, &raw const value);
    }
}

/// Takes standard output for the answers and points the old number at standard error, so that a
/// parser which prints cannot spoil the protocol.
pub(super) fn take_stdout() -> std::io::Result<File> {
    // SAFETY: both descriptors are open, and the new one is owned by nobody else.
    unsafe {
        let kept = libc::fcntl(libc::STDOUT_FILENO, libc::F_DUPFD_CLOEXEC, 3);
        if kept < 0 || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(kept))
    }
}

/// Ends the process as soon as the parent is gone, also in the middle of a document.
pub(super) fn die_with_parent() {
    std::thread::spawn(|| {
        let mut stdin = libc::pollfd { fd: libc::STDIN_FILENO, events: 0, revents: 0 };
        loop {
            // SAFETY: `stdin` is one valid entry; with no events asked only a hang-up returns.
            let ready = unsafe { libc::poll(&raw mut stdin, 1, -1) };
            if ready > 0 {
                // SAFETY: ends the process at once; nothing of it needs to be kept.
                unsafe { libc::_exit(0) };
            }
        }
    });
}
