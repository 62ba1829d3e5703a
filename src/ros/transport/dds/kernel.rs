//! Whether the kernel's buffers hold an image.

/// Least bytes a socket should be able to hold: a few images of 640×480 in pieces.
const WANTED_BYTES: u64 = 4 << 20;
const LIMIT_FILE: &str = "/proc/sys/net/core/rmem_max";

/// What to do about a receive buffer that is too small, where the kernel tells its limit.
pub(super) fn receive_buffer_advice() -> Option<String> {
    advice(&std::fs::read_to_string(LIMIT_FILE).ok()?)
}

fn advice(limit: &str) -> Option<String> {
    let bytes: u64 = limit.trim().parse().ok()?;
    (bytes < WANTED_BYTES).then(|| {
        format!(
            "the kernel lets a socket hold {} KiB: most images will be lost on their way. Run: \
             sudo sysctl -w net.core.rmem_max={WANTED_BYTES}",
            bytes / 1024
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_buffers_are_told_with_the_cure() {
        assert!(advice("212992\n").is_some_and(|text| text.contains("net.core.rmem_max=4194304")));
        assert_eq!(advice("8388608\n"), None);
        assert_eq!(advice("?"), None);
    }
}
