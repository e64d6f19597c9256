//! How much memory is left, for batches that need much of it.

use std::fs;
use std::path::Path;

/// Batches below this are never worth a look.
const SMALL_BYTES: usize = 32 << 20;

/// Whether `workers` batches of `bytes` each would take more than half of what is left, so that they
/// should run one after the other.
pub(super) fn is_tight(bytes: usize, workers: usize) -> bool {
    bytes > SMALL_BYTES && left().is_some_and(|left| bytes.saturating_mul(workers) > left / 2)
}

/// Bytes this process may still take: the smaller of what the machine has and the control group
/// allows. `None` where neither is known.
fn left() -> Option<usize> {
    let group = Path::new("/sys/fs/cgroup");
    let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<usize>().ok();
    let allowed = number("memory.max").zip(number("memory.current")).map(|(most, now)| most.saturating_sub(now));
    let free = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    allowed.into_iter().chain(free).min()
}

/// `MemAvailable` in bytes (proc_meminfo(5)).
fn available(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::{available, is_tight};

    #[test]
    fn available_memory_is_read_in_kilobytes() {
        assert_eq!(available("MemTotal:  10 kB\nMemAvailable:       7 kB\n"), Some(7168));
        assert_eq!(available("MemTotal:  10 kB\n"), None);
    }

    #[test]
    fn only_large_batches_can_be_too_large() {
        assert!(!is_tight(1 << 20, 1_000_000));
        assert!(is_tight(1 << 50, 2));
    }
}
